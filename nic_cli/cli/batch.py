"""`nic batch`: archives of any size, between folders or object stores, by several processes or machines."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from nic_cli.cli import options
from nic_cli.cli.options import ADVANCED, COMMON
from nic_cli.errors import UsageError
from nic_cli.jobs import archive, cluster, loop, settings, targets
from nic_cli.jobs.outputs import NIC, PICTURES
from nic_cli.jobs.report import Failure
from nic_cli.jobs.run_options import General
from nic_cli.jobs.worker import Order
from nic_cli.storage.store import find, open_store

EXAMPLES = (
    ("nic batch photos/ -o packed/ --actors 2", "two processes of this machine"),
    ("nic batch s3://archive/photos -o s3://archive/packed --skip-existing", "goes on where it stopped"),
    ("nic batch s3://archive/photos -o packed/ --address auto --gpus 0.5", "on a cluster, two to each GPU"),
    ("nic batch packed/ -o photos/ --decode --json > receipts.jsonl", "back to pictures"),
)


def run(
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
        options.value(
            "-o", "--output", metavar="OUT", panel=COMMON, help="The folder for the outputs, as INPUT."
        ),
    ],
    quality: Annotated[
        float | None,
        options.value("-q", "--quality", metavar="F", panel=COMMON, help="As for nic encode. Default: 2."),
    ] = None,
    realism: Annotated[
        float | None,
        options.value(
            "-b", "--realism", metavar="F", panel=COMMON, help="As for nic encode, or nic decode. 0 to 1."
        ),
    ] = None,
    effort: Annotated[
        int | None,
        options.value("-e", "--effort", metavar="N", panel=COMMON, help="As for nic encode. Default: 1."),
    ] = None,
    bpp: Annotated[
        float | None,
        options.value("--bpp", metavar="F", panel=COMMON, help="As for nic encode. Instead of -q."),
    ] = None,
    model: Annotated[
        str | None,
        options.value(
            "-m",
            "--model",
            metavar="NAME",
            panel=COMMON,
            help="As for nic encode; every machine of a cluster has to have it.",
        ),
    ] = None,
    decode: Annotated[
        bool, options.flag("--decode", panel=COMMON, help="From .nic files to PNG instead.")
    ] = False,
    actors: Annotated[
        int | None,
        options.value(
            "--actors",
            metavar="N",
            panel=ADVANCED,
            help="Processes, each with a model of its own, 1 to 1024. Default: as many as fit.",
        ),
    ] = None,
    gpus: Annotated[
        float,
        options.value(
            "--gpus", metavar="F", panel=ADVANCED, help="GPUs for each process, or a part of one. Default: 0."
        ),
    ] = 0,
    address: Annotated[
        str | None,
        options.value(
            "--address",
            metavar="ADDRESS",
            panel=ADVANCED,
            help="A Ray cluster that runs, auto for the one of this machine. Default: one is started, here.",
        ),
    ] = None,
    force: options.Force = False,
    skip_existing: options.SkipExisting = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    color: options.Color = None,
    offline: options.Offline = False,
) -> int:
    """Encode or decode a whole archive by several processes or machines, on Ray.

    The tree is kept. Each item is done by itself, and its output is there as a whole or not at all: if a
    process is killed, its items are given to another; if all is killed, --skip-existing goes on.
    """
    general = General(force, skip_existing, quiet=quiet, json=as_json)
    chosen = settings.load(
        model=model,
        device="cuda" if gpus else "cpu",
        quality=quality,
        realism=realism,
        effort=effort,
        color=color,
        offline=offline or None,
    )
    if not 0 <= gpus <= 64 or not math.isfinite(gpus):
        raise UsageError(f"--gpus: {gpus:g} cannot be used: give a number from 0 to 64")
    if actors is not None and not 1 <= actors <= 1024:
        raise UsageError(f"--actors: {actors} cannot be used: give a whole number from 1 to 1024")
    if decode and (quality is not None or bpp is not None or effort is not None or model is not None):
        raise UsageError("--decode: -q, --bpp, -e and -m are for encoding: leave them out")
    wish = None if decode else targets.of_rate(chosen, quality, bpp, None)
    chosen.apply()
    cluster.check()
    start, places = find(source, frozenset({NIC}) if decode else PICTURES)
    order = Order(start, open_store(output), chosen, wish, realism, quiet)
    items = archive.plan(places, order, general)
    with general.console.progress("files", len(items)) as bar:
        tally = loop.Tally(general.console, general.console.say, Failure, False, bar)
        pending = archive.refused(items, order, general, tally)
        if pending:
            with cluster.joined(address, actors, gpus) as count:
                archive.settle(
                    pending, order, tally, lambda some, n: cluster.run(some, order, count, gpus, n)
                )
    return tally.end(len(items))
