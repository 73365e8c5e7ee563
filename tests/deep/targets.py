"""What is fuzzed: a few bytes go in, and nothing but our own errors may come out.

A checksum stops all that a fuzzer makes, so here it is 0 everywhere: what is tried is what lies behind it.
Each target has seeds, which are valid. `replay` runs one input, and raises what it should not.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

import nic_cli.pillow  # noqa: F401 - registers the format
from nic_cli import codec
from nic_cli.container import chunks, file, header, layout
from nic_cli.desktop import thumbnailer
from nic_cli.entropy import coder, tables
from nic_cli.errors import NicError, UsageError
from nic_cli.image.metadata import strip
from nic_cli.image.preview import open_preview, with_preview
from nic_cli.image.reading import from_array, read
from nic_cli.image.writing import write
from nic_cli.transform.config import ModelConfig
from nic_cli.types import Container, Metadata, Picture
from nic_cli.zoo import load as loading
from nic_cli.zoo.model_folder import parsed, write_folder
from nic_cli.zoo.registry import CONFIG, WEIGHTS

MOST = 1 << 16  # pixels of what is fuzzed
SCENE = Path(__file__).parents[1] / "pictures" / "scene.png"


@dataclass(frozen=True)
class Target:
    """run: takes an input. seeds: valid inputs. dictionary: words that the format is made of."""

    run: Callable[[bytes], None]
    seeds: Callable[[], Iterator[bytes]]
    dictionary: tuple[bytes, ...] = ()


@contextmanager
def without_checksums() -> Iterator[None]:
    """Every CRC-32 of a container is 0."""
    with mock.patch.multiple(header, crc32=_none), mock.patch.multiple(chunks, crc32=_none):
        with mock.patch.multiple(file, crc32=_none):
            yield


def _none(*_: object) -> int:
    return 0


@cache
def model() -> loading.Model:
    return loading.load(device="cpu")


@cache
def small_picture() -> Picture:
    """Part of the scene, 64 x 48, with an alpha plane and metadata."""
    with Image.open(SCENE) as scene:
        pixels = np.asarray(scene.convert("RGB").crop((300, 200, 364, 248)))
    picture = from_array(np.dstack([pixels, pixels[:, :, 0]]))
    said = Metadata(resolution=bytes([1]) + (72).to_bytes(8, "little") * 2)
    return with_preview(replace(picture, metadata=said))


# -- containers ------------------------------------------------------------------------------------


@cache
def samples() -> tuple[Container, ...]:
    """Small files: two of a picture with alpha and metadata, a plain one, and two tiles of 16-bit grey."""
    grey = from_array(np.arange(64 * 130, dtype=np.uint16).reshape(64, 130) * 7)
    plain = replace(small_picture(), alpha=None, metadata=Metadata())
    given = [(small_picture(), 0.0, 64), (small_picture(), 6.0, 1024), (plain, 1.0, 1024), (grey, 0.5, 64)]
    return tuple(codec.encode(picture, model(), q=q, tile=tile) for picture, q, tile in given)


def _containers() -> Iterator[bytes]:
    with without_checksums():
        made = [file.pack(container) for container in samples()]
    yield from made


def _framed(body: bytes) -> bytes:
    """A header around a body, and the rest of the bytes after it: the first byte says where it ends."""
    n_bytes = min(body[0] if body else 0, max(0, len(body) - 1))
    head, rest = body[1 : 1 + n_bytes], body[1 + n_bytes :]
    return layout.SIGNATURE + b"\x10" + header.pack_varint(len(head)) + head + bytes(4) + rest


def container(data: bytes) -> None:
    """A whole file: what is taken is written again as it was."""
    with without_checksums(), suppress(NicError):
        found = file.unpack(data)
        if file.pack(found) != data and found.header.version == layout.VERSION:
            raise AssertionError("a file that was read is written in other bytes")


def header_and_chunks(data: bytes) -> None:
    """A header of any fields, chunks of any content: what stands beside the pixels is read, or refused."""
    with without_checksums(), suppress(NicError):
        found, kept = file.read_opening(io.BytesIO(_framed(data)))
        header_fits = found.width * found.height <= MOST
        for chunk in kept:
            if chunk.kind == layout.PREVIEW:
                with suppress(NicError):
                    open_preview(chunk.data)
        if header_fits:
            beside = replace(samples()[0], header=replace(found, model_id=model().id), chunks=kept)
            said, alpha, top = codec._beside(beside)
            pixels = np.zeros((found.height, found.width, found.channels), f"u{found.bit_depth // 8}")
            for format in ("png", "jpeg", "tiff", "webp"):
                with suppress(NicError):
                    write(Picture(pixels, alpha, said, top=top), io.BytesIO(), format, warn=_quiet)


def _openings() -> Iterator[bytes]:
    for data in _containers():
        with without_checksums():
            opening, end = header.unpack(data)
            _, after = chunks.unpack(data, end, opening.n_chunks)
        start = len(layout.SIGNATURE) + 2
        yield bytes([end - 4 - start]) + data[start : end - 4] + data[end:after]


def decoding(data: bytes) -> None:
    """A whole file, decoded with the embedded model, whose tiles may hold any symbols."""
    with without_checksums(), mock.patch("nic_cli.tile_coding._crc", _none), suppress(NicError):
        found = file.unpack(data)
        if found.header.width * found.header.height <= MOST:
            codec.decode(replace(found, header=replace(found.header, model_id=model().id)), model())


def plugin(data: bytes) -> None:
    """A whole file through the plugin of Pillow, which knows OSError for what is damaged."""
    with without_checksums(), mock.patch("nic_cli.tile_coding._crc", _none):
        with suppress(OSError), Image.open(io.BytesIO(data), formats=["NIC"]) as image:
            if image.width * image.height <= MOST:
                image.draft(None, (16, 16))
                image.load()


def thumbnail(data: bytes) -> None:
    """A whole file through the thumbnailer."""
    with tempfile.NamedTemporaryFile(suffix=".nic") as stream, without_checksums():
        stream.write(data)
        stream.flush()
        with suppress(NicError):
            found, _ = file.read_opening(io.BytesIO(data))
            if found.width * found.height <= MOST:
                thumbnailer.thumbnail(Path(stream.name), 32)


# -- symbols ---------------------------------------------------------------------------------------


@cache
def _tables() -> tables.Tables:
    kinds = [(0, np.array([tables.TOTAL], np.uint32)), *(tables.gaussian(s) for s in (0.3, 1.0, 9.0))]
    return tables.pack_tables(kinds)


def entropy(data: bytes) -> None:
    """Two parts of symbols by tables of any order; what is decoded is coded to the same bytes."""
    n, counts, payload = data[:1], data[1:3], data[3:]
    if len(counts) < 2:
        return
    random = np.random.default_rng(n[0])
    parts = [random.integers(0, len(_tables()), count) for count in counts]
    with suppress(NicError):
        decoder = coder.Decoder(payload, _tables())
        values = [decoder.take(part) for part in parts]
        decoder.finish()
        if coder.encode(list(zip(parts, values, strict=True)), _tables()) != payload:
            raise AssertionError("other bytes for the same symbols")


def _streams() -> Iterator[bytes]:
    for seed, scale in ((1, 1), (2, 40), (3, 40000)):
        random = np.random.default_rng(seed)
        parts = [random.integers(0, len(_tables()), 40), random.integers(0, len(_tables()), 90)]
        values = [
            np.where(p > 0, random.integers(-scale, scale + 1, p.size), 0).astype(np.int32) for p in parts
        ]
        # The order of the generator is that of `entropy`.
        yield bytes([seed, 40, 90]) + coder.encode(list(zip(parts, values, strict=True)), _tables())


# -- pictures --------------------------------------------------------------------------------------


def _quiet(_: str) -> None:
    pass


def picture(data: bytes) -> None:
    """A picture file of any format, read, stripped and written again."""
    with suppress(NicError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = read(io.BytesIO(data), "fuzz", warn=_quiet, most=MOST)
        found = strip(found, frozenset(["gps"]))
        codec._chunks(found)
        for format in ("png", "jpeg", "tiff"):
            with suppress(UsageError):
                write(found, io.BytesIO(), format, warn=_quiet)


def _pictures() -> Iterator[bytes]:
    image = Image.fromarray(np.asarray(small_picture().pixels))
    image = image.crop((0, 0, 12, 9))
    said = {
        "exif": b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0",
        "dpi": (72, 72),
    }
    for format, mode, more in (
        ("PNG", "RGBA", said),
        ("PNG", "P", {}),
        ("JPEG", "RGB", said),
        ("JPEG", "CMYK", {}),
        ("TIFF", "RGB", {"compression": "tiff_lzw"}),
        ("TIFF", "L", {}),
        ("WEBP", "RGBA", {}),
        ("GIF", "P", {}),
        ("BMP", "RGB", {}),
        ("PPM", "RGB", {}),
        ("AVIF", "RGB", {}),
    ):
        made = io.BytesIO()
        with suppress(KeyError, OSError):  # not built in
            image.convert(mode).save(made, format, **more)
            yield made.getvalue()


# -- models ----------------------------------------------------------------------------------------


@cache
def _folder() -> dict[str, bytes]:
    """The files of a tiny model."""
    import torch

    from nic_cli.transform.network import Network

    one = {name: 8 for name in ("latent", "hyper", "analysis_fine", "analysis_coarse", "synthesis_coarse")}
    one |= {name: 8 for name in ("synthesis_fine", "hyper_coarse", "hyper_fine", "scale", "context")}
    depths = {f"{name}_depth": 1 for name in ("analysis_fine", "analysis_coarse", "synthesis_fine")}
    config = ModelConfig("tiny", **one, **depths, q_anchors=2, scales=3, skip=1)
    kinds = [tables.gaussian(0.5 + i) for i in range(3 + 2 * 8)]
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as folder:
        write_folder(Path(folder) / "tiny", Network(config), tables.pack_tables(kinds))
        return {name: (Path(folder) / "tiny" / name).read_bytes() for name in (CONFIG, WEIGHTS)}


def config(data: bytes) -> None:
    """A config.json beside sound weights."""
    with suppress(NicError):
        loading.ready(parsed({**_folder(), CONFIG: data}, Path("fuzz")), "cpu", _quiet)


def _configs() -> Iterator[bytes]:
    yield _folder()[CONFIG]
    yield json.dumps(asdict(ModelConfig("iris"))).encode()
    yield json.dumps({"kind": "qvrf", "name": "q"}).encode()


def weights(data: bytes) -> None:
    """The head of a safetensors file, of any length, before sound numbers; and a tiny model at work."""
    whole = _folder()[WEIGHTS]
    numbers = whole[8 + int.from_bytes(whole[:8], "little") :]
    changed = len(data).to_bytes(8, "little") + data + numbers
    with suppress(NicError):
        made = loading.ready(parsed({**_folder(), WEIGHTS: changed}, Path("fuzz")), "cpu", _quiet)
        codec.decode(codec.encode(from_array(np.zeros((64, 64, 3), np.uint8)), made, q=1.0), made)


def _heads() -> Iterator[bytes]:
    whole = _folder()[WEIGHTS]
    yield whole[8 : 8 + int.from_bytes(whole[:8], "little")]


KINDS = tuple(sorted(layout.CHUNK_LIMITS))
TARGETS = {
    "container": Target(container, _containers, (layout.SIGNATURE, *KINDS)),
    "opening": Target(header_and_chunks, _openings, KINDS),
    "entropy": Target(entropy, _streams),
    "decoding": Target(decoding, _containers, (layout.SIGNATURE, *KINDS)),
    "plugin": Target(plugin, _containers, (layout.SIGNATURE, *KINDS)),
    "thumbnail": Target(thumbnail, _containers, (layout.SIGNATURE, *KINDS)),
    "picture": Target(
        picture, _pictures, (b"IHDR", b"IDAT", b"iCCP", b"eXIf", b"cICP", b"tEXt", b"zTXt", b"iTXt")
    ),
    "config": Target(
        config, _configs, tuple(f'"{name}"'.encode() for name in ModelConfig.__dataclass_fields__)
    ),
    "weights": Target(
        weights, _heads, (b'"F16"', b'"F32"', b'"BF16"', b'"I8"', b'"I32"', b'"U8"', b'"F8_E8M0"')
    ),
}


def replay(name: str, data: bytes) -> None:
    """Run one input of a target."""
    TARGETS[name].run(data)


if __name__ == "__main__":  # an input in a file: what does it do?
    replay(sys.argv[1], Path(sys.argv[2]).read_bytes())
