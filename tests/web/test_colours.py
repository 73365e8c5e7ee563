"""Colours that `<nic-image>` shows, beside those that littleCMS and the formulas of HDR have for the values.

In Chromium a canvas has the colours of Display P3; in Firefox 153 there are canvases of sRGB alone, to whose
edge it brings what is wider.
"""

from __future__ import annotations

import base64
import io
import struct
from dataclasses import replace
from functools import cache
from itertools import product

import numpy as np
import pytest
from PIL import Image, ImageCms
from skimage.color import deltaE_ciede2000, xyz2lab

import nic_cli
from nic_cli.container import file, layout
from nic_cli.image.ancillary.colour_codes import BT2020, SRGB, ColourCode
from nic_cli.image.ancillary.profiles import profile_of
from nic_cli.image.rowwise import write_png
from nic_cli.types import Chunk, Metadata
from tests import reference
from tests.bench import browser, firefox
from tests.golden import model_of
from tests.golden.pictures import drawn, mask, place, wide, with_alpha
from tests.web.element import golden, served, shown

ROUNDED = 1
"""Levels by which pixels may be off that are rounded twice: here, and by the browser's own conversion."""
TO_XYZ = {
    "srgb": [[0.412391, 0.357584, 0.180481], [0.212639, 0.715169, 0.072192], [0.019331, 0.119195, 0.950532]],
    "display-p3": [[0.486571, 0.265668, 0.198217], [0.228975, 0.691739, 0.079287], [0, 0.045113, 1.043944]],
}
FROM_BT2020 = np.array(
    [[0.636958, 0.144617, 0.168881], [0.2627, 0.677998, 0.059302], [0, 0.028073, 1.060985]]
)


def profile(change=lambda profile: None) -> bytes:
    """That of sRGB by littleCMS, changed."""
    made = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    change(made)
    return bytes(made)


def dark(made: bytearray) -> None:
    """Primaries of Display P3, and a curve of an exponent."""
    wide(made)
    at = place(made, b"rTRC")
    made[at + 12 : at + 16] = struct.pack(">i", round(65536 * 1.7))


def of_grey(exponent: float) -> bytes:
    """A profile of version 2 for grey (ICC.1:2001, 6.3.1.1 and 6.5.3)."""
    white = struct.pack(">3i", 63190, 65536, 54061)
    name = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(79)
    curve = b"curv" + bytes(4) + struct.pack(">IHH", 1, round(256 * exponent), 0)
    tags = {b"desc": name, b"wtpt": b"XYZ " + bytes(4) + white, b"kTRC": curve}
    table, data = struct.pack(">I", len(tags)), b""
    for key, value in tags.items():
        table += key + struct.pack(">II", 132 + 12 * len(tags) + len(data), len(value))
        data += value
    head = struct.pack(">I4sI12s", 128 + len(table + data), b"none", 0x02200000, b"mntrGRAYXYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + white
    return head.ljust(128, b"\0") + table + data


WIDE, DARK, GREY = profile(wide), profile(dark), of_grey(1.8)
CASES = {
    "of another version": (drawn(96, 64), profile_of(ColourCode(BT2020, "srgb"))),
    "a curve of its own": (drawn(96, 64), DARK),
    "16 bits": (drawn(96, 64, 3, 65535), WIDE),
    "16 bits, sRGB's primaries": (drawn(96, 64, 3, 65535), profile_of(ColourCode(SRGB, 1.8))),
    "alpha": (with_alpha(drawn(96, 64), mask(96, 64)), DARK),
    "grey": (drawn(96, 64, 1), GREY),
    "grey of 16 bits": (drawn(96, 64, 1, 65535), GREY),
    "grey with alpha": (with_alpha(drawn(96, 64, 1), mask(96, 64)), GREY),
}


@cache
def packed(case: str) -> bytes:
    """A file made of a PNG with a profile, or a golden one."""
    if case not in CASES:
        return golden(case)
    pixels, icc = CASES[case]
    planes = pixels if pixels.ndim == 3 else pixels[:, :, None]
    stream = io.BytesIO()
    write_png([planes], planes.shape, 8 * pixels.itemsize, stream, Metadata(icc=icc))
    return nic_cli.encode(stream.getvalue(), q=4.0, b=0.0)


@cache
def values(data: bytes) -> tuple[np.ndarray, np.ndarray, bytes]:
    """Of a file by the second decoder in 8 bits, its alpha, and the profile that they are of."""
    found = reference.decode(data, model_of("iris"))[0]
    found = np.rint(found / 257).astype(np.uint8) if found.dtype == np.uint16 else found
    alpha = found[..., -1] if found.shape[2] in (2, 4) else np.full(found.shape[:2], 255, np.uint8)
    colours = found[..., :-1] if found.shape[2] in (2, 4) else found
    header = reference.parse(data)
    return colours, alpha, profile() if header.flags & 4 else header.chunks.get("iccp", profile())


def by_lcms(colours: np.ndarray, icc: bytes, space: str) -> np.ndarray:
    """RGB in a space of canvases."""
    image = Image.fromarray(colours[..., 0] if colours.shape[2] == 1 else colours)
    of, to = (ImageCms.ImageCmsProfile(io.BytesIO(x)) for x in (icc, WIDE if space != "srgb" else profile()))
    return np.asarray(ImageCms.profileToProfile(image, of, to, 1, "RGB"))


def light(levels: np.ndarray) -> np.ndarray:
    """Linear values of 8 bits by sRGB's curve."""
    at = levels / 255
    return np.where(at <= 0.04045, at / 12.92, ((at + 0.055) / 1.055) ** 2.4)


def difference(found: np.ndarray, right: np.ndarray, space: str) -> np.ndarray:
    """Delta E 2000 of pixels."""
    lab = [
        xyz2lab(light(levels[None].astype(float)) @ np.array(TO_XYZ[space]).T) for levels in (found, right)
    ]
    return deltaE_ciede2000(*lab)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("colours") / "site") as found:
        yield found


@pytest.fixture(scope="module", params=[browser.chromium, firefox.firefox], ids=lambda start: start.__name__)
def page(request, address):
    """A page with one element."""
    if reason := (browser if request.param is browser.chromium else firefox).missing():
        pytest.skip(reason)
    with request.param() as tab:
        tab.driver.get(f"{address}one.html")
        tab.space = "display-p3" if request.param is browser.chromium else "srgb"
        yield tab


def rounded(page) -> int:
    """How far values may be off; Firefox, asked for sRGB, rounds once more."""
    return 2 if page.space == "srgb" else ROUNDED


@pytest.mark.parametrize("case", [*CASES, "wide-colours", "back-to-its-space"])
def test_values_under_a_profile_are_shown_as_littlecms_has_them(page, case):
    """Within a level, two in Firefox; delta E 2000 was 0.03 in the mean, 1.9 at most, in the dark."""
    data = packed(case)
    colours, alpha, icc = values(data)
    right, found = by_lcms(colours, icc, page.space), shown(page, data, space=page.space)
    assert np.abs(found[..., 3].astype(int) - alpha).max() <= 1
    opaque = alpha == 255
    found, right = found[opaque][:, :3], right[opaque]
    levels = np.abs(found.astype(int) - right)
    assert levels.max() <= rounded(page)
    apart = difference(found, right, page.space)
    assert apart.max() < 2.5 and apart.mean() < 0.05


def test_a_profile_of_srgb_is_none(page):
    """Most pictures have one: they are drawn at once, by a canvas that has their space."""
    shown(page, golden("described"))
    script = "const element = document.querySelector('nic-image'); return [element.header.wide, "
    script += "element.shadowRoot.querySelector('canvas').getContext('2d').getContextAttributes().colorSpace]"
    assert page.run(script) == [False, "srgb"]
    shown(page, golden("wide-colours"))
    assert page.run(script) == [True, page.space]


def test_a_profile_makes_a_difference(page):
    """The control: without it the values would be far from those."""
    for case in ("a curve of its own", "grey"):
        colours, alpha, icc = values(packed(case))
        right = by_lcms(colours, icc, "srgb").astype(int)
        assert np.abs(right - colours)[alpha == 255].max() > 15


def by_formulas(codes: np.ndarray, curve: str, space: str) -> np.ndarray:
    """RGB of values of BT.2100 in the primaries of BT.2020, on a page whose white is 1000 cd/m2.

    Light L, in times of 203 cd/m2 (BT.2408), becomes L (1 + L / W^2) / (1 + L), where W becomes white.
    """
    share = codes / 255
    if curve == "pq":
        root = share ** (1 / 78.84375)
        shown = 10000 * (np.maximum(root - 0.8359375, 0) / (18.8515625 - 18.6875 * root)) ** (
            1 / 0.1593017578125
        )
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(share <= 0.5, share**2 / 3, (np.exp((share - c) / a) + b) / 12)
        shown = 1000 * scene * (scene @ FROM_BT2020[1])[..., None] ** 0.2
    most = shown.max(2, keepdims=True) / 203
    white = 1000 / 203
    shown = shown / 203 * np.minimum((1 + most / white**2) / (1 + most), 1 / np.maximum(most, 1e-9))
    linear = np.clip(shown @ FROM_BT2020.T @ np.linalg.inv(TO_XYZ[space]).T, 0, 1)
    return np.rint(255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


@cache
def hdr(curve: str) -> bytes:
    """A file whose values are of BT.2020 and a curve of HDR."""
    container = file.unpack(nic_cli.encode(drawn(96, 64, 3, 65535), q=4.0, b=0.0))
    code = Chunk(layout.CICP, bytes((9, {"pq": 16, "hlg": 18}[curve], 0, 1)))
    return file.pack(replace(container, chunks=(*container.chunks, code)))


@pytest.mark.parametrize("case", ["golden", "pq", "hlg"])
def test_hdr_is_shown_as_its_formulas_have_it(page, case):
    """The same everywhere: left alone, Firefox shows 10000 cd/m2 as white, and all else nearly black.

    Decoders may be a level apart, of which other primaries make up to eight in a channel near black.
    """
    data = golden("hdr") if case == "golden" else hdr(case)
    codes, found = values(data)[0].astype(int), shown(page, data, space=page.space)[..., :3]
    near = [np.clip(codes + step, 0, 255) for step in product((0, 1, -1), repeat=3)]
    levels = [np.abs(found - by_formulas(c, "hlg" if case == "hlg" else "pq", page.space)) for c in near]
    assert levels[0].mean() < 0.05  # of those values themselves
    assert np.min([apart.max(-1) for apart in levels], 0).max() <= rounded(page)


def test_paper_is_no_darker_than_half_of_what_it_would_be_and_nothing_is_lost_below_white():
    grey = np.arange(256)[:, None, None].repeat(3, 2)
    found = by_formulas(grey, "pq", "srgb")[:, 0, 0]
    paper = 148  # 203 cd/m2
    assert 180 < found[paper] < 200 and (np.diff(found) >= 0).all() and len(set(found[:193])) > 120


def test_colours_do_not_depend_on_what_was_shown_before(page):
    """A canvas keeps its first space for ever."""
    for before in ("flat", "wide-colours"):
        for name in ("wide-colours", "tiles", "described"):
            shown(page, golden(before))
            colours, _, icc = values(golden(name))
            found = shown(page, golden(name), space=page.space)
            right = by_lcms(colours, icc, page.space)
            assert np.abs(found[..., :3].astype(int) - right).max() <= rounded(page)


def saved(page, data: bytes) -> Image.Image:
    """What the element gives as a PNG of a file."""
    shown(page, data)
    script = """
        const done = arguments[0];
        document.querySelector("nic-image").toBlob().then(async (blob) => {
          const bytes = new Uint8Array(await blob.arrayBuffer());
          done(btoa([...bytes].map((byte) => String.fromCharCode(byte)).join("")));
        }, (error) => done(String(error)));
    """
    return Image.open(io.BytesIO(base64.b64decode(page.driver.execute_async_script(script))))


KINDS = {(False, False): "RGB", (False, True): "L", (True, False): "RGBA", (True, True): "LA"}


@pytest.mark.parametrize("case", ["a curve of its own", "alpha", "grey", "grey with alpha"])
def test_what_is_saved_has_the_profile_and_all_colours(page, case):
    """Those under alpha too, and those beyond the canvas."""
    data = packed(case)
    colours, alpha, icc = values(data)
    found = saved(page, data)
    assert found.info["icc_profile"] == icc and found.mode == KINDS["alpha" in case, "grey" in case]
    pixels = np.asarray(found.convert("LA" if "grey" in case else "RGBA")).astype(int)
    assert (pixels[..., -1] == alpha).all() and np.abs(pixels[..., :-1] - colours).max() <= ROUNDED


def test_hdr_is_saved_as_it_is_shown(page):
    found = saved(page, hdr("pq"))
    right = by_formulas(values(hdr("pq"))[0], "pq", "display-p3")
    assert np.abs(np.asarray(found)[..., :3] - right).max() <= 2
    assert found.mode == "RGB" and "icc_profile" not in found.info
