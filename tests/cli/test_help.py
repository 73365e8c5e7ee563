"""Help shows examples and nothing without effect, and shells complete values."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nic_cli.cli.app import COMMANDS

SHELLS = ("bash", "zsh", "fish")


def shown(nic, *arguments):
    done = nic(*arguments)
    assert (done.code, done.err) == (0, ""), done
    return done.out.decode()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_examples_of_its_command(nic, command):
    text = shown(nic, command, "--help")
    usage, examples = text.split("Examples:")
    assert usage.startswith(f"Usage: nic {command} ") and f"  nic {command}" in examples
    assert not {"<bool>", "<str>", "list[str]", "{"} & set(usage.split()), text
    assert max(map(len, text.split("Examples:")[0].splitlines())) <= 100


def test_bare_nic_shows_help(nic):
    assert shown(nic) == shown(nic, "--help") == shown(nic, "-h")


def test_v_in_capitals_shows_versions(nic):
    assert shown(nic, "-V") == shown(nic, "--version")


def test_options_without_effect_are_taken_but_not_listed(nic, packed):
    assert nic("verify", "-f", "--preserve", packed).code == 0
    text = shown(nic, "verify", "--help")
    assert "--force" not in text and "--preserve" not in text and "--json" in text
    assert "--force" in shown(nic, "encode", "--help")


def test_commands_of_models_have_their_own_examples(nic):
    text = shown(nic, "models", "pull", "-h")
    assert "nic models pull hf://" in text and "nic models verify" not in text


@pytest.mark.parametrize("columns", [60, 100, 400])
def test_help_fits_the_terminal(nic, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = shown(nic, "encode", "-h").split("Examples:")[0].splitlines()
    assert 40 < max(map(len, lines)) <= min(columns, 100)


@pytest.mark.parametrize(
    ("option", "given", "said"),
    [
        ("-q", "high", "--quality: 'high' cannot be used: give a number"),
        ("-e", "2.5", "--effort: '2.5' cannot be used: give a whole number"),
        ("--max-pixels", "4k", "--max-pixels: '4k' cannot be used: give a whole number"),
    ],
)
def test_what_is_no_number_is_said_in_our_words(nic, picture, option, given, said):
    done = nic("encode", picture, option, given)
    assert (done.code, done.lines) == (2, [f"nic: {said}"])


def completed(shell: str, line: str) -> list[str]:
    """What a shell is told to complete a line with, by Typer's protocol for it."""
    words = line.split(" ")
    said = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)} if shell == "bash" else {}
    said |= {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    environment = {**os.environ, **said, "_NIC_COMPLETE": f"complete_{shell}"}
    done = subprocess.run(
        [sys.executable, "-m", "nic_cli"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    if shell == "zsh":
        return [
            row.split(":")[0].strip('"') for row in done.stdout.split("((")[-1].split("))")[0].split("\n")
        ]
    return [word.split("\t")[0] for word in done.stdout.split("\n") if word]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nic enc", ["encode"]),
        ("nic decode --format w", ["webp"]),
        ("nic encode --device ", ["auto", "cpu", "cuda", "mps"]),
        ("nic encode -m i", ["iris"]),
        ("nic encode --strip exif,x", ["exif,xmp"]),
        ("nic bench --metrics ps", ["psnr"]),
        ("nic bench --codecs av", ["avif"]),
        ("nic help arch", ["archives"]),
        ("nic models import hi", ["hific"]),
    ],
)
def test_shells_complete_values(shell, line, words):
    found = completed(shell, line)
    assert set(words) <= set(found) and all(word.startswith(line.rpartition(" ")[2]) for word in found)
