"""Blocks of positions on all threads, each block by one of them and in one way whatever their number."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any

import numpy as np

from nic_cli import memory

CRAMPED = 160_000_000  # bytes of address space
_set: list[int] = []  # what `set_threads` was given last


def set_threads(count: int | None) -> None:
    """Take so many threads from here on, as --threads asks; None for what the machine has."""
    _set[:] = [] if count is None else [count]


def threads() -> int:
    """How many threads share the work: as many as torch would take."""
    if _set:
        return _set[0]
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    if _cramped():
        return 1
    there = getattr(os, "sched_getaffinity", None)
    return len(there(0)) if there else os.cpu_count() or 1


@lru_cache(maxsize=1)
def _cramped() -> bool:
    """Whether `ulimit -v` leaves so little that a product in a second thread would end the process.

    OpenBLAS 0.3 takes 32 MB for each thread that multiplies, and goes on without where it gets none.
    """
    room = memory.address_space()
    return room is not None and room < CRAMPED


def run(work: Callable[[int], None], count: int) -> None:
    """Call work(0) to work(count - 1), in any order and at once as far as there are threads."""
    helpers = min(threads(), count) - 1
    waiting = deque(range(count))

    def drain() -> None:
        while waiting:
            try:
                number = waiting.popleft()
            except IndexError:  # another thread took the last one
                return
            work(number)

    with one_thread_a_product():
        others: list[Future[None]] = []
        try:
            with suppress(RuntimeError):  # where there is no room for another thread, fewer do it
                while len(others) < helpers:
                    others.append(_pool(helpers).submit(drain))
            drain()
        finally:
            waiting.clear()
            for other in others:
                other.result()


@lru_cache(maxsize=2)
def _pool(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count, "nic")


class Buffers(threading.local):
    """Arrays that a thread uses again from one block to the next."""

    def __init__(self) -> None:
        self._held: dict[tuple[Any, ...], Any] = {}

    def __call__(self, name: str, *shape: int, kind: Any = np.float32) -> Any:
        """An array of this shape, whose values are whatever was left in it."""
        key = name, shape, kind
        if key not in self._held:
            self._held[key] = np.empty(shape, kind)
        return self._held[key]


# -- the library of products ---------------------------------------------------------------------
# numpy's wheels bring OpenBLAS 0.3, which shares each product among threads of its own. For products of
# so few positions that costs more than it saves: two threads did 60 G operations a second in place of 111
# with one a product and two of ours (numpy 2.4.6, Emerald Rapids). numpy itself has no function for that.

_lock = threading.Lock()
_users = [0, 0]  # how many are in `run`, and how many threads there were before


def _after_fork() -> None:
    """A child has none of its parent's threads, nor knows who held the lock."""
    global _lock
    _lock = threading.Lock()
    _users[0] = 0
    _pool.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def one_thread_a_product() -> Iterator[None]:
    """Have numpy's library take one thread for a product, for as long as anyone is in here.

    Threads of its own wait by looking: beside other work a picture of 64 x 64 took 1.6 s in place of 0.05.
    """
    library = _openblas()
    if library is None:
        yield
        return
    get, put = library
    with _lock:
        if not _users[0]:
            _users[1] = get()
            put(1)
        _users[0] += 1
    try:
        yield
    finally:
        with _lock:
            _users[0] -= 1
            if not _users[0]:
                put(_users[1])


@lru_cache(maxsize=1)
def _openblas() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """The functions that get and set OpenBLAS's threads; None where numpy has another library."""
    core = next(
        (m for n in ("_core", "core") if (m := sys.modules.get(f"numpy.{n}._multiarray_umath"))), None
    )
    if core is None or not getattr(core, "__file__", None):
        return None
    try:
        library = ctypes.CDLL(core.__file__)  # finds what it was linked with, too
    except OSError:
        return None
    for name in ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_", "openblas_{}_num_threads"):
        get, put = (getattr(library, name.format(verb), None) for verb in ("get", "set"))
        if get is not None and put is not None:
            return get, put
    return None
