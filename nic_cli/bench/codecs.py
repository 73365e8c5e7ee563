"""The codecs that can be compared, and the strings that name them with their settings.

    nic:q0..6            q = 0, 1, ..., 6          jpeg             at its usual seven qualities
    nic:q0..6/0.5        in steps of a half        avif:q40|60      at two
    nic:q1.5,b0.8        one setting of two dials          nic:e1|5         at two efforts of encoding
    avif                 the best of several settings at each rate, for each metric
    avif:best,speed=4    the same, all at one speed
    avif:tune=psnr|iq,sub=444                      two curves, each with the settings that it names

Classical codecs get the picture's colour alone: neither alpha nor metadata, as nic does here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

from nic_cli import __version__, classical
from nic_cli.classical import CLASSICAL
from nic_cli.errors import UsageError
from nic_cli.limits import SEARCH_STEPS
from nic_cli.types import Picture, PixelArray

if TYPE_CHECKING:
    from nic_cli.zoo.load import Model


@dataclass(frozen=True, slots=True)
class Codec:
    """One codec at one setting. encode: picture -> bytes of a whole file; decode: bytes -> pixels.

    setting: all that was chosen. variant: the same without the rate; of one curve there may be several, the
    usual one first. software: what encodes, with versions. to_size: encode to at most so many bytes, where a
    codec can.
    """

    curve: str
    setting: str
    encode: Callable[[Picture], bytes]
    decode: Callable[[bytes], PixelArray]
    to_size: Callable[[Picture, int], bytes] | None = None
    variant: str = ""
    software: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """One codec of a string: numbers of its dials and words of its settings, those that are named.

    best: with the settings that are best for what is measured, as a codec is without any dial or setting.
    """

    name: str
    dials: dict[str, list[float]] = field(default_factory=dict)
    settings: dict[str, list[str]] = field(default_factory=dict)
    best: bool = False


NAMES = ("nic", *CLASSICAL)
RATES = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)  # of nic, where neither -q nor the string names any
REALISMS = (0.0, 0.75)  # the most faithful, and what nic encode aims at unless told otherwise


def defaults() -> str:
    """What is compared unless told otherwise: everything that this Pillow can write."""
    return ",".join(("nic", *(name for name in CLASSICAL if classical.missing(name) is None)))


def parse(
    text: str,
    models: Sequence[Model],
    rates: Sequence[float] | None,
    realisms: Sequence[float],
    metrics: Sequence[str] = (),
) -> list[Codec]:
    """All codecs at all settings that `text` names; rates and realisms are for nic, where it names none.

    rates: None for all of RATES that a model has. metrics: what is measured, for which codecs without any
    setting are at their best.

    Raises UsageError in one line for what cannot be understood or cannot be had.
    """
    found: list[Codec] = []
    asked = list(_split(text))
    aims = {b for one in asked if one.name == "nic" for b in one.dials.get("b") or realisms}
    for one in asked:
        if one.name == "nic":
            dials = one.dials
            given = dials.get("q") or rates or None, dials.get("b") or realisms, dials.get("e") or [1.0]
            found += _neural(models, *given, several=len(aims) > 1)
        else:
            found += _classical(one, metrics)
    return list({(codec.curve, codec.setting): codec for codec in found}.values())


def _split(text: str) -> Iterator[Asked]:
    """Codecs with what is chosen of each: a comma leads to the next codec, dial or setting."""
    pieces: list[list[str]] = []
    for piece in filter(None, text.split(",")):
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
        there = {} if name == "nic" else CLASSICAL[name].settings
        for each in (each for each in given if not (one.best and each == "best")):
            key, equals, values = each.partition("=")
            if equals:
                one.settings[key] = _words(name, key, values, there)
            elif each[:1] in (("q", "b", "e") if name == "nic" else ("q",)):
                one.dials[each[0]] = numbers(each[1:], f"--codecs: {name}")
            else:
                also = "".join(f", {setting}={there[setting][0]}" for setting in there)
                raise UsageError(
                    f"--codecs: {name}: {each!r} cannot be used: give q30, q30|60 or q10..90/20{also}"
                )
        yield one


def _words(name: str, key: str, values: str, there: Mapping[str, Sequence[str]]) -> list[str]:
    """The values of a setting; UsageError for one that the codec has not."""
    if key not in there:
        can = f"its settings are {', '.join(there)}" if there else "it has no such settings"
        raise UsageError(f"--codecs: {name}: {key!r} cannot be used: {can}")
    words = values.split("|")
    if wrong := [word for word in words if word not in there[key]]:
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
        values += [round(low + i * step, 6) for i in range(int((high - low) / step + 1e-6) + 1)]
    if not values or len(values) > 1000:
        raise UsageError(f"{where}: {text!r} gives {len(values)} settings: 1 to 1000 can be used")
    return values


def _neural(
    models: Sequence[Model],
    rates: Sequence[float] | None,
    realisms: Sequence[float],
    efforts: Sequence[float],
    *,
    several: bool,
) -> list[Codec]:
    """A curve for each model and effort and, where `several` realisms are compared, for each of them."""
    from nic_cli import codec
    from nic_cli.container import file

    if wrong := [e for e in efforts if e not in range(len(SEARCH_STEPS))]:
        raise UsageError(
            f"--codecs: nic: effort {wrong[0]:g} cannot be used: give 0 to {len(SEARCH_STEPS) - 1}"
        )

    def made(model: Model, q: float, b: float, e: float) -> Codec:
        curve = "nic" if len(models) == 1 else f"nic {model.name}"
        curve += f" b{b:g}" if several else ""
        effort = f"e{e:g}" if SEARCH_STEPS[int(e)] else ""
        top = model.config.q_top
        if q > top or b > 1:
            raise UsageError(
                f"model {model.name} takes q from 0 to {top:g} and b from 0 to 1, not q{q:g},b{b:g}"
            )
        return Codec(
            f"{curve} {effort}" if effort else curve,
            ",".join(filter(None, (f"q{q:g},b{b:g}", effort))),
            lambda picture: file.pack(codec.encode(picture, model, q=q, b=b, effort=int(e))),
            lambda data: codec.decode(file.unpack(data), model).pixels,
            lambda picture, size: file.pack(
                codec.encode(picture, model, b=b, target_bytes=size, effort=int(e))
            ),
            software=f"nic {__version__} {model.name} {model.id.hex()}",
        )

    def of(model: Model) -> Sequence[float]:
        return rates or [q for q in RATES if q <= model.config.q_top]

    return [made(model, *dials) for model in models for dials in product(of(model), realisms, efforts)]


def _classical(asked: Asked, metrics: Sequence[str]) -> list[Codec]:
    """A curve for each choice of named settings; without any, one curve of the usual and the best ones."""
    name, about = asked.name, CLASSICAL[asked.name]
    if (reason := classical.missing(name)) is not None:
        raise UsageError(f"--codecs: {name}: {reason}")
    if wrong := [q for q in asked.dials.get("q", ()) if not 0 <= q <= 100 or q != round(q)]:
        raise UsageError(f"--codecs: {name}: quality {wrong[0]:g} cannot be used: give 0 to 100")
    usual, software = classical.usual(name), classical.software(name)

    def made(curve: str, chosen: Mapping[str, str], quality: float) -> Codec:
        settings = {key: chosen.get(key, value) for key, value in usual.items()}
        variant = ",".join(f"{key}={value}" for key, value in settings.items())
        return Codec(
            curve,
            f"q{quality:g},{variant}",
            lambda picture: classical.encode(picture.pixels, name, quality, settings),
            lambda data: classical.decode(data, name),
            variant=variant,
            software=software,
        )

    choices: list[tuple[str, dict[str, str]]] = []
    for words in product(*asked.settings.values()):
        named = dict(zip(asked.settings, words, strict=True))
        curve = " ".join([name, *(f"{key}={word}" for key, word in named.items())])
        choices.append((curve, named))
        if asked.best or not (asked.settings or asked.dials):
            choices += [(curve, {**best, **named}) for metric, best in about.best if metric in ("", *metrics)]
    if name == "avif":
        choices = [(curve, _tuned(chosen, strict="tune" in asked.settings)) for curve, chosen in choices]
    qualities = asked.dials.get("q") or about.qualities
    return [made(curve, chosen, quality) for curve, chosen in choices for quality in qualities]


def _tuned(chosen: dict[str, str], *, strict: bool) -> dict[str, str]:
    """Settings of AVIF that are there in this Pillow: `ssim` for tunes that are not, an error if `strict`."""
    if classical.tunes(tune := chosen.get("tune", "ssim")):
        return chosen
    if strict:
        raise UsageError(f"--codecs: avif: tune={tune}: the libavif of this Pillow does not know it")
    return {**chosen, "tune": "ssim"}
