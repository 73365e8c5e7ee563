"""What `nic train` does: a recipe, a clock, a work folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nic_cli.train.export import export
from nic_cli.train.loop import Loop
from nic_cli.train.recipe import Recipe
from nic_cli.train.task import Task


def run(
    recipe: Path,
    *,
    data: list[Path],
    resume: bool,
    init: str | None,
    seconds: float | None,
    dry_run: bool,
    work: Path | None,
    device: str = "cpu",
    say: Callable[[str], None] = print,
) -> bool:
    """Train by a recipe and export a model folder; True when it ran to its end, not stopped.

    data, init, seconds replace what the recipe says. The decay keeps its share of the time.
    dry_run: a few steps, one validation, one save, and out. Raises UsageError on a wrong recipe.
    """
    given = Recipe.read(recipe)
    if data:
        given = replace(given, data=replace(given.data, paths=tuple(map(str, data))))
    if init is not None:
        given = replace(given, init=init)
    schedule = given.schedule
    if dry_run:
        schedule = replace(schedule, seconds=4.0, warmup=1.0, decay=2.0, log_every=1)
    elif seconds is not None:
        share = seconds / schedule.seconds
        schedule = replace(
            schedule, seconds=seconds, decay=schedule.decay * share, warmup=min(schedule.warmup, seconds / 10)
        )
    task = Task(given)
    say("reading the training pictures")
    task.setup(device, {})
    folder = work or Path("checkpoints") / recipe.stem
    loop = Loop(task, folder, schedule, say)
    if resume:
        trunk, safe = folder / "trunk.safetensors", folder / "safe.safetensors"
        loop.resume(
            max((p for p in (trunk, safe) if p.is_file()), key=lambda p: p.stat().st_mtime, default=safe)
        )
    done = loop.run()
    export(task.network, task.release(), task.pool, folder / "model")
    say(f"the model of the averaged weights is in {folder / 'model'}")
    return done
