"""The work of `nic verify` on one file: it is decoded to nowhere, and every checksum compared."""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

from nic_cli.container import notices
from nic_cli.jobs.files import outputs, streams
from nic_cli.jobs.files.plan import Job
from nic_cli.jobs.model_cache import Models
from nic_cli.jobs.outcome import Report
from nic_cli.jobs.run_options import RunOptions
from nic_cli.terminal.console import Console
from nic_cli.types import Container, Metadata


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
    code: int


class Verifier:
    """Verifies one file after the other."""

    def __init__(self, run_options: RunOptions, console: Console, models: Models, *, alone: bool) -> None:
        self._run_options, self._console, self._models = run_options, console, models
        self._alone = alone
        self._payload: str | None = None

    def __call__(self, job: Job) -> Report:
        """Verify the file of one job. Raises what is wrong with it."""
        self._payload = None
        if self._run_options.dry_run:
            return outputs.planned(job)
        container = streams.read_container(job.source)
        name = outputs.spoken(job.source, "standard input")
        if passing := notices.of_format(container.header):
            self._console.warn(f"{name}: {passing}")
        self._payload = f"{_payload_crc(container):08x}"
        symbols = f"{self._symbols_crc(container, name):08x}"
        record = Verified(outputs.named(job.source), True, self._payload, symbols)
        return Report(f"{name}: ok  symbols {symbols}", record)

    def refused(self, name: str, error: str, code: int) -> Refused:
        """Make the JSON object of the file that just failed."""
        return Refused(name, False, self._payload, None, error, code)

    def _symbols_crc(self, container: Container, name: str) -> int:
        from nic_cli import codec

        def said(metadata: Metadata) -> None:
            for line in notices.of_contents(container.chunks, metadata.unread):
                self._console.warn(f"{name}: {line}")

        model = self._models.for_decoding(container.header)
        with self._console.progress("tiles") as bar:
            return codec.verify(container, model, bar if self._alone else None, said)


def _payload_crc(container: Container) -> int:
    crc = 0
    for tile in container.tiles:
        crc = crc32(tile.payload, crc)
    return crc
