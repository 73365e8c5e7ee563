"""What others published for Kodak's 24 pictures, as reference beside what is measured.

`published.tsv` holds curves with their sources: means of 24, as their authors measured them, in the order of
the page. `published_bd.tsv` holds BD-rates of PSNR of codecs that published no more, or of a newer version:
no curve follows from one. Versions are given where the source states them; that of the curve VTM does not.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator
from importlib import resources

from nic_cli.bench.rows import Curve

KODAK = "3a0b5d7b8fe57cd4ab96ac75a62f20e5b8d066cb22930602768bf780417351de"
"""SHA-256 over the sorted SHA-256s of the 24 pictures' pixels: what holds the pixels does not matter."""


def digest(colours: Iterable[str]) -> str:
    """One hash for a set of pictures, whatever their names and order."""
    return hashlib.sha256("\n".join(sorted(colours)).encode()).hexdigest()


def curves(colours: Iterable[str]) -> list[Curve]:
    """The published curves if the pictures are Kodak's 24, else none."""
    return every() if digest(colours) == KODAK else []


def every() -> list[Curve]:
    """All of them, as they were published for Kodak."""
    points: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = {}
    for row in _rows("published.tsv"):
        key, bpp = (row.pop("codec"), row.pop("source")), float(row.pop("bpp"))
        curve = points.setdefault(key, {})
        for metric, value in row.items():
            if value:
                curve.setdefault(metric, []).append((bpp, float(value)))
    return [
        Curve(name, {metric: tuple(sorted(values)) for metric, values in given.items()}, True, source)
        for (name, source), given in points.items()
    ]


def told(colours: Iterable[str]) -> list[str]:
    """Lines of at most 80 letters on BD-rates without a curve, if the pictures are Kodak's 24, else none."""
    if digest(colours) != KODAK:
        return []
    lines = [
        f"{row['codec']} {row['percent']} % against {row['anchor']} ({row['source']})"
        for row in _rows("published_bd.tsv")
    ]
    return ["Published as a BD-rate of PSNR alone, so without a curve:", *lines]


def _rows(name: str) -> Iterator[dict[str, str]]:
    text = resources.files("nic_cli.bench").joinpath(name).read_text("utf-8")
    yield from csv.DictReader(text.splitlines(), delimiter="\t")
