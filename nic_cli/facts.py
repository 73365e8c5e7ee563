"""What a `.nic` file says of itself beyond its header, for `nic info`, Python and Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nic_cli import memory
from nic_cli.container import layout
from nic_cli.types import Chunk, Header
from nic_cli.zoo.registry import EMBEDDED


@dataclass(frozen=True, slots=True)
class Original:
    """The file that a picture was read from: its name, or "", and its format."""

    name: str
    format: str


def original(chunks: Sequence[Chunk]) -> Original | None:
    """The file that a picture was read from; None where that is not said."""
    found = next((chunk.data for chunk in chunks if chunk.kind == layout.ORIGIN), None)
    if found is None:
        return None
    format, _, name = found.decode("utf-8", "replace").partition("\0")
    return Original(name, format)


def has_alpha(chunks: Sequence[Chunk]) -> bool:
    """Whether there is an alpha among them."""
    return any(chunk.kind == layout.ALPHA for chunk in chunks)


def decoding_memory(header: Header, *, alpha: bool, size: tuple[int, int] | None = None) -> int | None:
    """Bytes of memory that decoding takes, about; None if the model is not the embedded one.

    size: width and height of what is decoded, None for all.
    """
    if header.model not in EMBEDDED:
        return None
    width, height = size or (header.width, header.height)
    n_bytes = (header.channels + alpha) * header.bit_depth // 8
    return memory.for_coding(width, height, n_bytes, header.width * header.height)


def mode(header: Header, *, alpha: bool) -> str:
    """The mode of the Pillow image that it becomes; Pillow has no 16 bits for colour or alpha."""
    if alpha or header.channels == 3:
        return {1: "L", 3: "RGB"}[header.channels] + "A" * alpha
    return "I;16" if header.bit_depth == 16 else "L"
