"""What fuzzing kept (`tests.deep`) is tried again: nothing but our own errors comes out of any target."""

from __future__ import annotations

import warnings

import pytest

from nic_cli.container import file
from tests.deep.fuzz import stored
from tests.deep.targets import TARGETS, replay

MOST = 120  # inputs of each target, from the smallest to the largest


@pytest.mark.parametrize("name", TARGETS)
def test_inputs_that_a_fuzzer_kept(name):
    inputs = [*TARGETS[name].seeds(), *stored(name)]
    assert len(inputs) > 20
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for data in inputs[:: max(1, len(inputs) // MOST)]:
            replay(name, data)


def test_a_fault_would_be_seen(monkeypatch):
    """Control: a file that is written in other bytes, and an error of another kind."""
    data = next(iter(TARGETS["container"].seeds()))
    monkeypatch.setattr(file, "pack", lambda container: b"")
    with pytest.raises(AssertionError, match="other bytes"):
        replay("container", data)

    def broken(data):
        raise KeyError("foreign")

    monkeypatch.setattr(file, "unpack", broken)
    with pytest.raises(KeyError):
        replay("decoding", data)
