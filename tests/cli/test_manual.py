"""The manual pages say what the app says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nic_cli.cli import manual
from nic_cli.jobs.settings import CHECKS

from .conftest import ROOT

REMEDY = "run: python -m nic_cli.cli.manual man/"


def test_the_committed_pages_are_those_of_the_app():
    made = manual.pages()
    committed = {path.name: path.read_text("utf-8") for path in (ROOT / "man").glob("*.1")}
    assert sorted(committed) == sorted(made), REMEDY
    for name, text in made.items():
        assert committed[name] == text, f"{name}: {REMEDY}"


def test_there_is_a_page_for_each_command():
    names = {
        "nic.1",
        "nic-encode.1",
        "nic-decode.1",
        "nic-info.1",
        "nic-verify.1",
        "nic-batch.1",
        "nic-bench.1",
        "nic-train.1",
        "nic-models.1",
    }
    assert set(manual.pages()) == names


def test_every_page_has_its_sections():
    for text in manual.pages().values():
        for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES"):
            assert f"\n.SH {title}\n" in text


def test_pages_do_not_depend_on_the_terminal(monkeypatch):
    made = manual.pages()
    monkeypatch.setenv("COLUMNS", "40")
    assert manual.pages() == made


def test_every_setting_is_documented():
    assert all(key in manual.FILES["config.toml"] for key in CHECKS)


def test_roff_takes_nothing_for_a_command_of_its_own():
    assert manual._text(r".nic \d -f") == r"\&.nic \ed \-f"
    for text in manual.pages().values():
        for line in text.splitlines():
            assert not line.startswith("'")
            assert not line.startswith(".") or line.split()[0] in (
                ".TH",
                ".SH",
                ".SS",
                ".TP",
                ".PP",
                ".RS",
                ".RE",
            )


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_renders_them_without_a_warning(tmp_path: Path):
    manual.write(tmp_path)
    for page in sorted(tmp_path.glob("*.1")):
        command = ["groff", "-man", "-Tascii", "-ww", str(page)]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        struck = re.sub(rb".\x08", b"", done.stdout)  # bold is printed twice over
        assert b"EXIT STATUS" in struck
