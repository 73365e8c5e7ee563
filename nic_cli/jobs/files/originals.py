"""`nic decode --format original`: pictures under the names, and in the formats, that they were read from."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

from nic_cli.container import layout
from nic_cli.container.file import read_opening
from nic_cli.errors import NicError, UsageError
from nic_cli.jobs.files.plan import Job, refuse_collisions
from nic_cli.storage.printable import printable
from nic_cli.storage.tree import folded
from nic_cli.terminal.console import Console

ORIGINAL = "original"
_SUFFIXES = {"png": ".png", "jpeg": ".jpg", "webp": ".webp", "tiff": ".tif", "ppm": ".ppm"}


def renamed(jobs: list[Job], output: str | None, console: Console) -> list[Job]:
    """The jobs of decoding, each with the name of its original as target.

    A file that was renamed since keeps its new name. What has a format that we do not write becomes PNG, with
    a notice. Raises UsageError where standard input or output is meant, or two would have one name.
    """
    if any(job.source is None or job.target is None for job in jobs):
        raise UsageError("--format original: files alone have names; name a format for a stream")
    if output is not None and [job.target for job in jobs] == [Path(output)] and not Path(output).is_dir():
        raise UsageError(f"--format original names the file itself: give a folder, -o {printable(output)}/")
    found = [replace(job, target=_target(job.source, job.target, console)) for job in jobs]  # type: ignore[arg-type]
    counts = Counter(folded(str(job.target)) for job in found)
    for number, job in enumerate(found):
        if job.source and job.target and counts[folded(str(job.target))] > 1:
            name = job.source.name + job.target.suffix
            console.warn(f"{printable(job.source)}: another was {printable(job.target)} too: now {name}")
            found[number] = replace(job, target=job.target.with_name(name))
    refuse_collisions(found)
    return found


def name_in(path: Path) -> str | None:
    """The name of the file whose picture a `.nic` file holds; None if it is not said, or unreadable."""
    try:
        return _said(path)[1] or None
    except (NicError, OSError):
        return None


def _said(path: Path) -> tuple[str, str]:
    """Format and name of the original, "" where one is not said. Raises NicError and OSError."""
    with path.open("rb") as stream:
        chunks = read_opening(stream)[1]
    said = next((chunk.data for chunk in chunks if chunk.kind == layout.ORIGIN), b"")
    format, _, name = said.decode("utf-8", "replace").partition("\0")
    return format, Path(name).name  # nothing of a folder, whatever a file may say


def _target(source: Path, target: Path, console: Console) -> Path:
    from nic_cli.image.writing import FORMAT_BY_SUFFIX

    try:
        format, name = _said(source)
    except (NicError, OSError):  # told of when it is decoded
        return target
    original = Path(name)
    if format not in _SUFFIXES:
        what = f"was {format}, which we do not write" if format else "is not said in it"
        console.warn(f"{printable(source)}: its original {what}: now PNG")
        return target
    fits = FORMAT_BY_SUFFIX.get(original.suffix.lower()) == format
    suffix = (
        original.suffix if fits else _SUFFIXES[format]
    )  # what is named as another format is not read as one
    stem = original.stem if target.stem in (original.stem, original.name) else target.stem
    return target.with_name(stem + suffix)
