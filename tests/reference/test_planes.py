"""What the second decoder reads planes from: WebP and PNG, compared with Pillow."""

from __future__ import annotations

import io
import re
import time
import zlib
from random import Random

import numpy as np
import pytest
from PIL import Image

from tests.reference import png, webp
from tests.reference.webp import plane

LINE = r"^[^\n]+$"


def grey(data: bytes, size: object = None) -> np.ndarray:
    """The first plane of a PNG."""
    return png.read(data, size if isinstance(size, tuple) else None)[:, :, 0]


def saved(values: np.ndarray, kind: str = "WEBP", **how) -> bytes:
    """What Pillow makes of a picture."""
    packed = io.BytesIO()
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    Image.fromarray(values).save(packed, kind, **options | how)
    return packed.getvalue()


def green_by_pillow(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert("RGBA"))[..., 1]


def mask(height: int, width: int, soft: float = 8) -> np.ndarray:
    """A disc with soft edges."""
    y, x = np.indices((height, width))
    from_centre = np.hypot(y - height / 2, x - width / 2)
    return np.clip((0.4 * height - from_centre) * 255 / soft + 128, 0, 255).astype(np.uint8)


def photo(height: int, width: int, planes: int = 3) -> np.ndarray:
    """Gradients that go together, with waves and grain."""
    y, x, p = np.indices((height, width, planes))
    grain = np.random.default_rng(1).normal(0, 2, y.shape)
    return (60 + x * (p + 1) / 3 + y / 2 + 20 * np.sin(x * y / 900 + p) + grain).clip(0, 255).astype(np.uint8)


def of_colours(count: int, height: int, width: int) -> np.ndarray:
    """Squares of so many colours."""
    random = np.random.default_rng(count)
    colours = random.integers(0, 256, (count, 3), np.uint8)
    squares = random.integers(0, count, (height // 3 + 1, width // 3 + 1))
    return colours[squares.repeat(3, 0).repeat(3, 1)[:height, :width]]


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, shape, np.uint8)


PICTURES = {
    "one pixel": np.full((1, 1), 77, np.uint8),
    "a row": mask(1, 83),
    "a column": photo(61, 1),
    "odd sides": photo(37, 53),
    "mask, soft": mask(80, 101),
    "mask, hard": mask(75, 66, soft=0.01),
    "mask, nearly constant": np.pad(mask(40, 40), 40, mode="edge"),
    "constant": np.full((151, 130), 255, np.uint8),
    "two colours": of_colours(2, 47, 61),
    "four colours": of_colours(4, 47, 62),
    "sixteen colours": of_colours(16, 47, 63),
    "seventeen colours": of_colours(17, 40, 45),
    "200 colours": of_colours(200, 60, 60),
    "grey noise": noise(40, 41),
    "noise": noise(33, 40, 3),
    "photo": photo(64, 80),
    "photo with alpha": photo(50, 60, 4),
    "parts that differ": np.vstack([photo(40, 80), of_colours(9, 30, 80), noise(16, 80, 3)]),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_webp_has_the_green_that_pillow_reads(name):
    values = PICTURES[name]
    for method, quality in enumerate((0, 30, 60, 75, 80, 90, 100)):
        data = saved(values, method=method, quality=quality)
        found = plane(data, values.shape[0] * values.shape[1])
        assert found.dtype == np.uint8
        assert np.array_equal(found, values if values.ndim == 2 else values[..., 1])
        assert np.array_equal(found, green_by_pillow(data))


def test_the_pictures_use_all_transforms_and_codes_by_blocks(monkeypatch):
    """A control: else the test above showed less than it seems to."""
    kinds, modes, blocks = set(), set(), []

    def noting(name, note):
        inner = getattr(webp, name)
        monkeypatch.setattr(webp, name, lambda *given, **named: (note(*given), inner(*given, **named))[1])

    noting("read_changed", lambda _bits, _width, _height, before=(): kinds.update(before))
    noting("guess", lambda mode, *_: modes.add(mode))
    noting("read_blocks", lambda *_: blocks.append(0))
    plane(saved(PICTURES["mask, soft"], method=4, quality=80))
    assert kinds == {0, 2}
    plane(saved(PICTURES["four colours"], method=4, quality=80))
    assert kinds == {0, 2, 3}
    blocks.clear()
    plane(saved(PICTURES["parts that differ"], method=6, quality=100))
    assert kinds == {0, 1, 2, 3} and len(modes) >= 10
    assert len(blocks) == 3, "predictors, colours and codes"


def test_a_plane_of_256_by_256_is_read_in_seconds():
    began = time.process_time()
    data = saved(photo(256, 256), method=4, quality=80)
    assert np.array_equal(plane(data), photo(256, 256)[..., 1])
    assert time.process_time() - began < 3


class Stream:
    """Writes VP8L with whatever the format allows, at random: pixels, codes, transforms."""

    def __init__(self, seed: int, width: int, height: int) -> None:
        self.random, self.bits, self.seen = Random(seed), [], set()
        for value, count in (0x2F, 8), (width - 1, 14), (height - 1, 14), (seed % 2, 1), (0, 3):
            self.put(value, count)
        self.changed(width, height, ())

    def data(self) -> bytes:
        return riff((b"VP8L", np.packbits(self.bits, bitorder="little").tobytes()))

    def put(self, value: int, count: int) -> None:
        self.bits += [value >> i & 1 for i in range(count)]

    def chance(self, share: float = 0.5) -> bool:
        """Also written, as a bit."""
        self.put(self.random.random() < share, 1)
        return bool(self.bits[-1])

    def codes(self, symbols: list[int], longest: int) -> tuple[dict[int, int], dict[int, tuple[int, ...]]]:
        """Lengths and bits of a complete code of these symbols."""
        lengths, deep = [0], self.random.choice((0, 0.1, 0.9))
        while len(lengths) < len(symbols):
            at = lengths.index(max(lengths)) if self.random.random() < deep else -1
            at = at if lengths[at] < longest and at >= 0 else self.random.randrange(len(lengths))
            if lengths[at] < longest:
                lengths[at : at + 1] = [lengths[at] + 1] * 2
        found, begin = {}, 0
        for length, symbol in sorted(zip(lengths, symbols, strict=True)):
            found[symbol] = tuple(begin >> longest - 1 - i & 1 for i in range(length))
            begin += 1 << longest - length
        return {symbol: len(bits) or 1 for symbol, bits in found.items()}, found

    def code(self, size: int, symbols: list[int]) -> dict[int, tuple[int, ...]]:
        """Write a prefix code of these symbols."""
        if len(symbols) < 3 and max(symbols) < 256 and self.random.random() < 0.8:
            symbols = sorted(symbols) * self.random.choice((1, 3 - len(symbols)))  # one may come twice
            wide = max(symbols[0] > 1, self.random.randrange(2))
            self.seen.add(("simple", len(symbols), wide))
            for value, bits in (1, 1), (len(symbols) - 1, 1), (wide, 1), (symbols[0], 8 if wide else 1):
                self.put(value, bits)
            if len(symbols) == 2:
                self.put(symbols[1], 8)
            return self.codes(sorted(set(symbols)), 1)[1]
        lengths, codes = self.codes(symbols, 15)
        self.seen |= {("normal", min(len(symbols), 2)), ("longest", max(lengths.values()))}
        self.put(0, 1)
        self.lengths([lengths.get(symbol, 0) for symbol in range(size)])
        return codes

    def lengths(self, lengths: list[int]) -> None:
        """Write lengths of codes one by one or repeated, with or without zeros at the end."""
        tokens, last = [], 8
        while lengths:
            run = next((i for i, n in enumerate(lengths) if n != lengths[0]), len(lengths))
            token, least, bits = (16, 3, 2) if lengths[0] else self.random.choice(((17, 3, 3), (18, 11, 7)))
            if run >= least and lengths[0] in (0, last) and self.random.random() < 0.8:
                run = min(run, least + 2**bits - 1)
                tokens.append((token, run - least, bits))
            else:
                run = 1
                tokens.append((lengths[0], 0, 0))
            last, lengths = lengths[0] or last, lengths[run:]
        if limited := self.random.randrange(2):
            while tokens[-1][0] in (0, 17, 18):
                tokens.pop()
            tokens += [(0, 0, 0)] * (2 - len(tokens))
        self.seen |= {token for token, _, _ in tokens} | {("limited", limited)}
        of_tokens, codes = self.codes(sorted({token for token, _, _ in tokens}), 7)
        count = max(4, 1 + max(webp.ORDER.index(token) for token in of_tokens))
        self.put(count - 4, 4)
        for token in webp.ORDER[:count]:
            self.put(of_tokens.get(token, 0), 3)
        self.put(limited, 1)
        if limited:
            half = max(0, (len(tokens) - 2).bit_length() - 1) // 2
            self.put(half, 3)
            self.put(len(tokens) - 2, 2 + 2 * half)
        for token, value, bits in tokens:
            self.bits += codes[token]
            self.put(value, bits)

    def some(self, symbols: list[int]) -> list[int]:
        return self.random.sample(symbols, min(len(symbols), self.random.choice((1, 2, 3, 9, 5000, 5000))))

    def group(self, greens: int, reds: int, cache: int) -> list[dict[int, tuple[int, ...]]]:
        """Write five prefix codes; literals are below greens and reds."""
        of_green = [*self.some(list(range(greens))), *self.some(list(range(256, 280 + cache)))]
        found = [self.code(280 + cache, of_green), self.code(256, self.some(list(range(reds))))]
        found += [self.code(256, self.some(list(range(256)))) for _ in range(2)]
        return [*found, self.code(40, self.some(list(range(40))))]

    def image(
        self, width: int, height: int, greens: int = 256, reds: int = 256, main: bool = False
    ) -> list[int]:
        """Write an image; its greens, where no cache is used."""
        cached = self.random.choice((1, 5, 11)) if reds > 1 and self.random.randrange(2) else 0
        self.put(cached > 0, 1)
        self.put(cached, 4 if cached else 0)
        cache, out, size = 1 << cached if cached else 0, [], width * height
        metas, shift, across = [0], 14, 1
        if main and self.chance():
            shift = self.random.choice((2, 2, 3, 9))
            metas, across = self.blocks(width, height, shift, 3, 1), -(-width >> shift)
            self.seen.add("metas")
        groups = [self.group(greens, reds, cache) for _ in range(max(metas) + 1)]
        while len(out) < size:
            y, x = divmod(len(out), width)
            green, *others, distance = groups[metas[(y >> shift) * across + (x >> shift)]]
            kinds = [
                [s for s in green if s < 256],
                [s for s in green if 255 < s < 280],
                [s for s in green if s > 279],
            ]
            some = self.random.choice([symbols for symbols in kinds if symbols])
            symbol = min(self.random.choices(some, k=4)) if 255 < some[0] < 280 else self.random.choice(some)
            if symbol < 256:
                out.append(symbol)
                self.bits += green[symbol]
                for code in others:
                    self.bits += code[self.random.choice(list(code))]
            elif symbol > 279:
                out.append(-1)
                self.bits += green[symbol]
                self.seen.add("cache")
            else:
                (count, *rest), far = self.long(symbol - 256), self.random.choice(list(distance))
                back, *far_rest = self.long(far)
                *_, right, up = webp.NEAR[back - 1] if back <= 120 else (120 - back, 0)
                step = max(1, up * width - right)
                if step <= len(out) <= size - count:
                    self.seen.add(("back", min(back, 121)))
                    out += [out[i % step - step] for i in range(count)]
                    self.bits += green[symbol]
                    self.put(*rest)
                    self.bits += distance[far]
                    self.put(*far_rest)
        return out

    def long(self, symbol: int) -> tuple[int, int, int]:
        """A number that begins so, what follows and the bits of that."""
        more = (symbol - 2) // 2 if symbol > 3 else 0
        rest = self.random.randrange(1 << more)
        return ((2 + symbol % 2 << more) + rest if more else symbol) + 1, rest, more

    def blocks(self, width: int, height: int, shift: int, greens: int, reds: int = 256) -> list[int]:
        self.put(shift - 2, 3)
        return self.image(-(-width >> shift), -(-height >> shift), greens, reds)

    def changed(self, width: int, height: int, kinds: tuple[int, ...]) -> None:
        """Write an image behind transforms other than these."""
        if len(kinds) == 4 or not self.chance(0.7):
            self.put(0, len(kinds) == 4)
            return self.image(width, height, main=True)
        kind = self.random.choice([kind for kind in range(4) if kind not in kinds])
        self.seen.add(("transform", kind))
        self.put(kind, 2)
        if kind == 3:
            count = self.random.choice((1, 2, 3, 4, 5, 16, 17, 255, 256))
            self.put(count - 1, 8)
            self.image(count, 1)
            width = -(-width >> (count < 3) + (count < 5) + (count < 17))
        elif kind < 2:
            self.blocks(width, height, self.random.choice((2, 3, 9)), 14 if kind == 0 else 256)
        self.changed(width, height, (*kinds, kind))
        return None


def riff(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP of these chunks."""
    parts = [name + len(rest).to_bytes(4, "little") + rest + bytes(len(rest) % 2) for name, rest in chunks]
    inner = b"WEBP" + b"".join(parts)
    return b"RIFF" + len(inner).to_bytes(4, "little") + inner


def test_streams_of_anything_the_format_allows_are_read_as_pillow_reads_them():
    """Among it what encoders leave out: all distances, any order of transforms, codes of one symbol."""
    seen = set()
    for seed in range(100):
        random = Random(seed)
        stream = Stream(seed, random.choice((1, 2, 7, 33, 33)), random.choice((1, 2, 9, 50, 50)))
        seen |= stream.seen
        data = stream.data()
        assert np.array_equal(plane(data), green_by_pillow(data)), seed
    assert {16, 17, 18, "metas", "cache", ("limited", 0), ("limited", 1), ("longest", 15)} <= seen
    assert {("transform", kind) for kind in range(4)} | {("normal", 1), ("normal", 2)} <= seen
    assert {("simple", count, wide) for count in (1, 2) for wide in (0, 1)} <= seen
    assert sum(("back", i) in seen for i in range(1, 122)) > 110


# --- what is wrong


def tried(read, data: bytes) -> np.ndarray | None:
    """What it reads, or None where it says in a line why not; anything else, or a second, fails."""
    began = time.process_time()
    try:
        found = read(data, 1 << 16)
    except ValueError as error:
        assert re.match(LINE, str(error))
        found = None
    assert time.process_time() - began < 1
    return found


@pytest.mark.parametrize("name", ["mask, soft", "photo with alpha", "sixteen colours", "200 colours"])
def test_a_damaged_webp_gives_an_error_or_what_pillow_reads(name):
    random, whole = Random(name), saved(PICTURES[name], method=4, quality=80)
    read = 0
    for i in range(60):
        data = bytearray(whole)
        for _ in range(random.choice((1, 1, 3))):
            data[random.randrange(20 if i % 2 else 0, 120 if i % 2 else len(data))] ^= 1 << random.randrange(
                8
            )
        if (found := tried(plane, bytes(data))) is not None:
            read += 1
            assert np.array_equal(found, green_by_pillow(bytes(data)))
    assert read < 40
    for length in {*range(0, 40), *range(40, len(whole), max(1, len(whole) // 12))}:
        assert tried(plane, whole[:length]) is None
        assert tried(plane, riff((b"VP8L", whole[20 : 20 + length // 3]))) is None


def test_damaged_random_streams_give_an_error_or_what_pillow_reads():
    random, outcomes = Random(3), set()
    for whole in [Stream(seed, 20, 15).data() for seed in range(12)] * 8:
        data = bytearray(whole)
        data[random.randrange(25, len(data))] ^= 1 << random.randrange(8)
        found = tried(plane, bytes(data))
        assert found is None or np.array_equal(found, green_by_pillow(bytes(data)))
        outcomes.add(found is None)
    assert outcomes == {True, False}


def test_bits_at_random_behind_a_header_give_an_error_or_what_pillow_reads():
    random = Random(4)
    for _ in range(300):
        head = sum(
            value << at for value, at in ((0x2F, 0), (random.randrange(99), 8), (random.randrange(99), 22))
        )
        data = riff((b"VP8L", head.to_bytes(5, "little") + random.randbytes(random.randrange(200))))
        found = tried(plane, data)
        assert found is None or np.array_equal(found, green_by_pillow(data))


def test_a_webp_with_other_chunks_is_read_and_what_is_none_is_not():
    values = mask(20, 30)
    whole = saved(values, icc_profile=b"profile", exif=b"Exif\0\0more")
    assert whole[12:16] == b"VP8X" and b"ICCP" in whole
    assert np.array_equal(plane(whole), values)
    packed = io.BytesIO()
    frames = [Image.fromarray(photo(16, 16)), Image.fromarray(noise(16, 16, 3))]
    frames[0].save(packed, "WEBP", lossless=True, save_all=True, append_images=frames[1:])
    wrong = [
        saved(values, lossless=False),
        packed.getvalue(),
        saved(values, "PNG"),
        whole + b"\0",
        riff(),
        b"",
    ]
    chunk = saved(values)[20:]
    wrong += [
        riff((b"VP8L", b"\x2e" + chunk[1:])),
        riff((b"VP8L", chunk[:4] + bytes([chunk[4] | 32]) + chunk[5:])),
    ]
    for data in wrong:
        with pytest.raises(ValueError, match=LINE):
            plane(data)


def test_a_webp_of_more_pixels_than_expected_is_refused_at_once():
    data = saved(mask(20, 30))
    assert plane(data, 600).shape == (20, 30)
    with pytest.raises(ValueError, match="30 x 20 pixels"):
        plane(data, 599)
    vast = riff((b"VP8L", b"\x2f" + (2**28 - 1).to_bytes(4, "little") + bytes(9)))
    with pytest.raises(ValueError, match="16384 x 16384"):
        plane(vast)


# --- PNG


def chunk_of(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")


def png_of(width: int, height: int, depth: int, raw: bytes, rest: bytes = bytes(4), parts: int = 1) -> bytes:
    """A PNG of filtered rows, or of anything else; rest: colour type, compression, filters, interlacing."""
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([depth]) + rest
    data, n = zlib.compress(raw), parts
    pieces = [data[len(data) * i // n : len(data) * (i + 1) // n] for i in range(n)]
    chunks = [(b"IHDR", head), (b"gAMA", bytes(4)), *((b"IDAT", piece) for piece in pieces), (b"IEND", b"")]
    return png.SIGNATURE + b"".join(chunk_of(*chunk) for chunk in chunks)


def filtered(values: np.ndarray, filters: list[int]) -> bytes:
    """Rows as a PNG has them, each with its filter."""
    step = values.itemsize
    rows = np.frombuffer(values.astype(values.dtype.newbyteorder(">")).tobytes(), np.uint8).reshape(
        len(values), -1
    )
    padded = np.pad(rows.astype(int), ((1, 0), (step, 0)))
    left, above, corner = padded[1:, :-step], padded[:-1, step:], padded[:-1, :-step]
    sums = left + above - corner
    far = [abs(sums - value) for value in (left, above, corner)]
    paeth = np.choose(np.argmin(far, 0), [left, above, corner])
    guesses = (0 * left, left, above, (left + above) // 2, paeth)
    return b"".join(
        bytes([kind]) + (rows[y] - guesses[kind][y]).astype(np.uint8).tobytes()
        for y, kind in enumerate(filters)
    )


def deep(values: np.ndarray) -> np.ndarray:
    """16 bits of 8, the lower ones noise."""
    return values.astype(np.uint16) << 8 | noise(*values.shape)


GREYS = {
    "one pixel": mask(1, 1),
    "a row": mask(1, 40),
    "a column": photo(40, 1, 1)[..., 0],
    "mask": mask(70, 91),
    "waves": photo(60, 80, 1)[..., 0],
    "noise": noise(31, 42),
}


@pytest.mark.parametrize("name", GREYS)
@pytest.mark.parametrize("bits", [8, 16])
def test_a_png_has_the_values_that_pillow_reads(name, bits):
    values = GREYS[name] if bits == 8 else deep(GREYS[name])
    random = Random(name)
    files = [saved(values, "PNG", compress_level=level) for level in (0, 1, 9)]
    files += [png_of(*values.shape[::-1], bits, filtered(values, [kind] * len(values))) for kind in range(5)]
    mixed = filtered(values, random.choices(range(5), k=len(values)))
    files.append(png_of(*values.shape[::-1], bits, mixed, parts=4))
    for data in files:
        found = grey(data, values.shape)
        assert found.dtype == values.dtype and np.array_equal(found, values)
        with Image.open(io.BytesIO(data)) as image:
            assert image.mode == ("L" if bits == 8 else "I;16")
            assert np.array_equal(found, np.asarray(image))


def test_any_flipped_bit_of_a_png_and_any_cut_is_refused():
    whole = saved(deep(mask(9, 11)), "PNG")
    assert tried(grey, whole) is not None
    for at in range(8 * len(whole)):
        data = bytearray(whole)
        data[at // 8] ^= 1 << at % 8
        assert tried(grey, bytes(data)) is None, at
    for length in range(len(whole)):
        assert tried(grey, whole[:length]) is None
    assert tried(grey, whole + b"\0") is None


def test_a_png_that_says_what_cannot_be_is_refused():
    values = mask(6, 7)
    raw = filtered(values, [0, 1, 2, 3, 4, 0])
    assert np.array_equal(grey(png_of(7, 6, 8, raw)), values)
    right = png_of(7, 6, 8, raw)
    end, more = chunk_of(b"IEND", b""), chunk_of(b"IDAT", b"")
    wrong = {
        "filter": png_of(7, 6, 8, b"\5" + raw[1:]),
        "no pixels": png_of(0, 6, 8, b"\0" * 6),
        "short": png_of(7, 6, 8, raw[:-1]),
        "long": png_of(7, 6, 8, raw + b"\0"),
        "very long": png_of(7, 6, 8, bytes(50_000_000)),
        "four bits": png_of(7, 6, 4, filtered(values[:, :4], [0] * 6)),
        "a palette": png_of(7, 6, 8, filtered(values, [0] * 6), b"\3\0\0\0"),
        "interlaced": png_of(7, 6, 8, raw, b"\0\0\0\1"),
        "header goes on": png_of(7, 6, 8, raw, bytes(5)),
        "header is cut": png_of(7, 6, 8, raw, bytes(3)),
        "unknown chunk": right.replace(end, chunk_of(b"ABCD", b"") + end),
        "no data": right[:33] + end,
        "twice": right + right[8:],
        "zlib": right.replace(right[right.index(b"IDAT") - 4 : -12], chunk_of(b"IDAT", b"none")),
        "zlib goes on": right.replace(end, chunk_of(b"IDAT", b"more") + end),
        "checksum": right.replace(
            right[right.index(b"IDAT") - 4 : -12], chunk_of(b"IDAT", zlib.compress(raw)[:-1])
        ),
    }
    assert tried(grey, right.replace(end, more + end)) is not None
    for name, data in wrong.items():
        assert tried(grey, data) is None, name
    with pytest.raises(ValueError, match="another size"):
        grey(right, (7, 6))


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("planes", [1, 2, 3, 4])
def test_a_png_that_is_written_comes_back(bits, planes):
    values = noise(13, 9, planes)
    values = values if bits == 8 else deep(values)
    data = png.written(values)
    assert np.array_equal(png.read(data), values)
    if bits == 8:
        with Image.open(io.BytesIO(data)) as image:
            assert np.array_equal(np.asarray(image).reshape(values.shape), values)
