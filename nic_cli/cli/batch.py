"""`nic batch`: archives of any size, between folders or object stores, by several processes or machines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import typer

from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import ADVANCED, COMMON, OUTPUT
from nic_cli.errors import UsageError
from nic_cli.jobs import option_values, runner, settings
from nic_cli.jobs.decoding import OUTPUT_FORMATS
from nic_cli.jobs.files.outputs import NIC, PICTURES
from nic_cli.jobs.many import archive, cluster
from nic_cli.jobs.many.worker import Order
from nic_cli.jobs.outcome import Failure
from nic_cli.jobs.run_options import RunOptions
from nic_cli.storage.store import find, open_store

EXAMPLES = (
    ("nic batch photos/ -o packed/ --actors 2", "two processes of this machine"),
    ("nic batch s3://archive/photos -o s3://archive/packed --skip-existing", "goes on where it stopped"),
    ("nic batch s3://archive/photos -o packed/ --address auto --gpus 0.5", "on a cluster, two to each GPU"),
    ("nic batch packed/ -o photos/ --decode --json > receipts.jsonl", "back to pictures"),
)


@dataclass(frozen=True, slots=True)
class Work:
    """What is done with each item."""

    quality: Annotated[
        float | None,
        declaring.value("-q", "--quality", metavar="F", panel=COMMON, help="As for nic encode. Default: 2."),
    ] = None
    realism: Annotated[
        float | None,
        declaring.value(
            "-b", "--realism", metavar="F", panel=COMMON, help="As for nic encode, or nic decode. 0 to 1."
        ),
    ] = None
    effort: Annotated[
        int | None,
        declaring.value("-e", "--effort", metavar="N", panel=COMMON, help="As for nic encode. Default: 1."),
    ] = None
    bpp: Annotated[
        float | None,
        declaring.value("--bpp", metavar="F", panel=COMMON, help="As for nic encode. Instead of -q."),
    ] = None
    target_size: Annotated[
        str | None,
        declaring.value(
            "--target-size", metavar="SIZE", panel=COMMON, help="As for nic encode. Instead of -q."
        ),
    ] = None
    strip: Annotated[
        list[str] | None,
        declaring.value(
            "--strip",
            metavar="all|exif|xmp|icc|...",
            panel=OUTPUT,
            words=option_values.STRIPPABLE,
            help="As for nic encode.",
        ),
    ] = None
    model: Annotated[
        str | None,
        declaring.model("As for nic encode; every machine of a cluster has to have it."),
    ] = None
    decode: Annotated[
        bool, declaring.flag("--decode", panel=COMMON, help="From .nic files to pictures instead.")
    ] = False
    format: Annotated[
        str | None,
        declaring.value(
            "--format",
            metavar="|".join(OUTPUT_FORMATS),
            panel=OUTPUT,
            help="Format of the pictures, for --decode. Default: png.",
        ),
    ] = None


@dataclass(frozen=True, slots=True)
class Crew:
    """Who does it."""

    actors: Annotated[
        int | None,
        declaring.value(
            "--actors",
            metavar="N",
            panel=ADVANCED,
            help="Processes, each with a model of its own, 1 to 1024. Default: as many as fit.",
        ),
    ] = None
    gpus: Annotated[
        float,
        declaring.value(
            "--gpus", metavar="F", panel=ADVANCED, help="GPUs for each process, or a part of one. Default: 0."
        ),
    ] = 0
    address: Annotated[
        str | None,
        declaring.value(
            "--address",
            metavar="ADDRESS",
            panel=ADVANCED,
            help="A Ray cluster that runs, auto for the one of this machine. Default: one is started, here.",
        ),
    ] = None


@declaring.grouped
def run(
    *,
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            show_default=False,
            help="A folder with all below it, or a file: a path, s3://, hf:// or what else fsspec knows.",
        ),
    ],
    output: Annotated[
        str,
        declaring.value(
            "-o", "--output", metavar="OUT", panel=COMMON, help="The folder for the outputs, as INPUT."
        ),
    ],
    work: Work,
    crew: Crew,
    force: options.Force = False,
    skip_existing: options.SkipExisting = False,
    keep_suffix: options.KeepSuffix = False,
    plain: options.Plain,
) -> int:
    """Encode or decode a whole archive by several processes or machines, on Ray.

    The tree is kept. Each item is done by itself, and its output is there as a whole or not at all: if a
    process is killed, its items are given to another; if all is killed, --skip-existing goes on.
    """
    run_options = RunOptions(
        force, skip_existing, quiet=plain.quiet, json=plain.as_json, keep_suffix=keep_suffix
    )
    chosen = settings.load(
        model=work.model,
        device="cuda" if crew.gpus else "cpu",
        quality=work.quality,
        realism=work.realism,
        effort=work.effort,
        color=plain.color,
        offline=plain.offline or None,
    )
    _check(work, crew)
    target_rate = (
        None if work.decode else option_values.rate_target(chosen, work.quality, work.bpp, work.target_size)
    )
    stripped = option_values.stripped_kinds(work.strip or [])
    format = option_values.output_format(work.format, OUTPUT_FORMATS)
    chosen.apply()
    cluster.check()
    start, places = find(source, frozenset({NIC}) if work.decode else PICTURES)
    order = Order(start, open_store(output), chosen, target_rate, work.realism, plain.quiet, stripped, format)
    items = archive.plan(places, order, run_options)
    with run_options.console.progress("files", len(items)) as bar:
        tally = runner.Tally(run_options.console, run_options.console.say, Failure, False, bar)
        pending = archive.refused(items, order, run_options, tally)
        if pending:
            with cluster.joined(crew.address, crew.actors, crew.gpus) as count:
                given = order, count, crew.gpus
                archive.settle(pending, order, tally, lambda some, n: cluster.run(some, *given, n))
    return tally.end(len(items))


def _check(work: Work, crew: Crew) -> None:
    if not 0 <= crew.gpus <= 64 or not math.isfinite(crew.gpus):
        raise UsageError(f"--gpus: {crew.gpus:g} cannot be used: give a number from 0 to 64")
    if crew.actors is not None and not 1 <= crew.actors <= 1024:
        raise UsageError(f"--actors: {crew.actors} cannot be used: give a whole number from 1 to 1024")
    for_encoding = work.quality, work.bpp, work.target_size, work.effort, work.model, work.strip
    if work.decode and any(value is not None for value in for_encoding):
        raise UsageError(
            "--decode: -q, --bpp, --target-size, -e, -m and --strip are for encoding: leave them out"
        )
    if work.format is not None and not work.decode:
        raise UsageError("--format is for --decode: encoding writes .nic files")
