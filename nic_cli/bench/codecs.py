"""The codecs that can be compared, each at one setting, from the strings that name them (strings.py).

Classical codecs get the picture's colour alone: neither alpha nor metadata, as nic does here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from nic_cli import __version__, classical
from nic_cli.bench import programs
from nic_cli.bench.programs import PROGRAMS
from nic_cli.bench.programs.table import settled
from nic_cli.bench.strings import Asked, split
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
    usual one first. software: what encodes, with versions. pads: to even sides, which come back. to_size:
    encode to at most so many bytes, where a codec can.
    """

    curve: str
    setting: str
    encode: Callable[[Picture], bytes]
    decode: Callable[[bytes], PixelArray]
    to_size: Callable[[Picture, int], bytes] | None = None
    variant: str = ""
    software: str = ""
    pads: bool = False

    def decoded(self, data: bytes, picture: Picture) -> PixelArray:
        """Decode the file of a picture."""
        found = self.decode(data)
        return found[: picture.height, : picture.width] if self.pads else found


RATES = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)  # of nic, where neither -q nor the string names any
REALISMS = (0.0, 0.75)  # the most faithful, and what nic encode aims at unless told otherwise


def defaults() -> str:
    """What is compared unless told otherwise: everything that this Pillow can write."""
    return ",".join(("nic", *(name for name in CLASSICAL if classical.missing(name) is None)))


def programs_of(codecs: Iterable[Codec]) -> dict[str, str]:
    """The commands among them, with their versions."""
    names = dict.fromkeys(codec.curve.partition(" ")[0] for codec in codecs)
    return {name: programs.version(name) for name in names if name in PROGRAMS}


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
    asked = list(split(text))
    aims = {b for one in asked if one.name == "nic" for b in one.dials.get("b") or realisms}
    for one in asked:
        if one.name == "nic":
            dials = one.dials
            given = dials.get("q") or rates or None, dials.get("b") or realisms, dials.get("e") or [1.0]
            found += _neural(models, *given, several=len(aims) > 1)
        else:
            found += _classical(one, metrics) if one.name in CLASSICAL else _program(one, metrics)
    return list({(codec.curve, codec.setting): codec for codec in found}.values())


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

    best = [settings for metric, settings in about.best if metric in ("", *metrics)]
    choices = list(_choices(asked, best))
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


def _choices(asked: Asked, best: Sequence[Mapping[str, str]]) -> Iterator[tuple[str, dict[str, str]]]:
    """(curve, settings): a curve for each choice of named ones, of several where it is at its best."""
    for words in product(*asked.settings.values()):
        named = dict(zip(asked.settings, words, strict=True))
        curve = " ".join([asked.name, *(f"{key}={word}" for key, word in named.items())])
        yield curve, named
        if asked.best or not (asked.settings or asked.dials):
            yield from ((curve, {**settings, **named}) for settings in best)


def _program(asked: Asked, metrics: Sequence[str]) -> list[Codec]:
    """The same of a codec by its own command."""
    name, about = asked.name, PROGRAMS[asked.name]
    if (reason := programs.missing(name)) is not None:
        raise UsageError(f"--codecs: {name}: {reason}")
    software = programs.version(name)

    def made(curve: str, chosen: Mapping[str, str], quality: float) -> Codec:
        line = programs.command(name, quality, chosen)
        settings = settled(about, chosen)
        variant = ",".join(f"{key}={value}" for key, value in settings.items())
        return Codec(
            curve,
            ",".join(filter(None, (f"{about.dial}{quality:g}", variant))),
            lambda picture: programs.encode(picture.pixels, name, quality, chosen),
            lambda data: programs.decode(data, name),
            variant=variant,
            software=f"{software}: {line}",
            pads=name == "vvencapp",
        )

    looks = about.looks if any(metric != "psnr" for metric in metrics) else ()
    best = [settings for settings in looks if programs.knows(name, tuple(settings.items()))]
    qualities = asked.dials.get(about.dial) or about.usual
    return [made(curve, chosen, q) for curve, chosen in _choices(asked, best) for q in qualities]
