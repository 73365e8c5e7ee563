"""How files are gone through, whatever is done with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nic_cli.errors import UsageError
from nic_cli.storage.shard import WHOLE, Shard, parse
from nic_cli.terminal.console import Console

PROGRESS = ("auto", "json")


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options everywhere that steer how files are gone through. Raises UsageError if two disagree."""

    force: bool = False
    skip_existing: bool = False
    recursive: bool = False
    dry_run: bool = False
    preserve: bool = False
    fail_fast: bool = False
    quiet: bool = False
    verbose: bool = False
    json: bool = False
    shard: Shard = WHOLE
    manifest: str | None = None
    keep_suffix: bool = False
    remove: bool = False
    processes: int = 1
    progress: str = "auto"

    def __post_init__(self) -> None:
        """Refuse what cannot be meant together."""
        if self.force and self.skip_existing:
            raise UsageError("-f and --skip-existing exclude each other: give one")
        if self.quiet and self.verbose:
            raise UsageError("-Q and -v exclude each other: give one")
        if not 1 <= self.processes <= 1024:
            raise UsageError(f"--jobs: {self.processes} cannot be used: give a whole number from 1 to 1024")
        if self.progress not in PROGRESS:
            raise UsageError(f"--progress: {self.progress!r} cannot be used: give {', '.join(PROGRESS)}")

    def over(self, manifest: str | None, shard: str | None) -> RunOptions:
        """Give these options with --manifest and --shard. Raises UsageError."""
        return replace(self, manifest=manifest, shard=parse(shard))

    @property
    def console(self) -> Console:
        """Where a command with these options speaks."""
        return Console(
            quiet=self.quiet, verbose=self.verbose, json=self.json, progress_as_json=self.progress == "json"
        )

    @property
    def again(self) -> str:
        """What goes on with a batch that was interrupted."""
        if self.skip_existing:
            return "the same command goes on"
        return f"the same command with --skip-existing{' in place of -f' if self.force else ''} goes on"
