"""Whether an output that exists is what the command would make; --skip-existing trusts nothing less.

Each check raises NicError or OSError, whose text says what is wrong with the output of a job.
"""

from __future__ import annotations

from pathlib import Path

from nic_cli.cli.streams import opened, read_nic
from nic_cli.container.file import unpack
from nic_cli.errors import DamagedFile, NicError
from nic_cli.storage.plan import Job


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


def _sides(source: Path) -> list[int] | None:
    """Both sides of a picture, the shorter first, since it may lie on its side; None if it is unreadable."""
    from nic_cli.image.opening import open_image

    try:
        with source.open("rb") as stream:
            return sorted(open_image(stream, source.name).size)
    except (NicError, OSError):
        return None
