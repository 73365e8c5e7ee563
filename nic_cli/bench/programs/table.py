"""What is known of each program: its dial, its settings, how it is asked, and who reads its files.

Tried with avifenc 0.11.1 (aom 3.6.0, SVT-AV1 1.4.1), cjxl 0.7.0, cwebp 1.2.4 and heif-enc 1.15.1 (x265
3.5). Written after their documentation or source, and not tried with the programs themselves: -q of avifenc
1.0 and later, heif-dec of libheif 1.18 and later, cjpegli and djpegli as of 2024 to 2026, vvencapp 1.12 and
vvdecapp 3.0. All may use as many threads as there are processors; files of avifenc alone depend on whether
that is one (jobs=1) or several.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from nic_cli.errors import UsageError

Settings = Mapping[str, str]
Line = Callable[[str, Settings, str], list[str]]
"""The dial's value, all settings, and what the program says of its options -> its arguments."""

SIZE = "WIDTHxHEIGHT"
"""Stands for the size in lines for programs that read raw values."""


@dataclass(frozen=True, slots=True)
class Program:
    """A codec as a command.

    dial: of its rate, as the command has it, within `range`, in whole numbers if `whole`; `usual`: seven
    values of rising rate, about 0.15 to 1.2 bits a pixel of photographs. options: settings and the values of
    each, () for any whole number; `defaults`: what is used where none is given. line: its arguments, with
    the files IN.png, IN16.png of 16 bits or IN.yuv, and OUT with `suffix`. decoders: programs, any one of
    which reads that, with `back`, and writes BACK; otherwise: the format that Pillow reads where there is
    none. asks: what tells its version. library: a module of Python in place of a command (jpegli.py). looks:
    settings made for looks, which compete with the usual ones where more than PSNR is measured.
    """

    name: str
    dial: str
    range: tuple[float, float]
    whole: bool
    usual: tuple[float, ...]
    options: Mapping[str, tuple[str, ...]]
    defaults: Mapping[str, str]
    suffix: str
    line: Line
    decoders: tuple[str, ...]
    back: tuple[str, ...]
    asks: str = "--version"
    otherwise: str = ""
    library: str = ""
    looks: tuple[Settings, ...] = ()


def settled(program: Program, given: Settings) -> Settings:
    """All settings: those given, and defaults for the rest. Raises UsageError for what cannot be used."""
    for name, value in given.items():
        if name not in program.options:
            known = ", ".join(program.options) or f"none beside {program.dial}"
            raise UsageError(f"{program.name}: there is no setting {name!r}: there are {known}")
        values = program.options[name]
        if value not in values if values else not value.isascii() or not value.isdigit():
            known = ", ".join(values) or "a whole number"
            raise UsageError(f"{program.name}: {name}={value} cannot be used: give {known}")
    chosen = {**program.defaults, **given}
    if chosen.get("codec") == "svt":
        if given.get("sub", "420") != "420" or "tune" in given:
            raise UsageError(f"{program.name}: codec=svt has sub=420 alone and no tune: leave them out")
        chosen["sub"] = "420"
        del chosen["tune"]
    return chosen


def turned(program: Program, quality: float) -> str:
    """The dial's value as the command takes it. Raises UsageError for what cannot be used."""
    low, high = program.range
    if not low <= quality <= high or (program.whole and quality != round(quality)):
        numbers = "whole numbers" if program.whole else "numbers"
        raise UsageError(
            f"{program.name}: {program.dial}{quality:g} cannot be used:"
            f" give {numbers} from {low:g} to {high:g}"
        )
    return f"{quality:g}"


def _avifenc(quality: str, chosen: Settings, helps: str) -> list[str]:
    """Quality as libavif 1.0 has it: earlier ones take a quantizer, which that turns it into."""
    quantizer = str(((100 - int(quality)) * 63 + 50) // 100)
    if "--qcolor" in helps:
        rate = ["-q", quality]
    elif chosen["codec"] == "svt":
        rate = ["--min", quantizer, "--max", quantizer]  # whose mean it takes
    else:
        rate = ["--min", "0", "--max", "63", "-a", "end-usage=q", "-a", f"cq-level={quantizer}"]
    tune = ["-a", f"tune={chosen['tune']}"] if "tune" in chosen else []
    settings = ["-c", chosen["codec"], "-s", chosen["speed"], "-d", chosen["depth"], "-y", chosen["sub"]]
    return ["-j", chosen["jobs"], *settings, *rate, *tune, "IN.png", "OUT.avif"]


def _cjxl(distance: str, chosen: Settings, helps: str) -> list[str]:
    return ["IN.png", "OUT.jxl", "-d", distance, "-e", chosen["effort"]]


def _cjpegli(quality: str, chosen: Settings, helps: str) -> list[str]:
    return ["IN.png", "OUT.jpg", "-q", quality, f"--chroma_subsampling={chosen['sub']}"]


def _cwebp(quality: str, chosen: Settings, helps: str) -> list[str]:
    sharp = ["-sharp_yuv"] if chosen["sharp"] == "1" else []
    return ["-quiet", "-mt", "-m", chosen["method"], *sharp, "-q", quality, "IN.png", "-o", "OUT.webp"]


def _heif_enc(quality: str, chosen: Settings, helps: str) -> list[str]:
    settings = {"chroma": chosen["sub"], "preset": chosen["preset"], "tune": chosen["tune"]}
    named = [word for item in settings.items() for word in ("-p", "=".join(item))]
    given = "IN.png" if chosen["depth"] == "8" else "IN16.png"  # of 8 bits it makes 8, whatever -b says
    return ["-e", "x265", "-q", quality, "-b", chosen["depth"], *named, given, "-o", "OUT.heic"]


def _vvencapp(qp: str, chosen: Settings, helps: str) -> list[str]:
    told = ["-i", "IN.yuv", "-s", SIZE, "-c", "yuv420_10", "-f", "1"]
    return [*told, "--preset", chosen["preset"], "--qpa", chosen["qpa"], "-q", qp, "-o", "OUT.266"]


def _up_to(last: int, first: int = 0) -> tuple[str, ...]:
    return tuple(str(value) for value in range(first, last + 1))


_X265 = (
    "ultrafast",
    "superfast",
    "veryfast",
    "faster",
    "fast",
    "medium",
    "slow",
    "slower",
    "veryslow",
    "placebo",
)

_ALL = (
    Program(
        "avifenc", "q", (0, 100), True, (15, 24, 32, 40, 48, 56, 62),
        {"speed": _up_to(10), "depth": ("8", "10", "12"), "sub": ("420", "422", "444"),
         "tune": ("psnr", "ssim", "iq", "ssimulacra2"), "codec": ("aom", "svt"), "jobs": ("1", "all")},
        {"speed": "4", "depth": "10", "sub": "444", "tune": "psnr", "codec": "aom", "jobs": "all"},
        ".avif", _avifenc, ("avifdec",), ("-d", "8", "OUT.avif", "BACK.png"),
        looks=tuple({"tune": tune} for tune in ("ssim", "iq", "ssimulacra2")),
    ),
    Program(
        "cjxl", "d", (0.01, 25), False, (18, 11, 7, 5, 3.5, 2.4, 1.7),
        {"effort": _up_to(10, 1)}, {"effort": "7"},
        ".jxl", _cjxl, ("djxl",), ("OUT.jxl", "BACK.ppm"),
    ),
    Program(
        "cjpegli", "q", (1, 100), True, (10, 20, 30, 42, 55, 68, 78),
        {"sub": ("420", "422", "440", "444")}, {"sub": "444"},
        ".jpg", _cjpegli, ("djpegli",), ("OUT.jpg", "BACK.png"), otherwise="jpeg",
    ),
    Program(
        "jpegli", "q", (1, 100), True, (1, 10, 25, 42, 55, 62, 68),
        {}, {},
        ".jpg", lambda quality, chosen, helps: [f"quality={quality}"], (), (),
        otherwise="jpeg", library="pyjpegli",
    ),
    Program(
        "cwebp", "q", (0, 100), False, (0, 8, 20, 35, 55, 70, 80),
        {"method": _up_to(6), "sharp": ("0", "1")}, {"method": "6", "sharp": "1"},
        ".webp", _cwebp, ("dwebp",), ("-quiet", "-ppm", "OUT.webp", "-o", "BACK.ppm"), "-version",
    ),
    Program(
        "heif-enc", "q", (0, 100), True, (11, 17, 23, 29, 35, 40, 45),
        {"preset": _X265, "depth": ("8", "10", "12"), "sub": ("420", "422", "444"), "tune": ("psnr", "ssim")},
        {"preset": "slower", "depth": "10", "sub": "444", "tune": "psnr"},
        ".heic", _heif_enc, ("heif-dec", "heif-convert"), ("OUT.heic", "BACK.png"), "--help",
        looks=({"tune": "ssim"},),
    ),
    Program(
        "vvencapp", "qp", (0, 63), True, (41, 38, 35, 32, 29, 26, 23),
        {"preset": ("faster", "fast", "medium", "slow", "slower"), "qpa": ("0", "1")},
        {"preset": "slower", "qpa": "0"},
        ".266", _vvencapp, ("vvdecapp",), ("-b", "OUT.266", "-o", "BACK.y4m"),
        looks=({"qpa": "1"},),
    ),
)  # fmt: skip

PROGRAMS: Mapping[str, Program] = MappingProxyType({program.name: program for program in _ALL})
"""By name; whether one is installed, `missing` tells."""
