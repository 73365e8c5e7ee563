"""The strings that name codecs with their settings.

nic:q0..6            q = 0, 1, ..., 6          jpeg             at its usual seven qualities
nic:q0..6/0.5        in steps of a half        avif:q40|60      at two
nic:q1.5,b0.8        one setting of two dials          nic:e1|5         at two efforts of encoding
avif                 the best of several settings at each rate, for each metric
avif:best,speed=4    the same, all at one speed
avif:tune=psnr|iq,sub=444                      two curves, each with the settings that it names
cjxl:d1|2,effort=9                             a codec by its own command, with the dial of that
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from nic_cli.bench.programs import PROGRAMS
from nic_cli.classical import CLASSICAL
from nic_cli.errors import UsageError

MOST = 1000  # settings of a list
NAMES = ("nic", *CLASSICAL, *PROGRAMS)


@dataclass(frozen=True, slots=True)
class Asked:
    """One codec of a string: numbers of its dials and words of its settings, those that are named.

    best: with the settings that are best for what is measured, as a codec is without any dial or setting.
    """

    name: str
    dials: dict[str, list[float]] = field(default_factory=dict)
    settings: dict[str, list[str]] = field(default_factory=dict)
    best: bool = False


def split(text: str) -> Iterator[Asked]:
    """Codecs with what is chosen of each: a comma leads to the next codec, dial or setting."""
    pieces: list[list[str]] = []
    for piece in filter(None, (each.strip() for each in text.split(","))):
        name, colon, rest = piece.partition(":")
        if name in NAMES:
            pieces.append([name, rest] if colon else [name])
        elif pieces and len(pieces[-1]) > 1:
            pieces[-1].append(piece)
        else:
            raise UsageError(f"--codecs: {piece!r} is no codec: there are {', '.join(NAMES)}")
    if not pieces:
        raise UsageError(f"--codecs: give some of {', '.join(NAMES)}")
    for name, *given in pieces:
        one = Asked(name, best=name != "nic" and "best" in given)
        there, dials, usual = _known(name)
        for each in (each for each in given if not (one.best and each == "best")):
            key, equals, values = each.partition("=")
            dial = next((dial for dial in dials if re.match(rf"{dial}[\d.]", each)), None)
            if key in one.settings or dial in one.dials:
                raise UsageError(f"--codecs: {name}: {each!r}: given twice: join values by |")
            if equals:
                one.settings[key] = _words(name, key, values, there)
            elif dial is not None:
                one.dials[dial] = numbers(each.removeprefix(dial), f"--codecs: {name}")
            else:
                also = "".join(f", {setting}={there[setting][0]}" for setting in there)
                first, second = (f"{value:g}" for value in usual[1:3])
                rates = f"{dials[0]}{first} or {dials[0]}{first}|{second}"
                raise UsageError(f"--codecs: {name}: {each!r} cannot be used: give {rates}{also}")
        yield one


def _known(name: str) -> tuple[Mapping[str, Sequence[str]], tuple[str, ...], Sequence[float]]:
    """The settings of a codec with their values, its dials, and what the first of them usually is."""
    if name == "nic":
        return {}, ("q", "b", "e"), (0, 1, 2)
    if name in CLASSICAL:
        return CLASSICAL[name].settings, ("q",), CLASSICAL[name].qualities
    return PROGRAMS[name].options, (PROGRAMS[name].dial,), PROGRAMS[name].usual


def _words(name: str, key: str, values: str, there: Mapping[str, Sequence[str]]) -> list[str]:
    """The values of a setting; UsageError for one that the codec has not."""
    if key not in there:
        can = f"its settings are {', '.join(there)}" if there else "it has no such settings"
        raise UsageError(f"--codecs: {name}: {key!r} cannot be used: {can}")
    words = values.split("|")
    if there[key] and (wrong := [word for word in words if word not in there[key]]):
        raise UsageError(
            f"--codecs: {name}: {key}={wrong[0]} cannot be used: there are {', '.join(there[key])}"
        )
    return words


def numbers(text: str, where: str) -> list[float]:
    """`1|2.5` or `0..6` or `0..6/0.5` as numbers; UsageError that begins with `where`."""
    values: list[float] = []
    for part in re.split(r"[|,]", text):
        match = re.fullmatch(r"(\d*\.?\d+)(?:\.\.(\d*\.?\d+)(?:/(\d*\.?\d+))?)?", part.strip())
        if match is None or (match[3] is not None and float(match[3]) == 0):
            raise UsageError(f"{where}: {part!r} cannot be used: give a number, 1|2|3, 0..6 or 0..6/0.5")
        low, high, step = float(match[1]), float(match[2] or match[1]), float(match[3] or 1)
        count = (high - low) / step + 1
        if not 1 - 1e-6 <= count <= MOST - len(values) + 1e-6:  # nan as well
            raise UsageError(f"{where}: {part[:40]!r} cannot be used: 1 to {MOST} settings can be, rising")
        values += [round(low + i * step, 6) for i in range(int(count + 1e-6))]
    return values
