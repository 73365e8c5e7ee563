"""Running a stack of layers over a picture by strips of rows, with no seam and no halo computed twice.

A generator of strips goes in, a generator of strips comes out. A layer that looks one row up and
down keeps the last two rows it saw; memory grows with the width of the picture only. Products
over positions do not mix rows, so the values are those of the whole-picture run.

Each strip says whether it is the last: then a layer goes on to the border at once, instead of leaving
a row for a small strip of its own, of which there would be as many as there are layers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from nic_cli.arrays import Array, copied, empty, joined

Strip = tuple[Array, bool]
"""Rows [1, h, W, C], or with room [1, 2 + h + 1, W, C], and whether they are the last ones."""


def marked(strips: Iterable[Array]) -> Iterator[Strip]:
    """Strips with whether they are the last, for which each is held until the next one comes."""
    held: Array | None = None
    for strip in strips:
        if held is not None:
            yield held, False
        held = strip
    if held is not None:
        yield held, True


def through(layer: Callable[[Array], Array], strips: Iterable[Strip]) -> Iterator[Strip]:
    """Strips with room through a layer of reach one; rows outside the picture are zero.

    The room is two rows for the last two of the strip before and one for the border below, so that a strip is
    not copied to get its context. layer: [1, h + 2, W, C], one row of context either side -> its output.
    """
    held: Array | None = None
    tallest = 0
    for strip, last in strips:
        if held is None:
            strip = strip[:, 1:]
            strip[:, 0] = 0
        else:
            strip[:, :2] = held
        if last:
            strip[:, -1] = 0
        else:
            strip = strip[:, :-1]
            held = copied(strip[:, -2:])
        height = strip.shape[1] - 2
        # The last strip brings along what the layers before have held back: no more at once than is usual.
        most = tallest * 3 // 2 if last and tallest else height
        tallest = max(tallest, height)
        rest = strip if height else None
        del strip
        while rest is not None:
            whole = rest.shape[1] - 2 <= most
            part, rest = rest[:, : most + 2], None if whole else rest[:, most:]
            made = [layer(part)]
            del part  # a layer that waits keeps its two rows, neither a strip nor what it made of it
            yield made.pop(), last and whole


def with_room(strip: Array) -> Array:
    """[1, h, W, C] -> [1, 2 + h + 1, W, C], as `through` wants it."""
    n, height, width, channels = strip.shape
    roomy = empty(strip, n, height + 3, width, channels)
    roomy[:, 2:-1] = strip
    return roomy


def without_room(strip: Array) -> Array:
    """[1, 2 + h + 1, W, C], as a block's `rows` gives it -> [1, h, W, C]."""
    return strip[:, 2:-1]


def paired(strips: Iterable[Strip]) -> Iterator[Strip]:
    """The same rows, an even number of them in all, in strips of even height for a layer that halves them."""
    odd: Array | None = None
    for strip, last in strips:
        if odd is not None:
            strip = joined((odd, strip), 1)
        even = strip.shape[1] // 2 * 2
        odd = strip[:, even:] if even < strip.shape[1] else None
        if even:
            yield strip[:, :even], last


def even(strips: Iterable[Array], positions: int) -> Iterator[Array]:
    """The same rows [1, h, W, C] in strips of about so many positions each, whatever they came in."""
    held: list[Array] = []
    for strip in strips:
        rows = max(1, positions // strip.shape[2])
        held.append(strip)
        while sum(part.shape[1] for part in held) > rows:
            yield taken(held, rows)
    if held:
        yield joined(held, 1)


def taken(queue: list[Array], count: int) -> Array:
    """The first `count` rows of a queue of strips, which loses them."""
    held = joined(queue, 1) if len(queue) > 1 else queue[0]
    queue[:] = [held[:, count:]]
    return held[:, :count]
