"""What is to be said of a sound file whose reader is of another version than its writer."""

from __future__ import annotations

from collections.abc import Sequence

from nic_cli.container import chunks, layout
from nic_cli.types import Chunk, Header

PASSING = "which the release after 1.0 will not read: nic convert makes format 1 of it"


def of_format(header: Header) -> str:
    """That a file will not be read much longer, and what helps; "" where it will."""
    return f"format 0, {PASSING}" if header.version == layout.OLD else ""


def of_contents(found: Sequence[Chunk], unread: Sequence[str] = ()) -> list[str]:
    """Which chunks only a newer program would make something of. unread: names of what has another form."""
    kinds = ", ".join(chunk.kind.decode("ascii") for chunk in found if not chunks.is_known(chunk))
    said = [f"left out: chunks that this version does not know ({kinds}): a newer nic may"] if kinds else []
    names = ", ".join(unread)
    return [*said, f"left out: {names}, of a form that this version does not know"] if names else said
