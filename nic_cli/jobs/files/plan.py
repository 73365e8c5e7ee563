"""From what the command line names to a list of jobs, checked as a whole before anything is written."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nic_cli.errors import NicError, OutputExists, UsageError
from nic_cli.storage.atomic import is_direct
from nic_cli.storage.manifest import Line
from nic_cli.storage.printable import printable
from nic_cli.storage.shard import WHOLE, Shard
from nic_cli.storage.tree import folded, inside

STREAM = "-"

HeldBy = Callable[[Path], "str | None"]
"""Gives the name of the file whose picture a `.nic` file holds, None if that is not said."""


@dataclass(frozen=True, slots=True)
class Job:
    """One input and its output: `source` is None for standard input, `target` for standard output.

    A source may be missing: opening it says so, and a batch goes on.
    """

    source: Path | None
    target: Path | None


def plan(
    inputs: Sequence[str],
    output: str | None,
    *,
    suffix_in: frozenset[str],
    suffix_out: str,
    recursive: bool,
    shard: Shard = WHOLE,
    keep_suffix: bool = False,
    also_out: frozenset[str] = frozenset(),
    held_by: HeldBy | None = None,
) -> list[Job]:
    """Return the jobs for `inputs` (files, folders, or a single `-`) and `-o output`.

    suffix_in: what is taken from a folder, lower case with the dot; files named outright are always taken.
    suffix_out: what replaces the suffix where the output is not named, and follows it where two would have
    one name, or with keep_suffix. shard: whose jobs are returned. also_out: suffixes of other outputs.
    held_by: whose picture an output that exists holds, so that no other's is taken for it.
    Raises UsageError where outputs collide nonetheless, be they of another shard, an output is an input, or
    `output` cannot mean what was given.
    """
    if not inputs:
        raise UsageError("no input; name files, folders, - for standard input, or a list with --manifest")
    if "" in (*inputs, output):
        raise UsageError("an input or output is an empty name, as of a variable that is not set")
    if STREAM in inputs:
        return _plan_stream(inputs, output, shard)
    _refuse_habits(inputs, output, also_out | {suffix_out})
    found = _sources(inputs, suffix_in, recursive)
    if not found:
        advice = "name files outright" if recursive else "-r descends into folders"
        raise UsageError(f"nothing to do in {', '.join(map(printable, inputs))}; {advice}")
    if output is None:
        jobs = [Job(source, _swapped(source, suffix_out)) for source, _ in found]
    elif output != STREAM and _is_folder(output):
        jobs = [Job(source, Path(output) / _swapped(inside, suffix_out)) for source, inside in found]
    else:
        jobs = [_single(found, output, inputs)]
        refuse_collisions(jobs)
        return [job for job, (_, place) in zip(jobs, found, strict=True) if shard.takes(place)]
    jobs = _apart(jobs, suffix_out, keep_suffix, [False] * len(jobs), held_by)
    refuse_collisions(jobs)
    return [job for job, (_, place) in zip(jobs, found, strict=True) if shard.takes(place)]


def plan_lines(
    lines: Sequence[Line],
    output: str | None,
    *,
    suffix_out: str,
    shard: Shard = WHOLE,
    keep_suffix: bool = False,
    held_by: HeldBy | None = None,
) -> list[Job]:
    """Return the jobs for a list of inputs and `-o output`, a folder, for those whose output is not named.

    A path keeps its folders below `output`, without the root and what climbs out. Raises as `plan`.
    """
    if output is not None and (output == STREAM or not _is_folder(output)):
        raise UsageError(
            f"a list of inputs cannot all go to {printable(output)}; end it with / to name a folder"
        )
    found: dict[tuple[str, Path], tuple[Job, Path, bool]] = {}
    for line in lines:
        place = _below(line.source)
        beside = _swapped(line.source if output is None else Path(output) / place, suffix_out)
        job = Job(line.source, line.target or beside)
        key = os.path.realpath(line.source), line.target or beside
        found.setdefault(key, (job, place, line.target is not None))
    named = [given for *_, given in found.values()]
    jobs = _apart([job for job, *_ in found.values()], suffix_out, keep_suffix, named, held_by)
    refuse_collisions(jobs)
    return [job for job, (_, place, _) in zip(jobs, found.values(), strict=True) if shard.takes(place)]


def _below(path: Path) -> Path:
    """`path` as it may stand below any folder."""
    plain = Path(os.path.normpath(path))
    return Path(*(part for part in plain.parts if part not in (plain.anchor, os.pardir)))


def _plan_stream(inputs: Sequence[str], output: str | None, shard: Shard) -> list[Job]:
    if len(inputs) > 1:
        raise UsageError("standard input (-) stands alone; leave out the other inputs")
    if shard != WHOLE:
        raise UsageError("standard input (-) is one input; leave out --shard")
    if output is None or output == STREAM:
        return [Job(None, None)]
    if _is_folder(output):
        raise UsageError(f"standard input has no name to use in {printable(output)}; name the output file")
    return [Job(None, Path(output))]


def _single(found: Sequence[tuple[Path, Path]], output: str, inputs: Sequence[str]) -> Job:
    if len(found) > 1 or Path(inputs[0]).is_dir():
        advice = "leave out -o -" if output == STREAM else "end it with / to name a folder"
        raise UsageError(f"{len(found)} inputs cannot all go to {printable(output)}; {advice}")
    return Job(found[0][0], None if output == STREAM else Path(output))


def _is_folder(output: str) -> bool:
    return output.endswith(("/", os.sep)) or Path(output).is_dir()


def _sources(inputs: Sequence[str], suffix_in: frozenset[str], recursive: bool) -> list[tuple[Path, Path]]:
    """Each source once, with its place inside the input that named it."""
    found: dict[str, tuple[Path, Path]] = {}
    for given in map(Path, inputs):
        files = inside(given, suffix_in, recursive) if given.is_dir() else iter([given])
        for path in files:
            place = path.relative_to(given) if path != given else Path(path.name)
            found.setdefault(os.path.realpath(path), (path, place))
    return list(found.values())


def _refuse_habits(inputs: Sequence[str], output: str | None, out: frozenset[str]) -> None:
    """Raise UsageError for what other programs take: an output after the input, an address."""
    for given in inputs:
        if "://" in given and not Path(given).exists():
            raise UsageError(
                f"{printable(given)}: an address, not a file: pipe it in (curl -sL ADDRESS | nic ... -), "
                "or let nic batch read s3:// and hf://"
            )
    last = Path(inputs[-1])
    if output is None and len(inputs) > 1 and last.suffix.lower() in out and not last.exists():
        raise UsageError(f"{printable(last)}: not there, and an input here: -o names the output")


def _apart(
    jobs: Sequence[Job], suffix: str, always: bool, named: Sequence[bool], held_by: HeldBy | None
) -> list[Job]:
    """Have outputs that would be one (a.jpg and a.png, both a.nic) keep the suffix of their input.

    named: of each job, whether its output was given. What would overwrite an input is left to be refused.
    One that exists stays that of the picture in it, and of no other: so an archive can grow.
    """
    names = [folded(str((job.target or Path()).absolute())) for job in jobs]
    inputs = {folded(str(job.source.absolute())) for job in jobs if job.source is not None}
    counts = Counter(names)
    found = []
    for job, name, given in zip(jobs, names, named, strict=True):
        if not job.source or not job.target or given or (name in inputs and not always):
            found.append(job)
            continue
        owner = held_by(job.target) if held_by is not None and job.target.exists() else None
        if always or (owner != job.source.name if owner else counts[name] > 1):
            found.append(replace(job, target=job.target.with_name(job.source.name + suffix)))
        else:
            found.append(job)
    return found


def _swapped(path: Path, suffix: str) -> Path:
    return path.with_suffix(suffix) if path.name else path


def refuse_collisions(jobs: Sequence[Job]) -> None:
    """Raise UsageError where two jobs would write one file, or one would write what another reads."""
    sources = {_key(job.source): job.source for job in jobs if job.source is not None}
    targets: dict[str, Job] = {}
    for job in jobs:
        if job.target is None or is_direct(job.target):
            continue
        key = _key(job.target)
        if key in sources:
            itself = job.source is not None and _key(job.source) == key
            kind = "is a .nic file already" if job.target.suffix.lower() == ".nic" else "is no .nic file"
            said = kind if itself else "is an input and would be overwritten"
            raise UsageError(f"{printable(job.target)} {said}: -o names an output")
        if key in targets:
            first = targets[key].source
            raise UsageError(
                f"{printable(first or STREAM)} and {printable(job.source or STREAM)} would both become "
                f"{printable(job.target)}; --keep-suffix, or -r with a folder that holds both, may help"
            )
        targets[key] = job


def _key(path: Path) -> str:
    """Equal for paths that are one file."""
    return folded(os.path.realpath(path))


def check_free(target: Path | None, force: bool, skip: bool) -> bool:
    """Whether to go on and write `target`: False where it exists and is to be skipped.

    Raises OutputExists where it exists and neither `force` nor `skip` says what to do.
    """
    if target is None or force or is_direct(target):
        return True
    if not target.exists():
        if target.is_symlink():
            raise OutputExists(f"{printable(target)}: a link that leads nowhere; -f writes where it leads")
        return True
    if skip:
        return False
    raise already_there(target)


def check_writable(target: Path | None) -> None:
    """Raise NicError where an output could not be made, before work is done for it."""
    if target is None or is_direct(target):
        return
    folder = next((place for place in target.absolute().parents if place.exists()), None)
    if folder is None or (folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)):
        return
    reason = "its folder may not be written to" if folder.is_dir() else f"{printable(folder)} is no folder"
    raise NicError(f"{printable(target)}: cannot be written: {reason}; choose another -o")


def already_there(target: Path | str) -> OutputExists:
    """Make the error for an output that exists."""
    return OutputExists(
        f"{printable(target)}: exists already; -f replaces it, --skip-existing passes over it"
    )
