"""`nic train` hands its options on, and knows when it was stopped."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import pytest

from nic_cli.errors import UsageError


@pytest.fixture
def asked(monkeypatch):
    """What the trainer, which is stood in for, was asked for; its answer is the last item."""
    calls: list = [True]

    def run(recipe, **options):
        options.pop("say")("step 1")
        options.pop("progress")(1, 1000)
        calls.insert(0, (recipe, options))
        if isinstance(calls[-1], Exception):
            raise calls[-1]
        return calls[-1]

    stub = types.ModuleType("nic_cli.train.command")
    stub.run = run
    monkeypatch.setitem(sys.modules, "nic_cli.train.command", stub)
    return calls


def test_all_options_arrive(nic, asked):
    options = "--data a --data b --work run --resume --init iris --time 22m --dry-run --device cpu".split()
    done = nic("train", "r.toml", *options, "--name", "mine")
    assert (done.code, done.out, done.err) == (0, b"", "step 1\n")
    assert asked[0] == (
        Path("r.toml"),
        {
            "data": [Path("a"), Path("b")],
            "resume": True,
            "init": "iris",
            "seconds": 1320.0,
            "dry_run": True,
            "work": Path("run"),
            "force": False,
            "name": "mine",
            "device": "cpu",
        },
    )


def test_none_is_the_recipes_choice(nic, asked):
    assert nic("train", "r.toml", "-Q").err == ""
    recipe, options = asked[0]
    assert (recipe, options["data"], options["seconds"], options["init"]) == (Path("r.toml"), [], None, None)


def test_a_run_that_was_stopped_gives_130(nic, asked):
    asked[-1] = False
    assert nic("train", "r.toml").code == 130


def test_each_thing_that_is_missing_has_a_line(nic, asked):
    from nic_cli.train.start.readiness import NotReady

    asked[-1] = NotReady(["no weights", "no pictures"])
    done = nic("train", "r.toml", "-Q")
    assert (done.code, done.err) == (2, "nic: no weights\nnic: no pictures\n")


def test_a_wrong_recipe_is_one_line(nic, asked):
    asked[-1] = UsageError("r.toml: no such key")
    done = nic("train", "r.toml", "-Q")
    assert (done.code, done.err) == (2, "nic: r.toml: no such key\n")
