"""Sizes, times and tiles are read as people write them, and nothing else is."""

from __future__ import annotations

import pytest

from nic_cli.units import parse_bytes, parse_seconds, parse_tile


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("40000", 40_000),
        ("40kB", 40_000),
        ("40k", 40_000),
        ("40KB", 40_000),
        ("40KiB", 40_960),
        ("40 kib", 40_960),
        ("1.5MB", 1_500_000),
        ("1.5MiB", 1_572_864),
        (".5k", 500),
        ("123B", 123),
        ("1GB", 1_000_000_000),
    ],
)
def test_sizes(text, n_bytes):
    assert parse_bytes(text) == n_bytes


@pytest.mark.parametrize("text", ["", "k", "40 apples", "-1", "0", "0.4", "1e3", "4iB", "nan", "1,5MB", "٤"])
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match="give a size"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("22m", 1320), ("1.5h", 5400), ("0.5s", 0.5)]
)
def test_times(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-3m", "22 minutes", "inf", "1d"])
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match="give a time"):
        parse_seconds(text)


def test_tiles():
    assert [parse_tile(text) for text in ("auto", "64", "1024", "2048")] == [1024, 64, 1024, 2048]


@pytest.mark.parametrize("text", ["0", "63", "100", "16384", "-64", "64.0", "AUTO", "", "9" * 5000])
def test_what_is_no_tile(text):
    with pytest.raises(ValueError, match="multiple of 64"):
        parse_tile(text)
