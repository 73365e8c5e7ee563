"""The `nic` command: `python -m nic_cli`, and what the console script calls."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `nic` with these arguments (those of the process by default); give the exit code."""
    from nic_cli.terminal.failures import guarded

    return guarded(lambda: _run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: Sequence[str]) -> int:
    from nic_cli.cli.app import run  # guarded as well: Ctrl-C may come while Typer is imported

    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
