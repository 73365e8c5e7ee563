"""The manual pages say what the app says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nic_cli import manual as topics
from nic_cli.cli import man_pages
from nic_cli.jobs.settings import CHECKS

from .conftest import ROOT

REMEDY = "run: python -m nic_cli.cli.man_pages man/"


def test_the_committed_pages_are_those_of_the_app():
    made = man_pages.pages()
    pages = (ROOT / "man").rglob("*.*")
    committed = {path.relative_to(ROOT / "man").as_posix(): path.read_text("utf-8") for path in pages}
    assert sorted(committed) == sorted(made), REMEDY
    for name, text in made.items():
        assert committed[name] == text, f"{name}: {REMEDY}"


COMMANDS = (
    "encode",
    "decode",
    "info",
    "verify",
    "convert",
    "view",
    "web",
    "compare",
    "batch",
    "bench",
    "train",
    "models",
    "help",
)


def test_there_is_a_page_for_each_command_and_those_written_by_hand():
    names = {"man1/nic.1", "man5/nic.5", "man7/nic.7", "man7/nic-models.7"}
    assert set(man_pages.pages()) == names | {f"man1/nic-{name}.1" for name in COMMANDS}


def test_every_page_has_its_sections():
    for name, text in man_pages.pages().items():
        if not name.startswith("man1"):
            assert text.count("\n.SH ") > 3
            continue
        for title in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXIT STATUS", "ENVIRONMENT", "EXAMPLES"):
            assert f"\n.SH {title}\n" in text


def test_pages_do_not_depend_on_the_terminal(monkeypatch):
    made = man_pages.pages()
    monkeypatch.setenv("COLUMNS", "40")
    assert man_pages.pages() == made


def test_every_setting_is_documented():
    assert all(key in man_pages.FILES["config.toml"] for key in CHECKS)


def test_roff_takes_nothing_for_a_command_of_its_own():
    assert man_pages._text(r".nic \d -f") == r"\&.nic \ed \-f"
    for text in man_pages.pages().values():
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
                ".nf",
                ".fi",
                ".IP",
            )


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
def test_groff_renders_them_without_a_warning(tmp_path: Path):
    man_pages.write(tmp_path)
    for page in sorted(tmp_path.rglob("nic*")):
        command = ["groff", "-man", "-Tascii", "-ww", str(page)]
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        struck = re.sub(rb".\x08", b"", done.stdout)  # bold is printed twice over
        assert b"EXIT STATUS" in struck or page.suffix != ".1"


def test_help_shows_the_same_text_without_man(nic):
    listed = nic("help")
    assert listed.code == 0 and all(topic in listed.out.decode() for topic in topics.TOPICS)
    for topic, page in topics.TOPICS.items():
        shown = nic("help", topic)
        assert shown.code == 0 and not shown.err
        name, section = page[:-3], page[-2]
        roff = man_pages.pages()[f"man{section}/{name}.{section}"].replace("\\", "")
        words = re.findall(r"\b[a-z]{6,}\b", shown.out.decode())
        assert len(words) > 10 and all(word in roff for word in words)
    assert b"--quality" in nic("help", "encode").out
    wrong = nic("help", "nothing")
    assert wrong.code == 2 and "archives" in wrong.err and len(wrong.lines) == 1


def test_the_readme_is_read_in_one_sitting():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 150 and max(map(len, lines)) <= 120
