"""What encode and decode promise, with the embedded model on real photographs."""

from __future__ import annotations

import dataclasses
import io
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

import nic_cli
from nic_cli import codec
from nic_cli.container import file
from nic_cli.errors import DamagedFile, ModelError, NicError, UsageError
from nic_cli.image.reading import from_array
from nic_cli.types import Metadata, Picture


def psnr(a, b):
    top = float(np.iinfo(a.dtype).max)
    return 10 * np.log10(top**2 / np.square(a.astype(np.float64) - b).mean())


def round_trip(picture, model, **options):
    container = file.unpack(file.pack(codec.encode(picture, model, **options)))
    return container, codec.decode(container, model)


def test_photographs_come_back_close_and_small(model, photographs):
    for name, pixels in photographs.items():
        picture = from_array(pixels)
        container, back = round_trip(picture, model, q=3.0, b=0.0)
        bpp = 8 * len(file.pack(container)) / (picture.width * picture.height)
        assert back.pixels.shape == pixels.shape and back.pixels.dtype == np.uint8
        assert bpp < 1.6 and psnr(pixels, back.pixels) > 28, (name, bpp)


def test_bits_and_fidelity_rise_with_q(model, photographs):
    picture = from_array(photographs["coffee"])
    sizes, fidelities = [], []
    for q in np.linspace(0, model.config.q_top, 7):
        container, back = round_trip(picture, model, q=float(q), b=0.0)
        sizes.append(len(file.pack(container)))
        fidelities.append(psnr(picture.pixels, back.pixels))
    assert sizes == sorted(set(sizes)) and fidelities == sorted(fidelities)


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (65, 3), (64, 64), (63, 129), (200, 20)])
def test_every_size_comes_back_exactly(model, photographs, shape):
    pixels = photographs["rocket"][: shape[0], : shape[1]]
    _, back = round_trip(from_array(np.ascontiguousarray(pixels)), model, q=2.0)
    assert back.pixels.shape == pixels.shape


def test_grey_alpha_and_sixteen_bits_are_kept(model, photographs):
    grey = np.ascontiguousarray(photographs["chelsea"][..., :1]).astype(np.uint16) * 257
    alpha = (np.indices(grey.shape[:2]).sum(0) * 150).astype(np.uint16)
    picture = Picture(grey, alpha, Metadata(exif=b"II*\0some", xmp=b"<x/>"))
    container, back = round_trip(picture, model, q=5.0)
    assert (back.channels, back.bit_depth) == (1, 16)
    assert np.array_equal(back.alpha, alpha) and back.metadata == picture.metadata
    assert psnr(grey, back.pixels) > 33
    assert container.header.channels == 1


def test_a_sixteen_bit_picture_has_more_than_256_levels(model):
    ramp = np.linspace(0, 65535, 128 * 128 * 3).reshape(128, 128, 3).astype(np.uint16)
    _, back = round_trip(Picture(ramp), model, q=6.0)
    assert len(np.unique(back.pixels >> 0)) > 1000


def test_the_same_input_gives_the_same_bytes(model, wide):
    picture = from_array(wide)
    first = file.pack(codec.encode(picture, model, tile=128))
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        second = file.pack(codec.encode(picture, model, tile=128))
    finally:
        torch.set_num_threads(threads)
    assert first == second


def test_the_usual_rate_is_2_or_the_most_that_a_model_has(model, photographs):
    assert codec.encode(from_array(photographs["astronaut"]), model).header.q == 2.0


def test_decoding_does_not_depend_on_how_rows_are_grouped(of_each_engine, photographs):
    container = codec.encode(from_array(photographs["astronaut"]), of_each_engine)
    whole = codec.decode(container, of_each_engine).pixels
    by_one = codec.stream(container, of_each_engine, divisor=2048)
    assert np.array_equal(by_one.pixels[: by_one.height], whole)


def test_tiles_leave_no_seams(model, photographs):
    """The error next to tile borders is that of the same pixels when there is no border."""
    pixels = photographs["astronaut"]
    _, tiled = round_trip(from_array(pixels), model, q=1.0, tile=64)
    _, whole = round_trip(from_array(pixels), model, q=1.0)

    def jump(found):
        error = np.abs(found.pixels.astype(int) - pixels)
        return np.mean([error[:, x - 1 : x + 1].mean() for x in range(64, 320, 64)])

    assert jump(tiled) < 1.1 * jump(whole)


def test_a_tile_border_would_show_if_pixels_were_tiled(model, photographs):
    """The control of the test above: tiles encoded as pictures of their own do show."""
    pixels = photographs["astronaut"]
    parts = [round_trip(from_array(np.ascontiguousarray(pixels[:, x : x + 64])), model, q=1.0)[1].pixels
             for x in range(0, 320, 64)]  # fmt: skip
    apart = np.concatenate(parts, 1).astype(int)
    _, whole = round_trip(from_array(pixels), model, q=1.0)

    def step(found):
        error = found - pixels
        return np.mean([np.abs(error[:, x] - error[:, x - 1]).mean() for x in range(64, 320, 64)])

    assert step(apart) > 1.1 * step(whole.pixels.astype(int))


@pytest.mark.parametrize("bpp", [0.3, 0.6])
def test_a_target_size_is_met_from_below(model, photographs, bpp):
    for pixels in photographs.values():
        target = int(bpp * pixels.shape[0] * pixels.shape[1] / 8)
        size = len(file.pack(codec.encode(from_array(pixels), model, target_bytes=target)))
        assert 0.985 * target <= size <= target


def test_a_target_out_of_reach_is_refused_or_topped(model, photographs):
    picture = from_array(photographs["coffee"])
    with pytest.raises(UsageError, match="cannot be reached"):
        codec.encode(picture, model, target_bytes=60)
    assert codec.encode(picture, model, target_bytes=10**7).header.q == model.config.q_top


def test_verify_gives_the_checksum_of_the_symbols(model, wide):
    container = codec.encode(from_array(wide), model, tile=128)
    assert len(container.tiles) == 2
    expected = zlib.crc32(b"".join(t.symbols_crc.to_bytes(4, "little") for t in container.tiles))
    assert codec.verify(container, model) == expected


def test_symbols_that_differ_are_noticed(model, wide):
    container = codec.encode(from_array(wide), model)
    wrong = dataclasses.replace(container.tiles[0], symbols_crc=container.tiles[0].symbols_crc ^ 1)
    with pytest.raises(DamagedFile, match="arithmetic"):
        codec.decode(dataclasses.replace(container, tiles=(wrong,)), model)


def test_a_file_of_another_model_is_refused(model, wide):
    container = codec.encode(from_array(wide), model)
    other = dataclasses.replace(container, header=dataclasses.replace(container.header, model_id=b"8bytes!!"))
    for work in (codec.decode, codec.verify):
        with pytest.raises(ModelError, match="made with model"):
            work(other, model)


@pytest.mark.parametrize("wrong", [{"q": -0.1}, {"q": 99.0}, {"b": 1.5}, {"tile": 100}, {"q": float("nan")}])
def test_values_out_of_range_are_refused(model, wide, wrong):
    with pytest.raises(UsageError):
        codec.encode(from_array(wide), model, **wrong)


def test_one_tile_without_metadata_has_at_most_48_bytes_around_it(model, photographs):
    container = codec.encode(from_array(photographs["astronaut"]), model)
    assert file.overhead(container) <= 48


def test_progress_counts_rows_to_the_last(model, wide):
    seen, tiles = [], []
    container = codec.encode(
        from_array(wide), model, tile=64, divisor=64, progress=lambda *at: seen.append(at)
    )
    whole = -(-wide.shape[0] // 64) * 64
    assert len(seen) > 2 and seen == sorted(seen) and seen[-1] == (whole, whole)
    seen.clear()
    codec.held(codec.stream(container, model, divisor=64, progress=lambda *at: seen.append(at)))
    assert len(seen) > 2 and seen == sorted(seen) and seen[-1] == (len(wide), len(wide))
    codec.verify(container, model, lambda *at: tiles.append(at))
    assert tiles == [(i + 1, len(container.tiles)) for i in range(len(container.tiles))]


@pytest.mark.parametrize("b", [0.25, 0.5, 0.75, 1.0])
def test_every_realism_gives_a_good_picture_and_can_be_shown_at_another(model, photographs, b):
    picture = from_array(photographs["chelsea"])
    faithful, asked = (codec.encode(picture, model, q=3.0, b=at) for at in (0.0, b))
    assert faithful.tiles != asked.tiles  # the bits go where they are wanted
    limit = psnr(picture.pixels, codec.decode(faithful, model).pixels) - 4
    assert psnr(picture.pixels, codec.decode(asked, model).pixels) > limit
    assert psnr(picture.pixels, codec.decode(faithful, model, b=b).pixels) > limit
    assert psnr(picture.pixels, codec.decode(asked, model, b=0.0).pixels) > limit


class Given:
    """Rows that are made when they are asked for, and remember how many that was."""

    def __init__(self, pixels):
        self.pixels, self.shape, self.dtype = pixels, pixels.shape, pixels.dtype
        self.most = 0

    def __getitem__(self, rows):
        found = self.pixels[rows]
        self.most = max(self.most, len(found))
        return found


def test_rows_are_asked_for_a_few_at_a_time_and_code_to_the_same_file(model, photographs):
    pixels = np.concatenate([photographs["coffee"]] * 4)
    given = Given(pixels)
    by_rows = codec.encode(Picture(given), model, tile=256, divisor=16)
    assert file.pack(by_rows) == file.pack(codec.encode(from_array(pixels), model, tile=256))
    assert given.most <= 96
    shown = codec.stream(by_rows, model, divisor=16)
    parts = [shown.pixels[top : min(top + 30, shown.height)] for top in range(0, shown.height, 30)]
    assert np.array_equal(np.concatenate(parts), codec.decode(by_rows, model).pixels)


def test_python_takes_paths_and_anything_of_bytes(tmp_path):
    Image.fromarray(np.full((20, 30, 3), 90, np.uint8)).save(tmp_path / "a.png", dpi=(300, 300))
    for name in (tmp_path / "a.png", str(tmp_path / "a.png")):
        data = nic_cli.encode(name)
    (tmp_path / "a.nic").write_bytes(data)
    shown = [
        nic_cli.decode(given) for given in (tmp_path / "a.nic", str(tmp_path / "a.nic"), memoryview(data))
    ]
    assert len({image.tobytes() for image in [*shown, nic_cli.decode(bytearray(data))]}) == 1
    assert nic_cli.info(tmp_path / "a.nic") == nic_cli.info(data)
    part = nic_cli.decode(tmp_path / "a.nic", crop=(1, 2, 5, 6))
    assert part.tobytes() == shown[0].crop((1, 2, 6, 8)).tobytes()
    with pytest.raises(NicError, match=r"none\.nic"):
        nic_cli.decode(tmp_path / "none.nic")
    with pytest.raises(NicError, match=r"none\.png"):
        nic_cli.encode(tmp_path / "none.png")


@pytest.mark.parametrize(
    "call",
    [
        lambda data: nic_cli.info("a\0b"),
        lambda data: nic_cli.encode("a\0.png"),
        lambda data: nic_cli.encode(None),
        lambda data: nic_cli.info(None),
        lambda data: nic_cli.info(io.StringIO("text")),
        lambda data: nic_cli.encode(np.zeros((8, 8), np.uint8), tile=64.0),
        lambda data: nic_cli.encode(np.zeros((8, 8), np.uint8), effort=1.5),
        lambda data: nic_cli.encode(np.zeros((8, 8), np.uint8), q="2"),
        lambda data: nic_cli.decode(data, crop=(0, 0, 9)),
        lambda data: nic_cli.decode(data, crop=(0.5, 0, 8, 8)),
        lambda data: nic_cli.decode(data, scale=2.0),
    ],
)
def test_what_python_gives_wrongly_is_a_usage_error(call):
    data = nic_cli.encode(np.zeros((8, 8), np.uint8))
    assert nic_cli.decode(data, crop=(np.int64(0), 0, 4, 4)).size == (4, 4)
    with pytest.raises(UsageError):
        call(data)


def test_lack_of_memory_is_one_of_our_errors_in_python_too(monkeypatch):
    def starved(*_, **__):
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")

    data = nic_cli.encode(np.zeros((8, 8), np.uint8))
    monkeypatch.setattr(codec, "decode", starved)
    with pytest.raises(NicError, match="not enough memory"):
        nic_cli.decode(data)
    monkeypatch.setattr(codec, "encode", lambda *_, **__: [][0])  # the control: nothing else is taken for it
    with pytest.raises(IndexError):
        nic_cli.encode(np.zeros((8, 8), np.uint8))
