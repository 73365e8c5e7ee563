"""`nic verify`: decodes to nowhere, checking container, payloads and symbols."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from nic_cli.cli import batch, options, outputs, settings, streams
from nic_cli.cli.console import Console
from nic_cli.cli.loading import Models
from nic_cli.cli.options import General
from nic_cli.container import file
from nic_cli.storage.plan import Job
from nic_cli.types import Container

EXAMPLES = (
    ("nic verify photo.nic", "says ok, and the checksum of the symbols"),
    ("nic verify -r packed/ --json", "one JSON object for each file of a folder"),
)


@dataclass(frozen=True, slots=True)
class Verified:
    """The JSON object of a sound file. payload, symbols: CRC-32 over all tiles, hexadecimal."""

    input: str
    ok: bool
    payload: str | None
    symbols: str | None


@dataclass(frozen=True, slots=True)
class Refused:
    """The JSON object of any other file; payload is None if not even the bytes are sound."""

    input: str
    ok: bool
    payload: str | None
    symbols: str | None
    error: str


class Verifier:
    """Verifies one file after the other."""

    def __init__(self, general: General, console: Console, models: Models, *, alone: bool) -> None:
        self._general, self._console, self._models = general, console, models
        self._alone = alone
        self._payload: str | None = None

    def __call__(self, job: Job) -> batch.Report:
        """Verify the file of one job. Raises what is wrong with it."""
        self._payload = None
        if self._general.dry_run:
            return outputs.planned(job)
        container = file.unpack(streams.read_nic(job.source))
        self._payload = f"{_payload_crc(container):08x}"
        symbols = f"{self._symbols_crc(container):08x}"
        record = Verified(outputs.named(job.source), True, self._payload, symbols)
        return batch.Report(f"{outputs.spoken(job.source, 'standard input')}: ok  symbols {symbols}", record)

    def refused(self, name: str, error: str, code: int) -> Refused:
        """Make the JSON object of the file that just failed."""
        return Refused(name, False, self._payload, None, error)

    def _symbols_crc(self, container: Container) -> int:
        from nic_cli import codec

        model = self._models.for_decoding(container.header)
        with self._console.progress("tiles") as bar:
            return codec.verify(container, model, progress=bar if self._alone else None)


def verify(
    inputs: options.InputsOrList = None,
    recursive: options.Recursive = False,
    dry_run: options.DryRun = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = 0,
    color: options.Color = None,
    device: options.Device = None,
    threads: options.Threads = None,
    fail_fast: options.FailFast = False,
    manifest: options.Manifest = None,
    part: options.ShardOf = None,
    offline: options.Offline = False,
    force: options.VainForce = False,
    skip_existing: options.VainSkip = False,
    preserve: options.VainPreserve = False,
) -> int:
    """Check that .nic files are sound.

    Each is decoded to nowhere: the container, the payloads and the decoded symbols must fit their checksums.
    The checksum of the symbols that is shown is the same on every machine.
    """
    general = General(
        force, skip_existing, recursive, dry_run, preserve, fail_fast, quiet, bool(verbose), as_json
    ).over(manifest, part)
    chosen = settings.load(device=device, threads=threads, color=color, offline=offline or None)
    chosen.apply()
    jobs = outputs.plan_reading(inputs, general)
    console = general.console
    verifier = Verifier(general, console, Models(chosen, console), alone=len(jobs) == 1)
    show = console.say if dry_run else console.result
    return batch.run(jobs, verifier, console, show=show, failed=verifier.refused, fail_fast=fail_fast)


def _payload_crc(container: Container) -> int:
    crc = 0
    for tile in container.tiles:
        crc = crc32(tile.payload, crc)
    return crc
