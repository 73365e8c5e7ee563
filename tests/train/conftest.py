"""Trainings of tests count their tables on few crops: on a hundred that takes most of a tiny run's time."""

from __future__ import annotations

import pytest

from nic_cli.train import command


@pytest.fixture(autouse=True)
def few_crops(monkeypatch):
    monkeypatch.setattr(command, "COUNTS", 4)
