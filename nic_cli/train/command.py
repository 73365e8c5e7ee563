"""What `nic train` does: a recipe, a clock, a work folder."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch

from nic_cli.errors import OutputExists, UsageError
from nic_cli.storage.printable import printable
from nic_cli.train.export import COUNTS, export, kept_tables
from nic_cli.train.journal import Say
from nic_cli.train.loop import MODEL, SAFE, TRUNK, Loop, Progress, ended, labels_of
from nic_cli.train.recipe import Recipe
from nic_cli.train.start.naming import named, summary
from nic_cli.train.start.readiness import check
from nic_cli.train.task import Task
from nic_cli.zoo.directories import checked_name
from nic_cli.zoo.load import folder_of
from nic_cli.zoo.model_folder import read_folder
from nic_cli.zoo.registry import CONFIG, WEIGHTS

TRIED = 2  # steps of each phase in a dry run


def run(
    recipe: Path,
    *,
    data: list[Path],
    resume: bool,
    init: str | None,
    seconds: float | None,
    dry_run: bool,
    work: Path | None,
    name: str | None = None,
    force: bool = False,
    device: str = "cpu",
    say: Say = print,
    progress: Progress | None = None,
) -> bool:
    """Train by a recipe and export a model folder; True when it ran to its end, not stopped.

    data, init, name replace what the recipe says; seconds is the time from now, shared out among the
    phases as the recipe shares its own, in steps or not. dry_run: two steps of every phase, one
    validation, one save, all in a temporary folder, and out. force: begin anew in a folder that holds a
    training. Raises UsageError on a wrong recipe or what it needs and is not there, OutputExists.
    """
    if os.environ.get("RANK", "0") != "0":  # one process of several speaks
        say = _unheard
    given = _adapted(Recipe.read(recipe), data, init, seconds, dry_run=dry_run)
    folder = work or Path("checkpoints") / recipe.stem
    model = folder / MODEL / WEIGHTS
    if resume and ended(folder, model) and seconds is None:
        said = f"{printable(folder)}: finished, the model is in {printable(model.parent)}"
        say(f"{said}; --time with --resume goes on with it, -f begins anew")
        return True
    if not (dry_run or resume or force):
        _check_unused(folder)
    if not (folder / SAFE).exists() and (folder / WEIGHTS).exists() and (folder / CONFIG).exists():
        raise UsageError(f"{printable(folder)} is a model, not the folder of a training: name another --work")
    written = given.model.name
    if name is not None:
        given = replace(given, model=replace(given.model, name=checked_name(name)))
    check(given, folder, device)
    origin = read_folder(folder_of(given.init)) if given.init else None
    given = named(given, origin, name, labels_of(folder) if resume else {})
    say(summary(given, origin))
    if given.model.name != written and name is None:
        say(
            f"{written} is the name of another model, so this one is {given.model.name}: --name gives another"
        )
    _hold_memory()
    with ExitStack() as stack:
        if dry_run:  # what it makes is nobody's, and what is there stays
            beside = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            for file in (SAFE, TRUNK) if resume else ():
                if (folder / file).is_file():
                    shutil.copy2(folder / file, beside / file)
            folder = beside
        labels = {"name": given.model.name, "recipe": written}
        goes_on = model if resume else None
        return _trained(given, folder, device, say, progress, seconds, goes_on, labels, dry_run=dry_run)


def _adapted(
    given: Recipe, data: list[Path], init: str | None, seconds: float | None, *, dry_run: bool
) -> Recipe:
    """The recipe with what the command line says instead."""
    if data:
        given = replace(given, data=replace(given.data, paths=tuple(map(str, data))))
    if init is not None:
        given = replace(given, init=init)
    if seconds is not None:
        timed = (replace(p, share=float(p.steps or p.share), steps=0) for p in given.phases)
        given = replace(given, phases=tuple(timed), schedule=replace(given.schedule, seconds=seconds))
    if dry_run:
        schedule = replace(given.schedule, log_every=1, validate_every=0.0, save_every=1e9)
        tried = tuple(replace(p, steps=TRIED) for p in given.phases)
        given = replace(given, phases=tried, schedule=schedule)
    return given


def _check_unused(folder: Path) -> None:
    """Refuse to begin in a folder that holds a training or its model."""
    model = folder / MODEL
    if (model / WEIGHTS).exists() and (not (folder / SAFE).exists() or ended(folder, model / WEIGHTS)):
        said = f"{printable(folder)}: holds a finished model, in {printable(model)}"
        raise OutputExists(f"{said}; name another --work to keep it, -f begins anew")
    if (folder / SAFE).exists():
        raise OutputExists(
            f"{printable(folder)}: holds a training already; --resume goes on with it, -f begins anew"
        )


def _unheard(line: str) -> None:
    """What other processes say."""


def _trained(
    given: Recipe,
    folder: Path,
    device: str,
    say: Say,
    progress: Progress | None,
    seconds: float | None,
    before: Path | None,
    labels: dict[str, str],
    *,
    dry_run: bool,
) -> bool:
    """before: the weights that the run to be resumed has exported, if it came so far."""
    task = Task(given)
    say("reading the training pictures")
    task.setup(device, {})
    loop = Loop(task, folder, say, progress, seconds)
    loop.labels = labels
    if before is not None:
        loop.resume(before)
        if dry_run:  # from there, but through all phases
            loop.begun, loop.steps = 0.0, 0
    done = loop.run()
    if task.team.leads:
        export(
            task.network,
            task.release(),
            task.pool,
            folder / MODEL,
            realism=given.realism,
            crops=2 if dry_run else COUNTS,
            tables=kept_tables(given),
            trained=given.trained,
        )
        said = "could be exported" if dry_run else f"is in {folder / MODEL}"
        say(f"the model of the averaged weights {said}")
        say(f"memory: {_memory(task.device):.1f} GB at most")
    return done


def _memory(device: str) -> float:
    """The most memory that was in use, in GB: of the GPU if there is one, else of this process."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 1e9
    import resource  # not everywhere

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def _hold_memory() -> None:
    """Keep freed memory: glibc hands large blocks back at once and pays for every page again.

    A step allocates the same blocks as the one before; kept, it is 8 % faster.
    """
    if not sys.platform.startswith("linux"):
        return
    mmap_threshold, trim_threshold, top_pad = -3, -1, -2
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
    if mallopt is not None:
        mallopt(mmap_threshold, 2**31 - 1)
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(top_pad, 2**28)
