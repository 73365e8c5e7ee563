"""Small files of many kinds, with the values that they are right with: the table of `test_routes`."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import tifffile
from PIL import Image, features

from nic_cli.image.metadata import turn
from tests.image.pictures import P3, SRGB, XMP, exif, png16, rgb_profile, stream

Y, X = np.mgrid[:24, :40]
RGB = np.stack([6 * X, 10 * Y, 250 - 2 * X - 5 * Y], axis=-1).astype(np.uint8)
GREY = RGB[:, :, 0].copy()
ALPHA = (255 - 6 * X).astype(np.uint8)
DEEP = RGB.astype(np.uint16) * 257 + 5
DEEP_ALPHA = ALPHA.astype(np.uint16) * 257 + 0
TURNED = range(1, 9)


@dataclass(frozen=True)
class Case:
    """A file and what is right: pixels and alpha, or what its refusal says. most: levels that may differ."""

    name: str
    data: bytes
    pixels: np.ndarray | None = None
    alpha: np.ndarray | None = None
    refusal: str = ""
    most: int = 0


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, depth: int, colour: int, lines: list[bytes], *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of packed lines, filter None."""
    head = struct.pack(">IIBBBBB", width, len(lines), depth, colour, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + line for line in lines))
    every = ((b"IHDR", head), *chunks, (b"IDAT", data), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*each) for each in every)


def packed(values: np.ndarray, bits: int) -> list[bytes]:
    """[H, W] of few bits -> lines of bytes, the first value in the highest bits."""
    unpacked = (values[:, :, None] >> np.arange(bits - 1, -1, -1) & 1).astype(np.uint8)
    return [line.tobytes() for line in np.packbits(unpacked.reshape(len(values), -1), axis=1)]


def interlaced(values: np.ndarray) -> bytes:
    """An 8-bit RGB PNG of the seven passes of Adam7."""
    starts = (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    )
    lines = [
        line.tobytes() for row, column, down, along in starts for line in values[row::down, column::along]
    ]
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 8, 2, 0, 0, 1)
    data = zlib.compress(b"".join(b"\0" + line for line in lines))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*each) for each in ((b"IHDR", head), (b"IDAT", data), (b"IEND", b""))
    )


def tiff(values: np.ndarray, **options) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, values, **{"metadata": None, **options})
    return out.getvalue()


def saved(values: np.ndarray, format: str, mode: str | None = None, **options) -> bytes:
    image = Image.fromarray(values)
    return stream(image.convert(mode) if mode else image, format, **options).getvalue()


def premultiplied(values: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Colours times alpha, rounded."""
    top = np.iinfo(values.dtype).max
    scaled = values.astype(np.uint64) * alpha[:, :, None].astype(np.uint64)
    return ((scaled + top // 2) // top).astype(values.dtype)


def divided(values: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The inverse, of what is left."""
    top, by = np.iinfo(values.dtype).max, np.maximum(alpha, 1)[:, :, None].astype(np.uint64)
    return np.minimum((values.astype(np.uint64) * top + by // 2) // by, top).astype(values.dtype)


def _pngs() -> Iterator[Case]:
    for bits in (1, 2, 4, 8):
        values = (X % (1 << bits)).astype(np.uint8)
        right = values * np.uint8(255 // ((1 << bits) - 1))
        yield Case(f"png grey {bits}", png(40, bits, 0, packed(values, bits)), right)
        told = (b"tRNS", struct.pack(">H", 1))
        hidden = np.where(values == 1, 0, 255).astype(np.uint8)
        yield Case(f"png grey {bits} value", png(40, bits, 0, packed(values, bits), told), right, hidden)
        colours = RGB[0, : 1 << min(bits, 5)]
        index = (X % len(colours)).astype(np.uint8)
        palette = (b"PLTE", colours.tobytes())
        yield Case(f"png palette {bits}", png(40, bits, 3, packed(index, bits), palette), colours[index])
        levels = ALPHA[0, : len(colours)]
        yield Case(
            f"png palette {bits} alpha",
            png(40, bits, 3, packed(index, bits), palette, (b"tRNS", levels.tobytes())),
            colours[index],
            levels[index],
        )
    lines = [line.tobytes() for line in RGB]
    told = (b"tRNS", struct.pack(">3H", *RGB[3, 5]))
    shown = np.where((RGB == RGB[3, 5]).all(2), 0, 255).astype(np.uint8)
    yield Case("png rgb", png(40, 8, 2, lines), RGB)
    yield Case("png rgb value", png(40, 8, 2, lines, told), RGB, shown)
    yield Case("png rgba", saved(np.dstack([RGB, ALPHA]), "PNG"), RGB, ALPHA)
    yield Case("png rgba opaque", saved(np.dstack([RGB, 0 * ALPHA + 255]), "PNG"), RGB)
    yield Case("png interlaced", interlaced(RGB), RGB)
    yield Case("png la", saved(np.dstack([GREY, ALPHA]), "PNG"), GREY, ALPHA)
    grey16, grey_alpha = DEEP[:, :, :1], np.dstack([DEEP[:, :, 0], DEEP_ALPHA])
    yield Case("png grey 16", png16(grey16).getvalue(), grey16)
    value = DEEP[3, 5]
    shown = np.where(grey16[:, :, 0] == value[0], 0, 65535).astype(np.uint16)
    yield Case("png grey 16 value", png16(grey16, tRNS=struct.pack(">H", value[0])).getvalue(), grey16, shown)
    yield Case("png la 16", png16(grey_alpha).getvalue(), grey16, DEEP_ALPHA)
    yield Case("png rgb 16", png16(DEEP).getvalue(), DEEP)
    shown = np.where((DEEP == value).all(2), 0, 65535).astype(np.uint16)
    yield Case("png rgb 16 value", png16(DEEP, tRNS=struct.pack(">3H", *value)).getvalue(), DEEP, shown)
    yield Case("png rgba 16", png16(np.dstack([DEEP, DEEP_ALPHA])).getvalue(), DEEP, DEEP_ALPHA)
    for turned in TURNED:
        data = png(40, 8, 2, lines, (b"eXIf", exif(turned)))
        yield Case(f"png turned {turned}", data, turn(RGB, turned))
        data = (
            data[:33]
            + data[33 + 12 + len(exif(turned)) : -12]
            + data[33 : 45 + len(exif(turned))]
            + data[-12:]
        )
        yield Case(f"png turned {turned} after its pixels", data, turn(RGB, turned))
    low = (RGB >> 1).astype(np.uint16) << 5  # as of 12 bits
    data = png16(np.dstack([low, 0 * DEEP_ALPHA + 65535])).getvalue()
    yield Case("png rgba 12", data, ((low.astype(np.uint32) * 65535 + 2047) // 4095).astype(np.uint16))
    data = png16(np.dstack([DEEP, DEEP_ALPHA]), eXIf=exif(6)).getvalue()
    yield Case("png rgba 16 turned 6", data, turn(DEEP, 6), turn(DEEP_ALPHA, 6))


def _coloured() -> Iterator[Case]:
    """Colours that are not sRGB. Right is what the definitions say, not what a library makes of it."""
    lines = [line.tobytes() for line in RGB]
    light = RGB / 255
    right = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    linear = (b"gAMA", struct.pack(">I", 100_000))
    yield Case("png gamma 1", png(40, 8, 2, lines, linear), (255 * right).round().astype(np.uint8), most=1)
    grey = (255 * right[:, :, 0]).round().astype(np.uint8)
    yield Case("png grey gamma 1", png(40, 8, 0, packed(GREY, 8), linear), grey, most=1)
    fine = DEEP / 65535
    deep = 65535 * np.where(fine <= 0.0031308, 12.92 * fine, 1.055 * fine ** (1 / 2.4) - 0.055)
    data = png16(DEEP, gAMA=linear[1]).getvalue()
    yield Case("png gamma 1 16", data, deep.round().astype(np.uint16), most=2)
    junk = (b"iCCP", b"icc\0\0" + zlib.compress(b"junk" * 100))
    brought = (255 * right).round().astype(np.uint8)
    yield Case("png junk profile and gamma 1", png(40, 8, 2, lines, junk, linear), brought, most=1)
    for name, chunks in {
        "gamma of sRGB": [(b"gAMA", struct.pack(">I", 45_455))],
        "srgb over gamma": [(b"sRGB", b"\0"), linear],
        "p3 by code": [(b"cICP", bytes((12, 13, 0, 1))), linear],
        "pq by code": [(b"cICP", bytes((9, 16, 0, 1)))],
    }.items():
        yield Case(f"png {name}", png(40, 8, 2, lines, *chunks), RGB)
    curve = rgb_profile(SRGB, gamma=1.8)
    light = light**1.8
    right = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    for format, options in {"PNG": {}, "TIFF": {}, "WEBP": {"lossless": True}}.items():
        data = saved(RGB, format, icc_profile=curve, **options)
        yield Case(
            f"{format.lower()} profile of a curve", data, (255 * right).round().astype(np.uint8), most=2
        )
        data = saved(RGB, format, icc_profile=rgb_profile(P3), **options)
        yield Case(f"{format.lower()} wide profile", data, RGB)


def _jpegs() -> Iterator[Case]:
    fine = {"quality": 100, "subsampling": 0}
    grey, colour = saved(GREY, "JPEG", quality=100), saved(RGB, "JPEG", **fine)
    yield Case("jpeg grey", grey, np.asarray(Image.open(io.BytesIO(grey))), most=1)
    right = np.asarray(Image.open(io.BytesIO(colour)))
    yield Case("jpeg rgb", colour, right, most=1)
    yield Case("jpeg progressive", saved(RGB, "JPEG", progressive=True, **fine), right, most=1)
    for turned in TURNED:
        said = b"Exif\0\0" + exif(turned, ">")
        yield Case(
            f"jpeg turned {turned}", saved(RGB, "JPEG", exif=said, **fine), turn(right, turned), most=1
        )
    upright = XMP.replace(b'tiff:Make="nic"', b'tiff:Orientation="8"')
    yield Case("jpeg turned by xmp", saved(RGB, "JPEG", xmp=upright, **fine), turn(right, 8), most=1)
    none = Image.Exif()
    none[271] = "nic"
    data = saved(RGB, "JPEG", xmp=upright, exif=none.tobytes(), **fine)
    yield Case("jpeg turned by xmp beside exif", data, turn(right, 8), most=1)
    both = b"Exif\0\0" + exif(3)
    yield Case(
        "jpeg turned by exif", saved(RGB, "JPEG", xmp=upright, exif=both, **fine), turn(right, 3), most=1
    )
    both = stream(
        Image.fromarray(RGB), "MPO", save_all=True, append_images=[Image.fromarray(255 - RGB)], **fine
    )
    yield Case("jpeg stereo", both.getvalue(), right, most=1)
    inks = saved(255 - RGB, "JPEG", "CMYK", **fine)
    yield Case("jpeg cmyk", inks, np.asarray(Image.open(io.BytesIO(inks)).convert("RGB")), most=1)


def _tiffs() -> Iterator[Case]:
    kinds = {"8": (RGB, GREY, ALPHA), "16": (DEEP, DEEP[:, :, 0], DEEP_ALPHA)}
    layouts = {
        "": {},
        " big endian": {"byteorder": ">"},
        " tiled": {"tile": (16, 16)},
        " deflate": {"compression": "zlib", "predictor": True},
    }
    for depth, (rgb, grey, alpha) in kinds.items():
        for layout, options in layouts.items():
            yield Case(f"tiff rgb {depth}{layout}", tiff(rgb, photometric="rgb", **options), rgb)
            yield Case(f"tiff grey {depth}{layout}", tiff(grey, photometric="minisblack", **options), grey)
        planes = {"photometric": "rgb", "planarconfig": "separate"}
        yield Case(f"tiff planes {depth}", tiff(np.moveaxis(rgb, 2, 0), **planes), rgb)
        for turned in TURNED:
            tag = {"extratags": [(274, 3, 1, turned, True)]}
            right = turn(rgb, turned)
            yield Case(f"tiff turned {turned} {depth}", tiff(rgb, photometric="rgb", **tag), right)
            data = tiff(np.moveaxis(rgb, 2, 0), **planes, **tag)
            yield Case(f"tiff planes turned {turned} {depth}", data, right)
        white = np.iinfo(rgb.dtype).max - grey
        yield Case(f"tiff white is 0 {depth}", tiff(white, photometric="miniswhite"), grey)
        four = np.dstack([rgb, alpha])
        straight = tiff(four, photometric="rgb", extrasamples=["unassalpha"])
        yield Case(f"tiff rgba {depth}", straight, rgb, alpha)
        apart = {**planes, "extrasamples": ["unassalpha"]}
        yield Case(f"tiff rgba planes {depth}", tiff(np.moveaxis(four, 2, 0), **apart), rgb, alpha)
        times = premultiplied(rgb, alpha)
        shown = divided(times, alpha)
        data = tiff(np.dstack([times, alpha]), photometric="rgb", extrasamples=["assocalpha"])
        yield Case(f"tiff premultiplied {depth}", data, shown, alpha, most=1)
        apart["extrasamples"] = ["assocalpha"]
        data = tiff(np.moveaxis(np.dstack([times, alpha]), 2, 0), **apart)
        yield Case(f"tiff premultiplied planes {depth}", data, shown, alpha, most=1)
        two = np.dstack([grey, alpha])
        data = tiff(two, photometric="minisblack", planarconfig="contig", extrasamples=["unassalpha"])
        more = (
            "2 16-bit samples a pixel is not supported" if depth == "16" else ""
        )  # Pillow 13 has no name for it
        yield Case(f"tiff la {depth}", data, grey, alpha, more)
        times = premultiplied(grey[:, :, None], alpha)
        data = tiff(
            np.dstack([times, alpha]),
            photometric="minisblack",
            planarconfig="contig",
            extrasamples=["assocalpha"],
        )
        yield Case(f"tiff la premultiplied {depth}", data, divided(times, alpha), alpha, more, most=1)
        data = tiff(four, photometric="rgb", extrasamples=["unspecified"])
        yield Case(
            f"tiff rgb and one more {depth}", data, refusal="4 samples a pixel, of which 1 has no meaning"
        )
        five = np.dstack([four, grey])
        data = tiff(five, photometric="minisblack", planarconfig="contig")
        yield Case(f"tiff bands {depth}", data, refusal="5 samples a pixel, of which 4 have no meaning")
    for bits in (1, 2, 4):
        values = (X % (1 << bits)).astype(np.uint8)
        right = values * np.uint8(255 // ((1 << bits) - 1))
        yield Case(f"tiff grey {bits}", _tiff_of_bits(packed(values, bits), bits), right)
        if bits == 1:
            yield Case("tiff fax", saved(right, "TIFF", "1", compression="group4"), right)
    twelve = (GREY.astype(np.uint16) << 4) + 3
    data = _tiff_of_bits(packed(twelve, 12), 12)
    right = (twelve.astype(np.uint32) * 65535 + 2047) // 4095
    yield Case("tiff grey 12", data, right.astype(np.uint16))
    index, palette = (X % 20).astype(np.uint8), np.zeros((3, 256), np.uint16)
    palette[:, :20] = (RGB[0, :20].T.astype(np.uint16)) * 257
    data = tiff(index, photometric="palette", colormap=palette)
    yield Case("tiff palette", data, RGB[0, :20][index])
    inks = np.dstack([255 - RGB, 0 * GREY])
    right = np.asarray(Image.fromarray(inks, "CMYK").convert("RGB"))
    yield Case("tiff cmyk", tiff(inks, photometric="separated"), right, most=1)
    for kind, (values, refusal) in {
        "signed 8-bit": ((GREY.astype(int) - 128).astype(np.int8), "signed 8-bit"),
        "signed 16-bit": ((DEEP[:, :, 0].astype(int) - 32768).astype(np.int16), "beyond 16 bit"),
        "signed 32-bit": (DEEP[:, :, 0].astype(np.int32) - 40000, "beyond 16 bit"),
        "floating-point": (GREY.astype(np.float32) / 255, "floating-point"),
        "32-bit": (DEEP[:, :, 0].astype(np.uint32) * 65537, "beyond 16 bit"),
    }.items():
        yield Case(f"tiff {kind}", tiff(values, photometric="minisblack"), refusal=refusal)
    fits = DEEP[:, :, 0] >> 1
    yield Case("tiff signed 16-bit that fits", tiff(fits.astype(np.int16), photometric="minisblack"), fits)
    yield Case("tiff 32-bit that fits", tiff(fits.astype(np.uint32), photometric="minisblack"), fits)
    yield Case("tiff float rgb", tiff(RGB.astype(np.float32), photometric="rgb"), refusal="floating-point")


def _tiff_of_bits(lines: list[bytes], bits: int) -> bytes:
    """Grey of so many bits, packed, which tifffile does not write without a codec."""
    data = b"".join(lines)
    entries = [
        (256, 3, 1, 40), (257, 3, 1, len(lines)), (258, 3, 1, bits), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 3, 1, len(lines)), (279, 4, 1, len(data)),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + bytes(4)


def _others() -> Iterator[Case]:
    yield Case("ppm", saved(RGB, "PPM"), RGB)
    yield Case("pgm", saved(GREY, "PPM"), GREY)
    yield Case("pbm", saved((GREY > 99) * np.uint8(255), "PPM", "1"), (GREY > 99) * np.uint8(255))
    deep = b"P6\n40 24\n65535\n" + DEEP.astype(">u2").tobytes()
    yield Case("ppm 16", deep, DEEP)
    yield Case("pgm 16", b"P5\n40 24\n65535\n" + DEEP[:, :, 0].astype(">u2").tobytes(), DEEP[:, :, 0])
    yield Case("bmp", saved(RGB, "BMP"), RGB)
    yield Case("bmp palette", saved(GREY, "BMP"), GREY)
    colours = RGB[0, :20]
    image = Image.fromarray((X % 20).astype(np.uint8), "P")
    image.putpalette(colours.tobytes())
    yield Case("gif", stream(image, "GIF").getvalue(), colours[X % 20])
    data = stream(image, "GIF", transparency=3).getvalue()
    yield Case("gif value", data, None, np.where(X % 20 == 3, 0, 255).astype(np.uint8))
    for name, values in {"rgb": RGB, "rgba": np.dstack([RGB, ALPHA])}.items():
        data = saved(values, "WEBP", lossless=True, exact=True)
        yield Case(f"webp {name}", data, RGB, ALPHA if name == "rgba" else None)
    for turned in (1, 3, 6, 8):
        data = saved(RGB, "WEBP", lossless=True, exif=b"Exif\0\0" + exif(turned))
        yield Case(f"webp turned {turned}", data, turn(RGB, turned))
    yield Case("webp grey", saved(np.dstack([GREY] * 3), "WEBP", lossless=True), np.dstack([GREY] * 3))
    if features.check("avif"):
        yield Case("avif", saved(RGB, "AVIF", quality=100, subsampling="4:4:4"), RGB, most=3)


def cases() -> list[Case]:
    return [*_pngs(), *_coloured(), *_jpegs(), *_tiffs(), *_others()]
