"""`nic bench`: rate and distortion of codecs over a folder of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nic_cli.cli import declaring, options
from nic_cli.cli.declaring import COMMON, OUTPUT
from nic_cli.errors import NicError, OutputExists, UsageError
from nic_cli.jobs.files import outputs
from nic_cli.storage.atomic import put
from nic_cli.storage.printable import printable
from nic_cli.terminal import bench_tables
from nic_cli.terminal.console import Console, complain

if TYPE_CHECKING:
    from nic_cli.types import Picture

EXAMPLES = (
    ("nic bench photos/", "nic against JPEG, WebP, AVIF and what else is installed"),
    ("nic bench kodak/ --html kodak.html --csv kodak.csv", "with a page to look at and a table"),
    ("nic bench photos/ --codecs 'nic:q0..6/0.5,avif:tune=psnr|iq'", "other settings"),
    ("nic bench photos/ -b 0 --codecs 'nic:e1|5' --anchor nic", "what a search for better latents saves"),
    ("nic bench photos/ -b 0,1 --codecs nic,avif --anchor avif", "two realisms against AVIF"),
    ("nic bench archive/ --resume archive.jsonl", "goes on where it was stopped"),
)


def _metrics() -> list[str]:
    from nic_cli.metrics import METRICS

    return list(METRICS)


def _codecs() -> list[str]:
    from nic_cli.bench.strings import NAMES

    return list(NAMES)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared."""

    codecs: Annotated[
        str | None,
        declaring.value(
            "--codecs",
            metavar="LIST",
            panel=COMMON,
            words=_codecs,
            help="Codecs with their settings: nic:q0..6/0.5,jpeg:q40|60,avif:tune=psnr; without any, at "
            "their best for each metric. Default: nic, jpeg, webp, avif and jxl, if Pillow can write them.",
        ),
    ] = None
    model: Annotated[
        list[str] | None,
        declaring.value(
            "-m",
            "--model",
            metavar="NAME",
            panel=COMMON,
            words=declaring.model_names,
            help="Name or folder of a model; may be repeated. Default: the embedded one.",
        ),
    ] = None
    quality: Annotated[
        str | None,
        declaring.value(
            "-q",
            "--quality",
            metavar="LIST",
            panel=COMMON,
            help="Rates of nic. Default: 0..6, in steps of 1.",
        ),
    ] = None
    realism: Annotated[
        str | None,
        declaring.value(
            "-b", "--realism", metavar="LIST", panel=COMMON, help="Realisms of nic. Default: 0,0.75."
        ),
    ] = None
    metrics: Annotated[
        str,
        declaring.value(
            "--metrics",
            metavar="LIST",
            panel=COMMON,
            words=_metrics,
            help="What to measure; a wrong name lists what there is. Default: psnr,ms-ssim.",
        ),
    ] = "psnr,ms-ssim"
    anchor: Annotated[
        str | None,
        declaring.value(
            "--anchor",
            metavar="CODEC",
            panel=COMMON,
            words=_codecs,
            help="The codec that BD-rates are against. Default: avif if it is there, else the first.",
        ),
    ] = None
    limit: Annotated[
        int | None,
        declaring.value("--limit", metavar="N", panel=COMMON, help="Only the first N pictures, by name."),
    ] = None
    recursive: options.Recursive = False


@dataclass(frozen=True, slots=True)
class Written:
    """Which files are written."""

    json_file: Annotated[
        Path | None, declaring.value("--json", metavar="FILE", panel=OUTPUT, help="Write all rows as JSON.")
    ] = None
    csv_file: Annotated[
        Path | None, declaring.value("--csv", metavar="FILE", panel=OUTPUT, help="Write all rows as CSV.")
    ] = None
    html_file: Annotated[
        Path | None,
        declaring.value(
            "--html", metavar="FILE", panel=OUTPUT, help="Write a page of curves, tables and comparisons."
        ),
    ] = None
    resume: Annotated[
        Path | None,
        declaring.value(
            "--resume",
            metavar="FILE",
            panel=OUTPUT,
            help="Keep rows here as they come, and go on from those that are there.",
        ),
    ] = None
    force: options.Force = False


@declaring.grouped
def bench(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", show_default=False, help="A folder of pictures.")],
    comparison: Comparison,
    written: Written,
    bystanding: options.Bystanding,
) -> int:
    """Compare codecs on a folder of pictures.

    Bytes are those of whole files, every file is decoded and checked, and curves compare codecs at equal
    rate, never at equal quality numbers.
    """
    console, chosen = Console(quiet=bystanding.quiet), bystanding.settings()
    outputs_ = [written.json_file, written.csv_file, written.html_file]
    named = [path for path in (*outputs_, written.resume) if path is not None]
    if len({path.resolve() for path in named}) < len(named):
        raise UsageError("--json, --csv, --html and --resume: two of them name one file")
    if Path("-") in named:
        raise UsageError("--json, --csv, --html and --resume: give a file, not -: the tables are the output")
    for path in outputs_:
        if path is not None and path.exists() and not written.force:
            raise OutputExists(f"{printable(path)}: exists; -f overwrites it")
    paths = _pictures(folder, comparison.recursive, comparison.limit)

    from nic_cli.bench import command
    from nic_cli.image.reading import read

    def opened(path: Path) -> Picture:
        return read(path, path.name)

    with console.progress("comparing codecs", in_percent=True) as bar:
        result = command.run(
            folder,
            paths,
            opened,
            command.BenchRequest(
                comparison.codecs,
                tuple(comparison.model or ()),
                comparison.quality,
                comparison.realism,
                tuple(filter(None, comparison.metrics.split(","))),
                comparison.anchor,
                chosen.device,
                written.resume,
            ),
            say=console.say,
            warn=console.warn,
            progress=bar,
        )
    for name, reason in result.run.unreadable.items():
        complain(f"{name}: {reason}")
    for row in result.failures:
        complain(f"{row.picture}: {row.curve} {row.setting}: {row.error}")
    console.result(bench_tables.text(result))
    failed = False
    for path, made in command.files(
        result, json=written.json_file, csv=written.csv_file, html=written.html_file, open_=opened
    ):
        try:
            # Names of files may be no text: what is none is escaped.
            put(path, made().encode("utf-8", "backslashreplace"))
            console.say(f"{printable(path)} written")
        except NicError as error:  # the other reports are to be had all the same
            complain(str(error))
            failed = True
    return 1 if failed or result.failures or result.run.unreadable else 0


def _pictures(folder: Path, recursive: bool, limit: int | None) -> list[Path]:
    if not folder.is_dir():
        raise UsageError(f"{printable(folder)}: not a folder; nic bench takes a folder of pictures")
    if limit is not None and limit < 1:
        raise UsageError(f"--limit: {limit} cannot be used: give 1 or more")
    inside = folder.rglob("*") if recursive else folder.iterdir()
    visible = (path for path in inside if not any(p.startswith(".") for p in path.relative_to(folder).parts))
    found = sorted(path for path in visible if path.suffix.lower() in outputs.PICTURES and path.is_file())
    if not found:
        raise UsageError(f"nothing to do in {printable(folder)}; -r descends into folders")
    return found[:limit]
