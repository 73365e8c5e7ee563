"""PNG without interlacing and palettes, of 8 or 16 bits: what alpha comes in, and pictures go out in."""

import zlib

import numpy as np

from tests.reference.container import Reader, check

SIGNATURE, PLANES = b"\x89PNG\r\n\x1a\n", {0: 1, 2: 3, 4: 2, 6: 4}  # by the type of colour
KNOWN = (b"IHDR", b"IDAT", b"IEND")


def written(pixels: np.ndarray) -> bytes:
    """Pixels [rows, columns, 1 to 4], u8 or u16, as a file."""
    height, width, planes = pixels.shape
    kind = next(kind for kind, count in PLANES.items() if count == planes)
    rows = pixels.astype(pixels.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes((8 * pixels.itemsize, kind, 0, 0, 0))
    body = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes())
    return SIGNATURE + b"".join(map(chunk, (b"IHDR", b"IDAT", b"IEND"), (head, body, b"")))


def chunk(kind: bytes, data: bytes) -> bytes:
    """One part of a file."""
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def planes(data: bytes) -> int:
    """How many planes a PNG seems to have, 0 for none that is known."""
    return PLANES.get(data[25], 0) if len(data) > 25 else 0


def read(data: bytes, size: tuple[int, int] | None = None) -> np.ndarray:
    """A file -> its pixels [rows, columns, planes], u8 or u16; size: the rows and columns it must have."""
    file, parts = Reader(data), {b"IDAT": b""}
    check(file.take(8) == SIGNATURE, "not a PNG: another signature")
    while b"IEND" not in parts:
        length = int.from_bytes(file.take(4), "big")
        kind, body = file.take(4), file.take(length)
        check(file.take(4) == zlib.crc32(kind + body).to_bytes(4, "big"), "a PNG with a wrong checksum")
        check(kind in KNOWN or kind[:1].islower(), "a PNG with a part that is not known")
        parts[kind] = parts[kind] + body if kind == b"IDAT" else body
    head = parts.get(b"IHDR", b"")
    check(len(head) == 13 and file.at == len(data), "a PNG without its beginning, or that goes on")
    width, height, (depth, kind, *others) = (
        *(int.from_bytes(head[i : i + 4], "big") for i in (0, 4)),
        head[8:],
    )
    check(depth in (8, 16) and kind in PLANES and not any(others), "a PNG of another kind")
    check(width > 0 and height > 0, "a PNG of no pixels")
    check(size in (None, (height, width)), "a PNG of another size")
    step = PLANES[kind] * depth // 8
    whole = zlib.decompressobj()
    try:
        raw = whole.decompress(parts[b"IDAT"], height * (1 + width * step) + 1)
    except zlib.error as error:
        raise ValueError(f"a PNG that cannot be unpacked ({error})") from None
    right = len(raw) == height * (1 + width * step) and whole.eof and not whole.unused_data
    check(right, "a PNG of more or fewer pixels than it says")
    rows = np.frombuffer(raw, np.uint8).reshape(height, -1)
    out, above = np.empty((height, width * step), np.uint8), [0] * (width * step)
    for y, (method, *row) in enumerate(rows.tolist()):
        check(method < 5, "a PNG with another filter")
        out[y] = above = unfiltered(method, row, above, step)
    return out.view(f">u{depth // 8}").reshape(height, width, -1).astype(f"u{depth // 8}")


def unfiltered(method: int, row: list[int], above: list[int], step: int) -> list[int]:
    """The bytes of a row, step to a pixel, from what they differ by from those before them and above."""
    for i, rest in enumerate(row):
        left, corner = (row[i - step], above[i - step]) if i >= step else (0, 0)
        up = above[i]
        paeth = min((left, up, corner), key=lambda near: abs(left + up - corner - near))
        row[i] = (rest + (0, left, up, (left + up) // 2, paeth)[method]) & 255
    return row
