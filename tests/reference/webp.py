"""The green plane of a lossless WebP: VP8L as in RFC 9649. Pixels are u32 of alpha, red, green and blue."""

from array import array
from bisect import bisect_right
from itertools import accumulate

import numpy as np

from tests.reference.container import Reader, check

BLUE, GREEN, RED, BLACK = 0, 8, 16, 0xFF000000
TURNED = [int(f"{i:015b}"[::-1], 2) for i in range(1 << 15)]  # numbers of 15 bits, the last bit first
ORDER = (17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)  # of the lengths of lengths' codes
REPEATED = {16: (2, 3), 17: (3, 3), 18: (7, 11)}  # in lengths: the bits of how often, and the least it can be
# the distances 1 to 120: what orders them, columns to the right, rows up
NEAR = sorted((x * x + y * y, abs(x), x, y) for x in range(-8, 8) for y in range(8) if y or x < 0)
# where the codes of symbols begin, of 2^15, how long they are, and the symbols, in the order of codes
Code = tuple[array, array, array]


class Bits:
    """Takes numbers from bytes, the lowest bit first; raises ValueError past their end."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def ahead(self) -> int:
        """The next 25 bits, maybe more; zeros past the end."""
        return int.from_bytes(self.data[self.at >> 3 : (self.at >> 3) + 4], "little") >> (self.at & 7)

    def take(self, count: int) -> int:
        """A number of up to 25 bits."""
        value = self.ahead() & (1 << count) - 1
        self.at += count
        check(self.at <= 8 * len(self.data), "a WebP ends before its last pixel")
        return value

    def symbol(self, code: Code) -> int:
        """The next symbol of a prefix code."""
        starts, lengths, symbols = code
        i = bisect_right(starts, TURNED[self.ahead() & 0x7FFF]) - 1
        self.take(lengths[i])
        return symbols[i]

    def long(self, symbol: int) -> int:
        """A length or a distance; its symbol gives the two highest bits and how many follow."""
        more = max(0, symbol - 2 >> 1)
        return ((2 + symbol % 2 << more) + self.take(more) if more else symbol) + 1


def code_of(lengths: dict[int, int]) -> Code:
    """The prefix code whose symbols have these lengths; 0: none."""
    order = sorted((length, symbol) for symbol, length in lengths.items() if length)
    order = [(0, order[0][1])] if [length for length, _ in order] == [1] else order  # alone: no bits
    ends = list(accumulate(1 << 15 - length for length, _ in order))
    check(ends[-1:] == [1 << 15], "a prefix code of a WebP is not complete")
    return array("H", [0, *ends[:-1]]), *(array("H", column) for column in zip(*order, strict=True))


def read_code(bits: Bits, size: int) -> Code:
    """The prefix code of an alphabet of so many symbols."""
    if bits.take(1):
        two, wide = bits.take(1), bits.take(1)
        symbols = [bits.take(8 if wide else 1)] + [bits.take(8) for _ in range(two)]
        check(max(symbols) < size, "a prefix code of a WebP has a symbol that is none")
        return code_of(dict.fromkeys(symbols, 1))
    of_lengths = code_of({n: bits.take(3) for n in ORDER[: 4 + bits.take(4)]})
    left = 2 + bits.take(2 + 2 * bits.take(3)) if bits.take(1) else size
    check(left <= size, "a prefix code of a WebP has more lengths than symbols")
    lengths, last = [], 8
    while left and len(lengths) < size:
        n = bits.symbol(of_lengths)
        more, least = REPEATED.get(n, (0, 1))
        last = n if 0 < n < 16 else last
        lengths += [last if 0 < n <= 16 else 0] * (least + bits.take(more))
        left -= 1
    check(len(lengths) <= size, "a prefix code of a WebP has more lengths than symbols")
    return code_of(dict(enumerate(lengths)))


def read_image(bits: Bits, width: int, height: int, main: bool = False) -> np.ndarray:
    """An image as it is coded; main: not one that only helps to read another."""
    size, cached = width * height, bits.take(4) if bits.take(1) else None
    check(cached is None or 1 <= cached <= 11, "a WebP has a colour cache of another size")
    cache, metas = [0] * (1 << cached) if cached else [], np.zeros(size, np.uint32)
    if main and bits.take(1):
        metas = read_blocks(bits, width, height).ravel() >> 8 & 0xFFFF
    groups, used = {}, set(np.unique(metas).tolist())
    for meta in range(max(used) + 1):
        group = [read_code(bits, symbols) for symbols in (280 + len(cache), 256, 256, 256, 40)]
        groups |= {meta: group} if meta in used else {}
    out = array("I")
    while len(out) < size:
        green, red, blue, alpha, distance = groups[metas[len(out)]]
        symbol = bits.symbol(green)
        if symbol < 256:
            new = [symbol << GREEN | bits.symbol(red) << RED | bits.symbol(blue) | bits.symbol(alpha) << 24]
        elif symbol < 280:
            count, back = bits.long(symbol - 256), bits.long(bits.symbol(distance))
            right, up = NEAR[back - 1][2:] if back <= len(NEAR) else (len(NEAR) - back, 0)
            step = max(1, up * width - right)
            check(step <= len(out) <= size - count, "a WebP repeats what it has not, or for too long")
            new = [out[i % step - step] for i in range(count)]
        else:
            new = [cache[symbol - 280]]
        out.extend(new)
        for pixel in new if cache else ():
            cache[(0x1E35A7BD * pixel & 0xFFFFFFFF) >> 32 - cached] = pixel
    return np.array(out, np.uint32).reshape(height, width)


def read_blocks(bits: Bits, width: int, height: int) -> np.ndarray:
    """What an image of values for square blocks has for each pixel."""
    shift = 2 + bits.take(3)
    image = read_image(bits, -(-width >> shift), -(-height >> shift))
    return image[np.arange(height)[:, None] >> shift, np.arange(width) >> shift]


def read_changed(bits: Bits, width: int, height: int, kinds: tuple[int, ...] = ()) -> np.ndarray:
    """An image and its transforms, which are undone, the last one first; kinds: those before."""
    if not bits.take(1):
        return read_image(bits, width, height, main=True)
    kind = bits.take(2)
    check(kind not in kinds, "a transform of a WebP comes twice")
    if kind == 3:
        table = list(accumulate(read_image(bits, 1 + bits.take(8), 1)[0].tolist(), added))
        shift = sum(len(table) <= most for most in (2, 4, 16))
        x = read_changed(bits, -(-width >> shift), height, (*kinds, kind))
        parts = x[..., None] >> np.arange(GREEN, 16, 8 >> shift, np.uint32) & (1 << (8 >> shift)) - 1
        return np.array(table + [0] * 256, np.uint32)[parts.reshape(height, -1)[:, :width]]
    side = None if kind == 2 else read_blocks(bits, width, height)
    x = read_changed(bits, width, height, (*kinds, kind))
    if kind == 0:
        return predicted(x, side >> GREEN & 255)
    if kind == 2:
        return added(x, (x >> GREEN & 255) * 0x10001)
    for part, by, to in (BLUE, GREEN, RED), (GREEN, GREEN, BLUE), (RED, RED, BLUE):
        change = (side >> part).astype(np.int8).astype(np.int16) * (x >> by).astype(np.int8) >> 5
        x = added(x, change.astype(np.uint8).astype(np.uint32) << to)
    return x


def predicted(rest: np.ndarray, modes: np.ndarray) -> np.ndarray:
    """An image, of what its prediction left and the mode of each pixel."""
    check(modes.max() < 14, "a WebP predicts in a way that is none")
    width = rest.shape[1]
    out = array("I", [0] * (width + 1))  # before the first
    for i, (pixel, mode) in enumerate(zip(rest.flat, modes.flat, strict=True)):
        mode = min(i, 1) if i < width else int(mode) if i % width else 2
        out.append(added(int(pixel), guess(mode, out[-1], out[-width], out[-width - 1], out[1 - width])))
    return np.array(out[width + 1 :], np.uint32).reshape(rest.shape)


def guess(mode: int, a: int, b: int, c: int, d: int) -> int:
    """What a pixel is likely to be; a is to its left, b above it, c above a, d right of b."""
    if mode < 11:
        simple = BLACK, a, b, d, c, mean(mean(a, d), b), mean(a, c), mean(a, b), mean(c, b), mean(b, d)
        return (*simple, mean(mean(a, c), mean(b, d)))[mode]
    a = mean(a, b) if mode == 13 else a
    channels = list(zip(*(pixel.to_bytes(4, "little") for pixel in (a, b, c)), strict=True))
    if mode == 11:
        return a if sum(abs(v - w) - abs(u - w) for u, v, w in channels) < 0 else b
    sums = [u + v - w if mode == 12 else u + int((u - w) / 2) for u, v, w in channels]
    return int.from_bytes(bytes(min(max(value, 0), 255) for value in sums), "little")


def mean(a: int, b: int) -> int:
    """Of each channel, rounded down."""
    return (a & b) + ((a ^ b) >> 1 & 0x7F7F7F7F)


def added(a: int | np.ndarray, b: int | np.ndarray) -> int | np.ndarray:
    """The sum of each channel, mod 256."""
    return (a & 0xFF00FF) + (b & 0xFF00FF) & 0xFF00FF | (a & 0xFF00FF00) + (b & 0xFF00FF00) & 0xFF00FF00


def plane(data: bytes, most: int = 1 << 24) -> np.ndarray:
    """The green plane of a lossless WebP, u8 [rows, columns], of that many pixels at most."""
    file, name = Reader(data), b""
    riff, length, kind = file.take(4), file.number(4), file.take(4)
    check((riff, length, kind) == (b"RIFF", len(data) - 8, b"WEBP"), "not a WebP of this length")
    while name != b"VP8L":
        name, chunk = file.take(4), file.take(file.number(4))
        file.take(len(chunk) % 2)
    bits = Bits(chunk)
    mark, width, height = bits.take(8), bits.take(14) + 1, bits.take(14) + 1
    check(mark == 0x2F and bits.take(4) < 2, "a WebP of another kind or version")  # the lowest bit is a hint
    check(width * height <= most, f"a WebP of {width} x {height} pixels, where {most} were expected at most")
    return (read_changed(bits, width, height) >> GREEN).astype(np.uint8)
