"""HDR gain maps are found in files, kept small, and written as others read them; damage harms nothing."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin, MpoImagePlugin, features

from nic_cli.errors import DamagedFile
from nic_cli.image.ancillary import gain_map, ultra_hdr
from nic_cli.image.ancillary.gain_claims import (
    APPLE_XMP,
    Packet,
    from_iso,
    from_xmp,
    to_iso,
    to_xmp,
    without_claim,
)
from nic_cli.image.ancillary.gain_map import Gains, pack, turned, unpack
from nic_cli.image.ancillary.jpeg_segments import APP1, APP2, packed, segments, with_segments
from nic_cli.image.metadata import turn
from tests.image.pictures import XMP, rgb_profile, stream

ISO = b"urn:iso:std:iso:ts:21496:-1\0"
HEIGHT, WIDTH = 96, 128
ROWS, COLUMNS = np.mgrid[0:HEIGHT, 0:WIDTH]
GREY = Image.fromarray(((COLUMNS + ROWS) / (WIDTH + HEIGHT) * 255).astype(np.uint8)[::2, ::2])
PICTURE = Image.fromarray(np.stack([COLUMNS, 2 * ROWS, 0 * ROWS + 90], axis=2).astype(np.uint8))
GAINS = Gains(0.0, 2.5, (-0.25,), (2.5,), (1.5,), (1 / 32,), (1 / 128,))
EACH = Gains(0.25, 3.0, (0.0, -0.5, -1.0), (3.0, 2.75, 2.5), (1.0, 1.25, 0.75), (0.0,) * 3, (1 / 64,) * 3)
FIELDS = ("max-content-boost", "min-content-boost", "gamma", "offset-sdr", "offset-hdr")
SCALARS = ("hdr-capacity-min", "hdr-capacity-max", "use-base-cg")


def psnr(found, wanted) -> float:
    error = (np.asarray(found, float).squeeze() - np.asarray(wanted, float).squeeze()) ** 2
    return 10 * np.log10(255**2 / max(error.mean(), 1e-9))


def jpeg(image=PICTURE, **options) -> bytes:
    return stream(image, "JPEG", quality=90, **options).getvalue()


def found(data: bytes, **options) -> tuple[bytes, list[str]]:
    """The chunk in a file, and what was warned of."""
    said = []
    source = io.BytesIO(data)
    return ultra_hdr.find(source, Image.open(source), "x", said.append, **options), said


def mpo(first: bytes, second: bytes) -> bytes:
    """Two JPEGs in a file whose MPF segment, of low bytes first, is made here."""
    size = len(first) + 4 + 4 + 50 + 32
    at = 2 + 8  # of the TIFF structure
    entries = struct.pack("<IIIHHIIIHH", 0x20030000, size, 0, 0, 0, 0, len(second), size - at, 0, 0)
    tags = struct.pack("<HHI4s", 0xB000, 7, 4, b"0100") + struct.pack("<HHII", 0xB001, 4, 1, 2)
    tags += struct.pack("<HHII", 0xB002, 7, 32, 50)
    data = b"MPF\0II*\0" + struct.pack("<IH", 8, 3) + tags + bytes(4) + entries
    return first[:2] + packed(APP2, data) + first[2:] + second


def ultra(picture=None, gains=GAINS, image=GREY, **options) -> bytes:
    return ultra_hdr.written(jpeg() if picture is None else picture, pack(image, gains, **options))


def without(data: bytes, *starts: bytes) -> bytes:
    """The file with segments that start so made into ones nobody knows."""
    for start in starts:
        data = data.replace(start, b"X" * len(start))
    return data


def vips_made(**fields) -> bytes:
    """An Ultra HDR file of libvips, of a scene brighter than white; `fields` of its map are changed."""
    pyvips = pytest.importorskip("pyvips")
    if not pyvips.type_find("VipsOperation", "uhdrsave"):
        pytest.skip("libvips without Ultra HDR")
    scene = np.stack([COLUMNS / 40, ROWS / 50, 0.2 + 0 * ROWS], axis=2).astype(np.float32)
    image = pyvips.Image.new_from_array(scene, interpretation="scrgb")
    data = image.uhdrsave_buffer(Q=90)
    if fields:
        image = pyvips.Image.new_from_buffer(data, "").copy()
        for name, value in fields.items():
            image.set_type(pyvips.GValue.array_double_type, "gainmap-" + name.replace("_", "-"), value)
        data = image.uhdrsave_buffer(Q=90)
    return data


def vips_read(data: bytes):
    """The numbers of the map that libvips finds, and its pixels."""
    pyvips = pytest.importorskip("pyvips")
    if not pyvips.type_find("VipsOperation", "uhdrload"):
        pytest.skip("libvips without Ultra HDR")
    image = pyvips.Image.new_from_buffer(data, "")
    assert image.get("vips-loader").startswith("uhdrload")
    numbers = np.hstack([np.ravel(image.get(f"gainmap-{name}")) for name in (*FIELDS, *SCALARS)])
    return numbers.tolist(), pyvips.Image.new_from_buffer(image.get("gainmap-data"), "").numpy()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {
            "max_content_boost": [4.0, 5.0, 6.0],
            "min_content_boost": [0.9, 0.8, 0.7],
            "gamma": [1.0, 1.5, 2.0],
        },
        {"offset_sdr": [1 / 64] * 3, "offset_hdr": [1 / 32] * 3},
    ],
)
def test_a_map_made_by_libvips_comes_back_to_libvips(fields):
    data = vips_made(**fields)
    chunk, said = found(data)
    again = ultra_hdr.written(jpeg(Image.open(io.BytesIO(data)).convert("RGB")), chunk)
    wanted, pixels = vips_read(data)
    numbers, kept = vips_read(again)
    assert said == [] and numbers == pytest.approx(wanted, abs=1e-3)
    assert kept.shape == pixels.shape and psnr(kept, pixels) > 35


@pytest.mark.parametrize("gains", [GAINS, EACH])
@pytest.mark.parametrize("made_by", ["pillow", "libvips"])
def test_what_is_written_is_ultra_hdr_to_libvips(gains, made_by):
    pyvips = pytest.importorskip("pyvips")
    picture = jpeg(xmp=XMP, icc_profile=rgb_profile())
    if made_by == "libvips":
        picture = pyvips.Image.new_from_buffer(picture, "").jpegsave_buffer()
    numbers, pixels = vips_read(ultra(picture, gains))
    columns = [np.resize(column, 3) for column in (gains.maximum, gains.minimum)]
    wanted = [*np.exp2(columns).ravel(), *np.resize(gains.gamma, 3), *np.resize(gains.offset_sdr, 3)]
    wanted += [*np.resize(gains.offset_hdr, 3), 2**gains.base, 2**gains.alternate, 1]
    assert numbers == pytest.approx(wanted, abs=1e-3)
    assert psnr(pixels, GREY) > 40


def test_pillow_reads_both_pictures():
    image = Image.open(io.BytesIO(ultra(jpeg(xmp=XMP))))
    both = MpoImagePlugin.MpoImageFile.adopt(image, JpegImagePlugin._getmp(image))
    assert both.n_frames == 2 and both.size == PICTURE.size
    both.seek(1)
    assert both.size == GREY.size and psnr(both, GREY) > 40


@pytest.mark.parametrize(
    "missing", [(ISO,), (b"http://ns.adobe.com/xap/1.0/\0",), (b"MPF\0",), (ISO, b"MPF\0")], ids=repr
)
@pytest.mark.parametrize("gains", [GAINS, EACH])
def test_a_map_is_found_by_each_way_of_saying_it(gains, missing):
    wanted, _ = found(ultra(gains=gains))
    chunk, said = found(without(ultra(gains=gains), *missing) + b"a trailer of the maker")
    assert said == [] and unpack(chunk).gains == unpack(wanted).gains == gains
    assert (unpack(chunk).pixels == unpack(wanted).pixels).all()


def test_a_map_of_apple_is_found_and_written_with_its_own_xmp():
    said = APPLE_XMP.replace(b"/></rdf", b' HDRGainMap:HDRGainMapHeadroom="3.5"/></rdf')
    chunk, warned = found(mpo(jpeg(), jpeg(GREY, xmp=said)))
    again = ultra_hdr.written(jpeg(xmp=XMP), chunk)
    image = Image.open(io.BytesIO(again))
    assert warned == [] and image.n_frames == 2 and image.info["xmp"] == XMP
    image.seek(1)
    assert image.info["xmp"] == said and psnr(image, GREY) > 38
    assert unpack(found(again)[0]).apple == said and unpack(chunk).gains is None


def test_a_further_view_is_no_gain_map():
    out = io.BytesIO()
    PICTURE.save(out, "MPO", save_all=True, append_images=[PICTURE.transpose(Image.Transpose.ROTATE_180)])
    for data in (out.getvalue(), mpo(jpeg(), jpeg(GREY, xmp=XMP)), mpo(jpeg(xmp=XMP), b""), jpeg(xmp=XMP)):
        assert found(data) == (b"", [])


@pytest.mark.parametrize(
    "data",
    [
        jpeg(xmp=Image.open(io.BytesIO(ultra())).info["xmp"]),
        with_segments(jpeg(), [packed(APP2, ISO + bytes(4))]),
        mpo(jpeg(), with_segments(jpeg(GREY), [packed(APP2, ISO + bytes(9))])),
        mpo(jpeg(), jpeg(GREY, xmp=to_xmp(GAINS).replace(b'HDRCapacityMax="', b'HDRCapacityMax="x'))),
        mpo(jpeg(), jpeg(GREY, xmp=to_xmp(GAINS))[:-100]),
        mpo(jpeg(GREY), jpeg(PICTURE, xmp=to_xmp(GAINS))),
        ultra()[:-700],
    ],
    ids=["XMP alone", "ISO alone", "ISO cut", "no number", "cut", "larger than its picture", "file cut"],
)
def test_a_claim_without_a_map_that_can_be_read_is_told_once(data):
    chunk, said = found(data)
    assert chunk == b"" and said == ["x: its HDR gain map cannot be read and is not kept"]


def test_a_file_cut_or_changed_anywhere_raises_nothing():
    data = ultra(jpeg(xmp=XMP), EACH)
    random = np.random.default_rng(5)
    cuts = [data[:at] for at in range(0, len(data), 41)]
    for _ in range(150):
        changed = bytearray(data)
        for at in random.integers(2, len(data), 4):
            changed[at] = random.integers(256)
        cuts.append(bytes(changed))
    for cut in cuts:
        try:
            image = Image.open(io.BytesIO(data))
            image.load()
            said = []
            ultra_hdr.find(io.BytesIO(cut), image, "x", said.append)
            assert len(said) <= 1
            again = Image.open(io.BytesIO(cut))
        except (OSError, SyntaxError, UserWarning):
            continue
        ultra_hdr.find(io.BytesIO(cut), again, "x", said.append)


@pytest.mark.parametrize("first", range(1, 9))
def test_a_map_turns_as_its_picture_does(first):
    chunk = pack(GREY, GAINS)
    upright = unpack(chunk).pixels
    for second in range(1, 9):
        twice = unpack(turned(turned(chunk, first), second)).pixels
        assert (twice == turn(turn(upright, first), second)).all()


def test_a_chunk_keeps_colour_profile_and_numbers():
    colour = PICTURE.reduce(2)
    icc = rgb_profile()
    gains = Gains(
        3.0, 0.0, EACH.minimum, EACH.maximum, EACH.gamma, EACH.offset_sdr, EACH.offset_hdr, True, False
    )
    kept = unpack(pack(colour, gains, APPLE_XMP, icc))
    assert (kept.gains, kept.apple, kept.icc) == (gains, APPLE_XMP, icc)
    assert psnr(kept.pixels, colour) > 35
    again = unpack(found(ultra(gains=gains, image=colour, icc=icc))[0])
    assert again.gains == gains and again.icc == icc and psnr(again.pixels, colour) > 33


@pytest.mark.parametrize("scale", [1, 2, 4])
def test_a_chunk_takes_at_most_15_percent_of_half_a_bit(scale):
    random = np.random.default_rng(2)
    rough = random.integers(0, 256, (32 // scale, 48 // scale), dtype=np.uint8)
    size = (768 // scale, 512 // scale)
    detailed = np.asarray(Image.fromarray(rough).resize(size, Image.Resampling.BICUBIC), float)
    detailed = (detailed + random.normal(0, 12, detailed.shape)).clip(0, 255).astype(np.uint8)
    picture = jpeg(Image.new("RGB", (768, 512)))
    chunk, said = found(ultra(picture, image=Image.fromarray(detailed)))
    assert said == [] and len(chunk) <= 0.15 * 768 * 512 * 0.5 / 8
    assert len(found(ultra(picture, image=Image.fromarray(detailed)), budget=900)[0]) <= 900


def test_damaged_chunks_raise_one_kind_of_error():
    chunk = pack(GREY, EACH, APPLE_XMP, rgb_profile())
    random = np.random.default_rng(4)
    broken = [chunk[:at] for at in range(0, len(chunk), 3)]
    for _ in range(300):
        changed = bytearray(chunk)
        changed[random.integers(len(chunk))] ^= 1 << random.integers(8)
        broken.append(bytes(changed))
    for data in broken:
        try:
            assert unpack(data).pixels.ndim in (2, 3)
        except DamagedFile:
            pass
        try:
            ultra_hdr.written(jpeg(), data)
        except DamagedFile:
            pass


def test_sizes_are_checked_before_anything_is_decoded(monkeypatch):
    chunk = pack(GREY, GAINS)
    monkeypatch.setattr(Image, "open", None)
    for size in ((5000, 5000), (GREY.width + 1, GREY.height), (0, 5)):
        with pytest.raises(DamagedFile):
            unpack(chunk[:3] + struct.pack(">HH", *size) + chunk[7:])


def test_numbers_are_the_same_in_both_forms():
    back = Gains(2.0, 0.0, (0.0,), (2.0,), (1.0,), (1 / 64,), (1 / 32,), base_is_hdr=True)
    for gains in (GAINS, EACH, back):
        assert from_iso(to_iso(gains)) == gains == from_xmp(Packet(to_xmp(gains)))
    below = struct.pack(">HHBI2I2i I2i", 0, 0, 0x48, 100, 0, 250, -25, 250, 150, 2, 1)
    common = from_iso(below)
    assert (common.alternate, common.minimum, common.gamma) == (2.5, (-0.25,), (1.5,))


@pytest.mark.parametrize("gains", [Gains(0, float("nan"), (0,), (1,)), Gains(0, 1, (2,), (1,))])
def test_numbers_without_sense_are_not_packed(gains):
    with pytest.raises(ValueError, match="gain map"):
        pack(GREY, gains)


def test_xmp_of_the_picture_stays_byte_for_byte():
    whole = (
        b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>\n' + XMP + b" " * 300 + b'<?xpacket end="w"?>'
    )
    for xmp in (XMP, whole, whole + b"\0\0"):
        claiming = Image.open(io.BytesIO(ultra(jpeg(xmp=xmp)))).info["xmp"]
        assert Packet(claiming).claims and b'tiff:Make="nic"' in claiming
        assert without_claim(claiming) == xmp == without_claim(xmp)
    assert without_claim(b"") == b"" and without_claim(b"<junk hdrgm:Version") == b"<junk hdrgm:Version"


def test_claims_of_every_form_are_taken_out():
    adobe, google = "http://ns.adobe.com/hdr-gain-map/1.0/", "http://ns.google.com/photos/1.0/container/"
    before, after = XMP.split(b"/></rdf")
    claim = f""" xmlns:g="{adobe}" g:Version='1.0' xmlns:C="{google}" xmlns:I="{google}item/" dc="1>0">
      <g:GainMapMax><x>1</x></g:GainMapMax><keep><!-- <g:Not/> --></keep><g:Gamma a=">"/>
      <C:Directory><I:Length>5</I:Length></C:Directory><H:HDRGainMapVersion
      xmlns:H="http://ns.apple.com/HDRGainMap/1.0/">1</H:HDRGainMapVersion></rdf:Description></rdf""".encode()
    cleaned = without_claim(before + claim + after)
    assert not Packet(cleaned).claims and without_claim(cleaned) == cleaned
    for namespace in (b"adobe.com/hdr", b"google.com/photos", b"HDRGainMap/1.0", b"GainMapMax", b"Length"):
        assert namespace not in cleaned
    assert b"<keep><!-- <g:Not/> --></keep>" in cleaned and b'tiff:Make="nic" dc="1>0">' in cleaned


def test_long_hostile_xmp_takes_little_time():
    head = b'<a xmlns:g="http://ns.adobe.com/hdr-gain-map/1.0/"'
    for middle in (b"<g:b>" * 200_000, b" " * 1_000_000 + b"x", b"<g:b>1\n" * 100_000, b"\n" * 1_000_000):
        without_claim(head + b">" + middle)
        without_claim(head + middle + b"></a>")


def test_a_picture_without_room_in_its_xmp_keeps_it_and_its_map():
    full = XMP + b" " * 64_900
    data = ultra(jpeg(xmp=full))
    assert Image.open(io.BytesIO(data)).info["xmp"] == full
    assert unpack(found(data)[0]).gains == GAINS


def test_writing_again_replaces_the_map():
    once = ultra(jpeg(xmp=XMP, exif=b"Exif\0\0II*\0\x08\0\0\0\0\0\0\0\0\0"), EACH)
    assert ultra(once, EACH) == once
    kinds = [segment.data[:4] for segment in segments(once) if segment.marker in (APP1, APP2)]
    assert kinds == [b"Exif", b"http", b"urn:", b"MPF\0"]


def as_apple(heic: bytes) -> bytes:
    """An HEIC whose alpha is called a gain map of Apple's, a longer name, so that all behind it moves."""
    old, new = b"urn:mpeg:hevc:2015:auxid:1\0", b"urn:com:apple:photo:2020:aux:hdrgainmap\0"
    more, data = len(new) - len(old), bytearray(heic)

    def add(at: int) -> None:
        struct.pack_into(">I", data, at, struct.unpack_from(">I", data, at)[0] + more)

    for box in (b"meta", b"iprp", b"ipco", b"auxC"):
        add(heic.index(box) - 4)
    places = heic.index(b"iloc")
    assert heic[places + 4] == 0 and heic[places + 8 : places + 10] == b"\x44\x40"
    for item in range(struct.unpack_from(">H", heic, places + 10)[0]):
        add(places + 12 + 18 * item + 10)
    data[heic.index(old) : heic.index(old) + len(old)] = new
    return bytes(data)


def test_the_auxiliary_picture_of_an_heic_is_kept():
    pytest.importorskip("pillow_heif").register_heif_opener()
    rgba = PICTURE.convert("RGBA")
    rgba.putalpha(GREY.resize(PICTURE.size))
    out = io.BytesIO()
    rgba.save(out, "HEIF", quality=90)
    chunk, said = found(as_apple(out.getvalue()))
    kept = unpack(chunk)
    assert said == [] and kept.apple == APPLE_XMP and psnr(kept.pixels, rgba.getchannel("A")) > 38
    assert found(out.getvalue()) == (b"", [])
    loaded = Image.open(io.BytesIO(as_apple(out.getvalue())))
    loaded.load()  # after which the plugin holds the file no longer
    assert ultra_hdr.find(io.BytesIO(as_apple(out.getvalue())), loaded, "x", said.append) == b""
    assert said == ["x: its HDR gain map cannot be read and is not kept"]


def test_other_formats_are_not_searched():
    for format in ("PNG", "WEBP", "GIF"):
        data = stream(PICTURE, format).getvalue()
        assert found(data) == (b"", [])


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
def test_a_map_that_no_reader_hands_out_is_told():
    data = stream(PICTURE, "AVIF").getvalue()
    assert found(data) == (b"", [])
    assert found(data + struct.pack(">I", 24) + b"freeinfe\2\0\0\0\0\1\0\0tmap")[1] == [
        "x: its HDR gain map cannot be read and is not kept"
    ]


def test_maps_too_large_for_webp_are_made_smaller():
    assert gain_map.coded_size((40_000, 10), None) == (10_000, 3)
    kept = unpack(pack(GREY.resize((20_000, 3)), GAINS))
    assert kept.pixels.shape == (2, 10_000)
