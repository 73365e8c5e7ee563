"""What files say of colour in codes is found where standards put it, and means what they say."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from nic_cli.image import colour
from nic_cli.image.ancillary import profiles
from nic_cli.image.ancillary.colour_codes import BT2020, P3, SRGB, ColourCode, png, to_xyz
from nic_cli.image.ancillary.isobmff import clean_aperture, orientation, transforms
from nic_cli.image.ancillary.isobmff import colour as isobmff
from tests.image.pictures import cmyk_profile, grey_profile, rgb_profile, stream

LIMIT = 1 << 20
ADOBE = (SRGB[0], (0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
PROPHOTO = ((0.3457, 0.3585), (0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001))
P3_CODE = bytes((12, 13, 0, 1))
CODES = (
    ColourCode(P3, "srgb"),
    ColourCode(BT2020, "linear"),
    ColourCode(ADOBE, 2.2),
    ColourCode(PROPHOTO, 1.8),
    ColourCode(SRGB, 1.0),
)


@pytest.fixture(scope="module")
def colours() -> np.ndarray:
    """Greys, and colours anywhere."""
    values = np.random.default_rng(7).integers(0, 256, (64, 256, 3), dtype=np.uint8)
    values[0] = np.arange(256)[:, None]
    return values


def gamma(value: int) -> bytes:
    return struct.pack(">I", value)


def chromaticities(primaries) -> bytes:
    return struct.pack(">8I", *(round(1e5 * v) for point in primaries for v in point))


def icc_chunk(icc: bytes) -> bytes:
    return b"any\0\0" + zlib.compress(icc)


def png_file(*chunks: tuple[bytes, bytes], after: bytes = b"IDAT") -> io.BytesIO:
    every = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)), *chunks, (after, b"")]
    body = b"".join(
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in every
    )
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + body)


def said_by(*chunks: tuple[bytes, bytes]):
    notices: list[str] = []
    return png(png_file(*chunks), "x.png", notices.append, LIMIT), notices


def test_png_chunks_are_heard_in_the_order_of_the_standard():
    chunks = [
        (b"cHRM", chromaticities(ADOBE)),
        (b"gAMA", gamma(55556)),
        (b"sRGB", b"\0"),
        (b"iCCP", icc_chunk(rgb_profile())),
        (b"cICP", P3_CODE),
    ]
    assert said_by(*chunks) == (ColourCode(P3, "srgb", P3_CODE), [])
    assert said_by(*chunks[:4]) == (rgb_profile(), [])
    assert said_by(*chunks[:3]) == (None, [])
    code, _ = said_by(*chunks[:2])
    assert code == ColourCode(ADOBE, pytest.approx(1.8, abs=1e-4))
    assert said_by() == (None, [])


def test_a_profile_in_a_png_is_the_one_that_pillow_finds():
    file = stream(Image.new("RGB", (2, 2)), "PNG", icc_profile=rgb_profile())
    assert png(file, "x", print, LIMIT) == Image.open(file).info["icc_profile"]


@pytest.mark.parametrize("value", [45455, 43500, 47500])
@pytest.mark.parametrize("points", [SRGB, None, ((0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06))])
def test_the_gamma_that_stands_for_srgb_is_srgb(value, points):
    chunks = [(b"gAMA", gamma(value))] + ([(b"cHRM", chromaticities(points))] if points else [])
    assert said_by(*chunks) == (None, [])


def test_one_of_gamma_and_primaries_is_completed_by_srgb():
    assert said_by((b"gAMA", gamma(100000)))[0] == ColourCode(SRGB, 1.0)
    assert said_by((b"cHRM", chromaticities(P3)))[0] == ColourCode(P3, "srgb")
    assert said_by((b"cHRM", chromaticities(SRGB)))[0] is None


def test_a_png_of_hdr_is_known():
    code, _ = said_by((b"cICP", bytes((9, 16, 0, 1))))
    assert profiles.is_hdr(code) and code.primaries == BT2020
    assert not profiles.is_hdr(ColourCode(P3, "srgb"))
    for use in (
        profiles.profile_of,
        lambda code: profiles.to_srgb_values(np.zeros((1, 1, 3), np.uint8), code),
    ):
        with pytest.raises(ValueError, match="HDR"):
            use(code)


@pytest.mark.parametrize(
    "chunk",
    [
        (b"gAMA", gamma(0)),
        (b"gAMA", gamma(1)),
        (b"gAMA", b"\1\2"),
        (b"cHRM", bytes(32)),
        (b"cHRM", chromaticities((SRGB[0], *[(0.3, 0.3)] * 3))),
        (b"cHRM", chromaticities(((0.7, 0.29), *SRGB[1:]))),
        (b"cHRM", chromaticities(SRGB)[:20]),
        (b"cICP", b"\x0c\x0d\0"),
        (b"cICP", bytes((12, 13, 1, 1))),
        (b"cICP", bytes((12, 13, 0, 0))),
        (b"cICP", bytes((99, 13, 0, 1))),
        (b"iCCP", b"any\0\0junk"),
        (b"iCCP", icc_chunk(rgb_profile())[:-9]),
        (b"iCCP", icc_chunk(bytes(LIMIT + 1))),
    ],
)
def test_nonsense_in_a_png_is_passed_over_with_a_notice(chunk):
    said, notices = said_by(chunk)
    assert said is None and len(notices) == 1
    assert notices[0].startswith(f"x.png: its {chunk[0].decode()} chunk was left out: ")


def test_chunks_after_the_pixels_say_nothing():
    assert said_by((b"IDAT", b"12"), (b"cICP", P3_CODE)) == (None, [])


def test_cut_png_files_never_raise():
    chunks = (b"gAMA", gamma(55556)), (b"iCCP", icc_chunk(rgb_profile())), (b"cICP", P3_CODE)
    whole = png_file(*chunks).getvalue()
    for size in range(len(whole)):
        png(io.BytesIO(whole[:size]), "x", lambda _: None, LIMIT)


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def nclx(primaries: int, transfer: int) -> bytes:
    return box(b"colr", b"nclx", struct.pack(">HHHB", primaries, transfer, 6, 0x80))


def clap(*numbers: int) -> bytes:
    return box(b"clap", struct.pack(">IIIIiIiI", *numbers))


def heif(items: dict[int, list[bytes]], primary: int = 1, *, large: bool = False) -> io.BytesIO:
    """A file of items with these properties and no pixels. large: with the long forms of numbers."""
    known = [each for properties in items.values() for each in properties]
    entry, number = (">IB", ">H") if large else (">HB", ">B")
    table = b""
    for item, properties in items.items():
        table += struct.pack(entry, item, len(properties))
        table += b"".join(
            struct.pack(number, (0x8000 if large else 0x80) | known.index(p) + 1) for p in properties
        )
    ipma = box(b"ipma", b"\1\0\0\1" if large else bytes(4), struct.pack(">I", len(items)), table)
    pitm = box(b"pitm", struct.pack(">II" if large else ">IH", large << 24, primary))
    meta = box(b"meta", bytes(4), pitm, box(b"iprp", box(b"ipco", *known), ipma))
    return io.BytesIO(box(b"ftyp", b"avif\0\0\0\0avifmif1") + meta + box(b"mdat", b"pixels"))


ISPE = box(b"ispe", struct.pack(">III", 0, 200, 160))
PROF = box(b"colr", b"prof", rgb_profile())


@pytest.mark.parametrize("large", [False, True])
def test_the_code_of_the_primary_item_is_taken_and_no_other(large):
    items = {5: [nclx(9, 16)], 7: [ISPE, nclx(12, 13)], 9: [nclx(9, 18)]}
    assert isobmff(heif(items, 7, large=large)) == ColourCode(P3, "srgb", P3_CODE)
    assert profiles.is_hdr(isobmff(heif(items, 9, large=large)))
    assert isobmff(heif({**items, 7: [ISPE]}, 7, large=large)) is None  # the first bytes found are another's


def test_a_profile_of_the_same_item_comes_before_a_code():
    assert isobmff(heif({1: [nclx(12, 13), PROF]})) is None
    assert isobmff(heif({1: [nclx(12, 13)], 2: [PROF]})) == ColourCode(P3, "srgb", P3_CODE)


@pytest.mark.parametrize(
    "codes", [(1, 13), (1, 1), (2, 2), (5, 6), (6, 6), (2, 13), (1, 4), (0, 0), (77, 300)]
)
def test_what_viewers_show_as_srgb_is_srgb(codes):
    assert isobmff(heif({1: [nclx(*codes)]})) is None


def test_pillow_and_we_read_the_same_avif():
    file = stream(Image.new("RGB", (32, 16)), "AVIF", icc_profile=rgb_profile())
    assert isobmff(file) is None and clean_aperture(file) is None and transforms(file) == []
    exif = Image.Exif()
    for value in range(1, 9):
        exif[274] = value
        file = stream(Image.new("RGB", (32, 16)), "AVIF", exif=exif.tobytes())
        assert orientation(file) == value == Image.open(file).getexif().get(274, 1)


def test_transforms_come_in_the_order_of_their_association():
    turn, mirror, cut = box(b"irot", b"\1"), box(b"imir", b"\0"), clap(100, 1, 80, 1, 0, 1, 0, 1)
    first, second = heif({1: [cut, turn, mirror]}), heif({1: [mirror, turn]})
    assert transforms(first) == [("clap", 0), ("irot", 1), ("imir", 0)] and orientation(first) == 5
    assert transforms(second) == [("imir", 0), ("irot", 1)] and orientation(second) == 7
    assert transforms(heif({1: [ISPE], 2: [turn]})) == []


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ((100, 1, 80, 1, 0, 1, 0, 1), (50, 40, 100, 80)),
        ((100, 1, 80, 1, 20, 1, -10, 1), (70, 30, 100, 80)),
        ((101, 1, 81, 1, 1, 2, 1, 2), (50, 40, 101, 81)),  # by avifdec 0.11.1
        ((101, 1, 81, 1, 0, 1, 0, 1), (49, 40, 101, 81)),  # this and the next by libheif 1.23.6
        ((399, 4, 319, 4, 0, 1, 0, 1), (50, 40, 100, 80)),
        ((100, 1, 80, 1, 80, 1, 0, 1), (130, 40, 70, 80)),
        ((200, 1, 160, 1, 0, 1, 0, 1), None),
        ((300, 1, 300, 1, 0, 1, 0, 1), None),
        ((100, 1, 80, 1, 900, 1, 0, 1), None),
        ((100, 0, 80, 1, 0, 1, 0, 1), None),
        ((0, 1, 80, 1, 0, 1, 0, 1), None),
    ],
)
def test_a_clean_aperture_is_in_whole_pixels(numbers, shown):
    assert clean_aperture(heif({1: [ISPE, clap(*numbers)]})) == shown
    assert clean_aperture(heif({1: [ISPE], 2: [clap(*numbers)]})) is None
    assert clean_aperture(heif({1: [clap(*numbers)]})) is None


def test_cut_and_changed_avif_never_raise():
    cut = clap(100, 1, 80, 1, 0, 1, 0, 1)
    whole = heif({1: [ISPE, nclx(12, 13), cut, box(b"irot", b"\1")]}).getvalue()
    chance = np.random.default_rng(3)
    files = [whole[:size] for size in range(len(whole))]
    for _ in range(500):
        changed = bytearray(whole)
        for at in chance.integers(0, len(whole), 3):
            changed[at] = chance.integers(256)
        files.append(bytes(changed))
    files.append(struct.pack(">I4sQ", 1, b"free", 1 << 63))  # a place that no file can be turned to
    for data in files:
        for read in (isobmff, clean_aperture, transforms, orientation):
            read(io.BytesIO(data))


def by_definition(values: np.ndarray, code: ColourCode) -> np.ndarray:
    """To sRGB, 0..1, in float64, whites made equal by Bradford straight from one to the other."""
    light = values ** (1.0 if code.transfer == "linear" else code.transfer if code.transfer != "srgb" else 1)
    if code.transfer == "srgb":
        light = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    cone = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    there, here = to_xyz(code.primaries), to_xyz(SRGB)
    gain = (cone @ here.sum(1)) / (cone @ there.sum(1))
    both = np.linalg.inv(here) @ np.linalg.inv(cone) @ np.diag(gain) @ cone @ there
    light = (light @ both.T).clip(0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("code", CODES)
def test_three_ways_to_srgb_agree(code, colours):
    """The definitions, littleCMS by the profile made for the code, and numpy by code and by profile."""
    want, icc = by_definition(colours / 255, code), profiles.profile_of(code)
    by_littlecms = np.asarray(colour.to_srgb(Image.fromarray(colours), icc))
    assert np.abs(by_littlecms - 255 * want).max() <= 1.5
    assert np.abs(profiles.to_srgb_values(colours, code) - 255 * want).max() <= 0.51
    assert np.abs(profiles.from_profile_values(colours, icc).astype(int) - by_littlecms).max() <= 1
    deep = colours.astype(np.uint16) * 257
    found, again = profiles.to_srgb_values(deep, code), profiles.from_profile_values(deep, icc)
    assert found.dtype == again.dtype == np.uint16
    assert np.abs(found - 65535 * want).max() <= 1 and np.abs(again - 65535 * want).max() <= 64


def test_colours_of_srgb_primaries_are_not_lost(colours):
    code = ColourCode(SRGB, 1.0)
    assert not profiles.wide(code) and all(profiles.wide(other) for other in CODES[:4])
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256, 1)
    shown = profiles.to_srgb_values(ramp, code)
    assert shown.dtype == np.uint16 and (np.diff(shown.ravel().astype(int)) >= 0).all()
    assert (profiles.to_srgb_values(np.repeat(ramp, 3, axis=2), code) == shown).all()  # grey as colour
    assert (profiles.to_srgb_values(colours, ColourCode(SRGB, "srgb")) == colours).all()


@pytest.mark.parametrize("code", CODES)
def test_a_profile_is_small_the_same_each_time_and_leads_back(code):
    icc = profiles.profile_of(code)
    profiles.profile_of.cache_clear()
    assert icc == profiles.profile_of(code) and len(icc) == int.from_bytes(icc[:4], "big") < 700
    assert colour.space(icc) == "RGB" and colour.has_way_back(icc)
    assert colour.to_srgb(Image.new("RGB", (1, 1), "white"), icc).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (CODES[0], "Display P3"),
        (CODES[1], "BT.2020 primaries"),
        (CODES[2], "Adobe RGB"),
        (CODES[3], "RGB by the picture"),
    ],
)
def test_a_profile_has_a_name(code, name):
    profile = ImageCms.ImageCmsProfile(io.BytesIO(profiles.profile_of(code)))
    assert ImageCms.getProfileDescription(profile).strip() == name


@pytest.mark.skipif(not shutil.which("exiftool"), reason="exiftool is not installed")
def test_exiftool_finds_nothing_to_warn_of(tmp_path):
    for i, code in enumerate(CODES):
        (tmp_path / f"{i}.icc").write_bytes(profiles.profile_of(code))
    command = ["exiftool", "-validate", "-warning", "-error", "-a", "-s3", *sorted(tmp_path.iterdir())]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    assert [line for line in lines if line[:4] not in ("====", "    ")] == ["OK"] * len(CODES)


def rgb_with(curve: bytes) -> bytes:
    """`rgb_profile()` with another curve at its end."""
    icc = bytearray(rgb_profile())
    for i in range(int.from_bytes(icc[128:132], "big")):
        if icc[132 + 12 * i : 136 + 12 * i] in (b"rTRC", b"gTRC", b"bTRC"):
            struct.pack_into(">II", icc, 136 + 12 * i, len(icc), len(curve))
    icc += curve
    struct.pack_into(">I", icc, 0, len(icc))
    return bytes(icc)


def para(number: int, *values: float) -> bytes:
    return b"para" + struct.pack(f">IHH{len(values)}i", 0, number, 0, *(round(v * 65536) for v in values))


def curv(*points: int) -> bytes:
    data = b"curv" + struct.pack(f">II{len(points)}H", 0, len(points), *points)
    return data + bytes(-len(data) % 4)


@pytest.mark.parametrize(
    "curve",
    [
        curv(),
        curv(461),
        curv(*(round(65535 * (i / 40) ** 2) for i in range(41))),
        para(0, 1.8),
        para(1, 2.4, 1 / 1.055, 0.055 / 1.055),
        para(2, 2.0, 0.9, 0.05, 0.0975),
        para(3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045),
        para(4, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045, 0.0, 0.0),
    ],
)
def test_every_kind_of_curve_is_read_as_littlecms_reads_it(curve, colours):
    icc = rgb_with(curve)
    want = np.asarray(
        ImageCms.profileToProfile(  # without black point compensation, as curves stand
            Image.fromarray(colours),
            ImageCms.ImageCmsProfile(io.BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    ).astype(int)
    assert np.abs(profiles.from_profile_values(colours, icc) - want).max() <= 1


@pytest.mark.parametrize("value", [1.8, 2.2, 3.0])
def test_grey_goes_by_its_curve(value):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    want = np.asarray(colour.to_srgb(Image.fromarray(ramp[:, :, 0]), grey_profile(value)))[:, :, 0]
    assert np.abs(profiles.grey_to_srgb(ramp, grey_profile(value))[:, :, 0].astype(int) - want).max() <= 1
    deep = profiles.grey_to_srgb(ramp.astype(np.uint16) * 257, grey_profile(value))
    assert deep.dtype == np.uint16 and np.abs(deep[:, :, 0] / 257 - want).max() <= 1.5


def test_profiles_of_other_kinds_are_refused(colours):
    broken = [b"", b"junk", grey_profile(), cmyk_profile(), cmyk_profile(space=b"RGB ")]
    broken += [
        rgb_with(curve) for curve in (b"", curv(1, 2, 3)[:-6], para(0), para(1, 2.2, 0, 0), para(9, 1))
    ]
    broken += [rgb_with(para(0, -1)), rgb_with(b"mft1" + bytes(40))]
    for icc in broken:
        with pytest.raises(ValueError, match=r"curve|profile"):
            profiles.from_profile_values(colours, icc)
    with pytest.raises(ValueError, match="profile"):
        profiles.grey_to_srgb(colours[:, :, :1], rgb_profile())


def test_cut_profiles_raise_nothing_but_value_errors(colours):
    whole = profiles.profile_of(CODES[0])
    for size in range(len(whole)):
        with pytest.raises(ValueError):
            profiles.from_profile_values(colours[:1], whole[:size])
    for size in range(len(grey_profile()) - 4):
        with pytest.raises(ValueError):
            profiles.grey_to_srgb(colours[:1, :, :1], grey_profile()[:size])
