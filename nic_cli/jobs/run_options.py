"""How files are gone through, whatever is done with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nic_cli.errors import UsageError
from nic_cli.storage.shard import WHOLE, Shard, parse
from nic_cli.terminal.console import Console


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

    def __post_init__(self) -> None:
        """Refuse what cannot be meant together."""
        if self.force and self.skip_existing:
            raise UsageError("-f and --skip-existing exclude each other: give one")
        if self.quiet and self.verbose:
            raise UsageError("-Q and -v exclude each other: give one")

    def over(self, manifest: str | None, shard: str | None) -> RunOptions:
        """Give these options with --manifest and --shard. Raises UsageError."""
        return replace(self, manifest=manifest, shard=parse(shard))

    @property
    def console(self) -> Console:
        """Where a command with these options speaks."""
        return Console(quiet=self.quiet, verbose=self.verbose, json=self.json)
