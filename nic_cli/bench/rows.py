"""The one row type that feeds terminal table, CSV, JSON and HTML, and what a run says of itself."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import isfinite, nan


@dataclass(frozen=True, slots=True)
class Row:
    """One picture through one codec at one setting; bytes are those of the whole file.

    curve: what it is drawn as, such as `avif` or `nic b0.8`. setting: all that was chosen, such as
    `q35,tune=iq,sub=420,speed=4`. variant: the same without the rate, empty where there is nothing else.
    software: what made it, with versions. metrics: by name; empty where `error` says what went wrong.
    """

    picture: str
    sha256: str  # of the input file
    width: int
    height: int
    curve: str
    setting: str
    bytes: int = 0
    encode_seconds: float = 0.0
    decode_seconds: float = 0.0
    metrics: Mapping[str, float] = field(default_factory=dict)
    error: str = ""
    variant: str = ""
    software: str = ""

    @property
    def bpp(self) -> float:
        """Bits of the file for each pixel."""
        return 8 * self.bytes / (self.width * self.height)

    def flat(self, metrics: Sequence[str]) -> dict[str, object]:
        """As columns: the fields, bpp, then `metrics` by name, None where there is none (JSON has no nan)."""
        table = asdict(self)
        found, error, software, _ = (table.pop(key) for key in ("metrics", "error", "software", "variant"))
        known = {name: value if isfinite(value := found.get(name, nan)) else None for name in metrics}
        return {**table, "bpp": self.bpp, **known, "software": software, "error": error}


@dataclass(frozen=True, slots=True)
class Run:
    """What a run was: enough to repeat it. versions: of the program, its libraries and its models."""

    folder: str
    metrics: tuple[str, ...]
    anchor: str
    device: str
    threads: int
    load_seconds: float  # of the models, apart from the time of pictures
    versions: Mapping[str, str]
    unreadable: Mapping[str, str] = field(default_factory=dict)  # file -> why


Points = tuple[tuple[float, float], ...]
"""(bpp, value), bpp rising."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One codec with one choice of settings: means over the pictures at each of its rates.

    name: the settings. points: of each metric, and of `SECONDS`, seconds a megapixel. The same in megapixels
    a second over all its rates.
    """

    name: str
    points: Mapping[str, Points]
    encode_mps: float = 0.0
    decode_mps: float = 0.0


SECONDS = ("encode", "decode")


@dataclass(frozen=True, slots=True)
class Curve:
    """Means over the pictures of one codec.

    points: of each metric, the best of the variants at each rate; of `SECONDS`, the usual variant's. leaders:
    the variant that each point is of. variants: the usual one first; none of a curve from a paper
    (`published`, `source`). failures: rows with an error.
    """

    name: str
    points: Mapping[str, Points]
    published: bool = False
    source: str = ""
    failures: int = 0
    variants: tuple[Variant, ...] = ()
    leaders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def to_json(run: Run, rows: Iterable[Row], verdict: Sequence[str] = ()) -> str:
    """The whole run as one JSON document, with the sentences of who wins."""
    table = [row.flat(run.metrics) for row in rows]
    return json.dumps({"run": asdict(run), "verdict": list(verdict), "rows": table}, indent=1) + "\n"


def to_csv(run: Run, rows: Iterable[Row]) -> str:
    """The rows with a line of names; numbers as JSON writes them, nothing where there is none."""
    names = list(Row("", "", 1, 1, "", "").flat(run.metrics))
    table = [{key: _inert(value) for key, value in row.flat(run.metrics).items()} for row in rows]
    return _line(names, dict(zip(names, names, strict=True))) + "".join(_line(names, each) for each in table)


def _line(names: Sequence[str], values: Mapping[str, object]) -> str:
    """One line; what ends a line anywhere is quoted, so names may hold returns."""
    text = io.StringIO()
    csv.DictWriter(text, names, lineterminator="\r\n").writerow(values)
    return text.getvalue().removesuffix("\r\n") + "\n"


def _inert(value: object) -> object:
    """Text that no spreadsheet takes for a formula; names of pictures may be any."""
    return f"'{value}" if isinstance(value, str) and value[:1] in tuple("=+-@\t\r") and value else value
