"""Whether an output that exists is what the command would make; --skip-existing trusts nothing less.

Each check raises NicError or OSError, whose text says what is wrong with the output of a job.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from nic_cli.container.file import unpack
from nic_cli.errors import DamagedFile, NicError
from nic_cli.jobs.files.plan import Job
from nic_cli.jobs.files.streams import opened, read_nic

_ENDS = {b"\x89PNG": b"\0\0\0\0IEND\xaeB`\x82", b"\xff\xd8": b"\xff\xd9"}
"""First and last bytes of PNG and JPEG, whose readers forgive a missing end."""

_ROWS = 256


def check_nic(job: Job) -> None:
    """Check a `.nic` file: every checksum of the container, and the size of the picture."""
    header = unpack(read_nic(job.target)).header
    sides = None if job.source is None else _sides(job.source)
    if sides is not None and sides != sorted((header.width, header.height)):
        raise DamagedFile(f"it holds {header.width} x {header.height} pixels, other than the input")


def check_picture(job: Job, width: int, height: int) -> None:
    """Check that a picture decodes whole and has this size."""
    from nic_cli.image.reading import read

    with opened(job.target) as stream:
        found = read(stream, "it")
        if (found.width, found.height) != (width, height):
            raise DamagedFile(f"it has {found.width} x {found.height} pixels, not {width} x {height}")
        for row in range(0, height, _ROWS):  # those of a huge picture are decoded only now
            found.pixels[row : row + _ROWS]
        _check_end(stream)


def _check_end(stream: BinaryIO) -> None:
    stream.seek(0)
    opening = stream.read(4)
    for end in (end for start, end in _ENDS.items() if opening.startswith(start)):
        stream.seek(-len(end), os.SEEK_END)
        if stream.read() != end:
            raise DamagedFile("it was cut")


def _sides(source: Path) -> list[int] | None:
    """Both sides of a picture, the shorter first, since it may lie on its side; None if it is unreadable."""
    from nic_cli.image.opening import open_image

    try:
        with source.open("rb") as stream:
            return sorted(open_image(stream, source.name).size)
    except (NicError, OSError):
        return None
