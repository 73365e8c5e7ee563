"""Ray, for `nic batch`: a few processes, each with a model of its own, on this machine or a cluster."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import socket
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO, cast

from nic_cli.errors import NicError, UsageError
from nic_cli.extras import adding
from nic_cli.jobs.many.worker import Coder, Item, Order, Receipt
from nic_cli.terminal.console import one_line

RETRIES = 3
"""How often the items that a process had in hand when it was killed are given to another."""
PATIENCE = 5.0  # seconds
FATAL = logging.CRITICAL + 1
STORE = 100 << 20
"""Bytes for Ray's own objects on this machine: names and receipts, no pictures."""
SILENCE = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}


def check() -> None:
    """Raise UsageError if Ray is not installed."""
    os.environ.update(SILENCE)
    try:
        import ray.data  # noqa: F401
    except ImportError as error:
        raise UsageError(f"nic batch runs on Ray, which is not here: {adding('ray')}") from error


@contextmanager
def joined(address: str | None, actors: int | None, gpus: float) -> Iterator[int]:
    """Join the cluster at an address, or start one here for the time being; give the number of actors.

    actors: None for as many as fit. gpus: for each of them. Raises NicError if no cluster answers,
    UsageError if it has no GPU.
    """
    import ray

    own: dict[str, Any] = {
        "num_cpus": max(actors or 0, os.cpu_count() or 1),
        "object_store_memory": STORE,
        "include_dashboard": False,
    }
    terminate = signal.getsignal(signal.SIGTERM)
    with _hushed():
        try:
            _reach(address or "")
            ray.init(address or "local", log_to_driver=False, logging_level=FATAL, **({} if address else own))
        except Exception as error:  # of many classes
            where = f"Ray at {address}" if address else "Ray"
            raise NicError(f"{where} cannot be used: {one_line(str(error))}; check --address") from error
        try:
            signal.signal(signal.SIGTERM, terminate)  # Ray's own handler leaves without a word
            for name in ("ray", "ray.data"):
                logging.getLogger(name).setLevel(FATAL)
            most = _fitting(gpus)
            yield actors or most
        finally:
            ray.shutdown()


def run(items: Sequence[Item], order: Order, actors: int, gpus: float, together: int) -> Iterator[Receipt]:
    """Do the items, at most `together` at a time, and give each receipt once.

    Items whose process was killed again and again have none.
    """
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.max_errored_blocks = -1  # what fails as a whole is a matter of a few items
    rows = [{"item": json.dumps(asdict(item)).encode()} for item in items]
    together = min(together, math.ceil(len(rows) / (4 * actors)))  # a few turns for each, to end together
    data = ray.data.from_items(rows, override_num_blocks=math.ceil(len(rows) / together))
    share: dict[str, Any] = {"num_gpus": gpus} if gpus else {"num_cpus": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Ray 2.60 to 2.63 take the last two, and say that 2.64 will not
        done = data.map(
            cast(Any, Coder),
            fn_constructor_args=[order],
            compute=ray.data.ActorPoolStrategy(size=min(actors, len(items))),
            **share,
            max_restarts=-1,
            max_task_retries=RETRIES,
        )
    for row in done.iter_rows():
        yield Receipt(**json.loads(row["receipt"]))


def _reach(address: str) -> None:
    """Raise OSError where nobody listens, for which Ray would wait minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if port.isdigit():
        socket.create_connection((host, int(port)), PATIENCE).close()


def _fitting(gpus: float) -> int:
    import ray

    there: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    if gpus and there.get("GPU", 0) < gpus:
        raise UsageError(f"--gpus: {there.get('GPU', 0):g} are there: leave it out, or name another cluster")
    return max(1, int(there["GPU"] / gpus if gpus else there.get("CPU", 1)))


@contextmanager
def _hushed() -> Iterator[None]:
    """Keep off both outputs what Ray's threads and libraries say there, beside the logs that it keeps.

    Its threads print text to standard output, where ours goes as bytes; its libraries write to the number of
    standard error.
    """
    out, err = sys.stdout, sys.stderr
    number = os.dup(2)
    if out is not None:
        sys.stdout = cast(TextIO, _BytesOnly(out))
    if err is sys.__stderr__:
        sys.stderr = os.fdopen(os.dup(number), "w", encoding="utf-8", errors="backslashreplace")
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(number, 2)
        os.close(number)
        sys.stdout, sys.stderr = out, err


class _BytesOnly:
    def __init__(self, real: TextIO) -> None:
        self._real = real

    def write(self, text: str) -> int:
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)
