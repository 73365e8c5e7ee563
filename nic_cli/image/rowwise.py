"""Pictures by rows: PNG, TIFF and PNM written by us, which 16-bit colour needs as well, the rest by libvips.

Pillow's writers want the whole picture, and 8 bits in colour. Its PNG tries five filters a line, where
Average is best on what is decoded here, and takes one thread three times as long for 5 % fewer bytes to 1 %
more. Its TIFF either compresses or keeps EXIF, and that of libvips drops EXIF. libvips is fed an uncompressed
PNG through a pipe: it carries alpha and metadata, takes no room on the disk and compresses meanwhile.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate, chain
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import TiffImagePlugin, TiffTags

from nic_cli.errors import NicError
from nic_cli.image import modes
from nic_cli.image.ancillary import gathered, side_output, ultra_hdr
from nic_cli.image.metadata import for_tiff
from nic_cli.image.opening import Warn
from nic_cli.types import Metadata, Picture, PixelArray

AREA = 1 << 20  # pixels at a time
LEVEL = 3  # of zlib: for a PNG
TIFF_LEVEL = 4  # of its strips, which have no filter to help them
THREADS = min(4, os.cpu_count() or 1)  # that compress: two are enough for two that decode

_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # of PNG, by channels
_VIPS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("jpegsave_target", {"Q": 95, "subsample_mode": "off"}),
    "webp": ("webpsave_target", {"Q": 95, "exact": True}),
}
_CLASSIC = 4_000_000_000  # bytes of strips up to which a TIFF can point to them with 32 bits
_TIFF_HEADS = (b"II*\0\x08\0\0\0", b"II+\0\x08\0\0\0\x10\0\0\0\0\0\0\0")


def write(picture: Picture, stream: BinaryIO, format: str, warn: Warn) -> None:
    """Write `picture`, its pixels an array or `Rows`, as png, ppm, tiff or, where libvips is, jpeg or webp.

    Raises NicError for what libvips refuses; whatever `stream` raises passes through.
    """
    shape = picture.height, picture.width, picture.channels + (picture.alpha is not None)
    blocks, bit_depth, said = _blocks(picture), picture.bit_depth, picture.metadata
    if format == "png":
        write_png(blocks, shape, bit_depth, stream, said)
    elif format == "ppm":
        _write_pnm(blocks, shape, bit_depth, stream)
    elif format == "tiff":
        tags = for_tiff(said, warn) | side_output.tiff_tags(gathered.side_of(said), said.exif)
        _write_tiff(blocks, shape, bit_depth, stream, tags)
    else:
        _write_by_vips(blocks, shape, bit_depth, stream, said, format)


def _blocks(picture: Picture) -> Iterator[PixelArray]:
    """Rows [h, W, 1..4], the alpha last."""
    lines = max(1, AREA // picture.width)
    for top in range(0, picture.height, lines):
        rows = picture.pixels[top : min(top + lines, picture.height)]
        alpha = None if picture.alpha is None else picture.alpha[top : top + lines]
        values = modes.join(rows, alpha)
        yield values.reshape(*values.shape[:2], -1)


def with_side_data(jpeg: bytes, said: Metadata) -> bytes:
    """A finished JPEG that also has the gain map, the resolution, comments and IPTC of `said`."""
    jpeg = side_output.with_jpeg(jpeg, gathered.side_of(said), said.exif)
    return ultra_hdr.written(jpeg, said.gain_map) if said.gain_map else jpeg


def write_png(
    blocks: Iterable[PixelArray],
    shape: Sequence[int],
    bit_depth: int,
    stream: BinaryIO,
    metadata: Metadata,
    level: int = LEVEL,
) -> None:
    """Write rows [h, W, 1..4] as a PNG of this shape [H, W, C] with its metadata; level: 0..9 of zlib."""
    height, width, channels = shape
    head = struct.pack(">IIBBBBB", width, height, bit_depth, _COLOUR_TYPES[channels], 0, 0, 0)
    stream.write(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head))
    if metadata.cicp:
        stream.write(_chunk(b"cICP", metadata.cicp))
    if metadata.icc:
        stream.write(_chunk(b"iCCP", b"icc\0\0" + zlib.compress(metadata.icc)))
    if metadata.exif:
        stream.write(_chunk(b"eXIf", metadata.exif))
    for kind, data in side_output.png_chunks(gathered.side_of(metadata), metadata.exif):
        stream.write(_chunk(kind, data))
    if metadata.xmp:
        stream.write(_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + metadata.xmp))
    step, above = channels * bit_depth // 8, np.zeros(width * channels * bit_depth // 8, np.uint8)
    check, waiting = 1, deque[Future[tuple[bytes, bytes]]]()
    stream.write(_chunk(b"IDAT", b"\x78\x01"))  # the head of a zlib stream
    with ThreadPoolExecutor(THREADS) as crew:  # zlib and numpy let each other work
        for block in chain(blocks, [None] * THREADS):
            if block is not None:
                lines = _big_endian(block).reshape(len(block), -1).view(np.uint8)
                waiting.append(_begun(crew, lines, above, step, level))
                above = lines[-1]
            if waiting and (block is None or len(waiting) > THREADS):
                filtered, packed = waiting.popleft().result()
                check = zlib.adler32(filtered, check)
                stream.write(_chunk(b"IDAT", packed))
    end = b"\x03\x00" + struct.pack(">I", check)  # an empty last block, and the sum over all
    stream.write(_chunk(b"IDAT", end) + _chunk(b"IEND", b""))


def _begun(crew: ThreadPoolExecutor, *given: Any) -> Future[tuple[bytes, bytes]]:
    """`_packed` at work in another thread; where there is no room for one, done here."""
    try:
        return crew.submit(_packed, *given)
    except RuntimeError:
        done: Future[tuple[bytes, bytes]] = Future()
        done.set_result(_packed(*given))
        return done


def _packed(lines: NDArray[np.uint8], above: NDArray[np.uint8], step: int, level: int) -> tuple[bytes, bytes]:
    """Scan lines with filter bytes, and those as whole blocks of deflate that others may follow."""
    filtered = _filtered(lines, above, step)
    packer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    return filtered, packer.compress(filtered) + packer.flush(zlib.Z_SYNC_FLUSH)


def _filtered(lines: NDArray[np.uint8], above: NDArray[np.uint8], step: int) -> bytes:
    """Scan lines, each with the filter byte Average (3) and its difference to the mean of left and above."""
    coded = np.empty((lines.shape[0], 1 + lines.shape[1]), np.uint8)
    coded[:, 0] = 3
    up, left = np.vstack((above[None], lines[:-1])), np.zeros_like(lines)
    left[:, step:] = lines[:, :-step]
    np.subtract(lines, (left & up) + ((left ^ up) >> 1), out=coded[:, 1:])  # the mean without a ninth bit
    return coded.tobytes()


def _big_endian(block: PixelArray) -> NDArray[Any]:
    return np.ascontiguousarray(block, f">u{block.dtype.itemsize}")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _write_pnm(blocks: Iterable[PixelArray], shape: Sequence[int], bit_depth: int, stream: BinaryIO) -> None:
    height, width, channels = shape
    stream.write(b"P%d\n%d %d\n%d\n" % (5 if channels == 1 else 6, width, height, 2**bit_depth - 1))
    for block in blocks:
        stream.write(_big_endian(block).tobytes())


def _write_tiff(
    blocks: Iterable[PixelArray], shape: Sequence[int], bit_depth: int, stream: BinaryIO, said: dict[int, Any]
) -> None:
    """A strip for each block, compressed; the directory, which knows their lengths, stands before them."""
    height, width, channels = shape
    sizes: list[int] = []
    lines = 1
    with tempfile.TemporaryFile() as strips:
        for block in blocks:
            lines = max(lines, len(block))
            apart = block.copy()
            np.subtract(block[:, 1:], block[:, :-1], out=apart[:, 1:])
            sizes.append(
                strips.write(zlib.compress(apart.astype(f"<u{apart.dtype.itemsize}").tobytes(), TIFF_LEVEL))
            )
        big = sum(sizes) > _CLASSIC
        directory = TiffImagePlugin.ImageFileDirectory_v2(_TIFF_HEADS[big])
        pointer = TiffTags.LONG8 if big else TiffTags.LONG
        offsets = tuple(accumulate(sizes[:-1], initial=0))  # from the end of the directory on
        for tag, kind, value in (
            (256, TiffTags.LONG, width),
            (257, TiffTags.LONG, height),
            (258, TiffTags.SHORT, (bit_depth,) * channels),
            (259, TiffTags.SHORT, 8),  # zlib
            (262, TiffTags.SHORT, 2 if channels > 2 else 1),  # RGB, or grey with black at 0
            (273, pointer, offsets),
            (277, TiffTags.SHORT, channels),
            (278, TiffTags.LONG, lines),
            (279, pointer, tuple(sizes)),
            (317, TiffTags.SHORT, 2),  # differences to the pixel on the left
            (338, TiffTags.SHORT, 2),  # alpha, not multiplied into the colours
        ):
            if tag != 338 or channels in (2, 4):
                directory[tag] = value
                directory.tagtype[tag] = kind
        for tag, value in said.items():
            if tag in side_output.TIFF_TYPES:
                directory.tagtype[tag] = side_output.TIFF_TYPES[tag]
            directory[tag] = value
        directory.save(stream)
        strips.seek(0)
        shutil.copyfileobj(strips, stream, 1 << 20)


def _write_by_vips(
    blocks: Iterable[PixelArray],
    shape: Sequence[int],
    bit_depth: int,
    stream: BinaryIO,
    metadata: Metadata,
    format: str,
) -> None:
    readable, writable = os.pipe()
    carried = Metadata(icc=metadata.icc, exif=metadata.exif, xmp=metadata.xmp)
    with tempfile.TemporaryFile() as file, ThreadPoolExecutor(1) as beside:
        saved = beside.submit(_saved, readable, file.fileno(), format)
        try:
            with os.fdopen(writable, "wb") as pipe:
                write_png(blocks, shape, bit_depth, pipe, carried, level=0)
        except BrokenPipeError:  # libvips gave up, and says why
            saved.result()
            raise NicError(f"the {format} was not finished; choose png") from None
        saved.result()
        file.seek(0)
        if format == "jpeg" and metadata != carried:
            stream.write(with_side_data(file.read(), metadata))
        else:
            shutil.copyfileobj(file, stream, 1 << 20)


def _saved(readable: int, target: int, format: str) -> None:
    """Have libvips turn a PNG that comes from one descriptor into another format on the other, a file's."""
    import pyvips

    operation, options = _VIPS[format]
    try:
        source = pyvips.Source.new_from_descriptor(readable)
        image = pyvips.Image.pngload_source(source, access="sequential", fail_on="error", unlimited=True)
        getattr(image, operation)(pyvips.Target.new_to_descriptor(target), **options)
    except pyvips.Error as error:
        said = " ".join(str(error).split())
        raise NicError(f"the {format} cannot be written ({said}); choose png") from error
    finally:
        os.close(readable)
