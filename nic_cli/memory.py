"""How much memory coding takes, how much this process may have, and what is done where that is too little."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from nic_cli.limits import PLAIN, WHOLE

try:
    import resource as _resource

    resource: Any = _resource
except ImportError:  # Windows
    resource = None

MB = 10**6
GROUP = Path("/sys/fs/cgroup")
GROUPS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
"""Limit and use, in version 2 and in version 1."""

FINEST = 64
LITTLE = 8  # times fewer rows from the start, where memory is short

T = TypeVar("T")


def with_less_memory(work: Callable[[int], T], warn: Callable[[str], None], needs: int = 0) -> T:
    """Do `work`, which takes so many times fewer rows at a time as it is told: 1, then 2, up to 64.

    needs: bytes that it takes, about; where whoever gives memory would sooner end the process than give so
    much, it begins with an eighth of the rows. Says so once. Raises whatever `work` raises, lack of memory at
    last too.
    """
    limit, divisor = left(), 1
    if limit is not None and limit[0] + resident() < needs:
        warn(f"{limit[1]}, which is little for this: going on with fewer rows at a time")
        divisor = LITTLE
    told = divisor > 1
    while True:
        try:
            return work(divisor)
        except Exception as error:
            if not is_out_of_memory(error) or divisor == FINEST:
                raise
        if not told:  # outside, where what the failed work held is free
            warn("not enough memory: going on with fewer rows at a time")
            told = True
        divisor *= 2


def for_coding(width: int, height: int, bytes_a_pixel: int, whole: int | None = None) -> int:
    """Bytes of memory that decoding a picture to a file takes, about; encoding it takes less.

    whole: pixels of the picture that this is a part of. Measured with the embedded model and torch 2.13 on
    Linux, for 0.4 to 96 megapixels.
    """
    pixels = width * height
    if (whole or pixels) <= PLAIN:
        return 120 * MB + 150 * min(pixels, MB // 2) + 14 * bytes_a_pixel * pixels
    if pixels <= WHOLE:
        return 580 * MB + 3 * bytes_a_pixel * pixels + 7000 * width
    return 680 * MB + 9000 * width


def left() -> tuple[int, str] | None:
    """Bytes that this process may still take before it is ended, and the limit in words; None: not known."""
    return min((limit for limit in (_control_group(), _machine()) if limit is not None), default=None)


def resident() -> int:
    """Bytes of memory that this process takes; 0 where that is not said."""
    try:
        return _line(Path("/proc/self/status"), "VmRSS")
    except (OSError, ValueError):
        return 0


def shortage() -> str:
    """What to do where memory ran out, in a line that names the closest limit."""
    found = [limit for limit in (_address_space(), left()) if limit is not None]
    where = f" ({min(found)[1]})" if found else ""
    return (
        f"not enough memory{where}: allow more, close other programs, or try --threads 1 or a smaller picture"
    )


def is_limited() -> bool:
    """Whether the system holds this process to less memory than the machine has."""
    return _address_space() is not None or _control_group() is not None


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether memory ran out, of the machine or of the GPU."""
    # torch is told apart by name and words: importing it here would cost every command seconds.
    words = ("can't allocate memory", "out of memory", "can't start new thread")
    named = type(error).__name__ == "OutOfMemoryError"
    spoken = isinstance(error, RuntimeError) and any(part in str(error) for part in words)
    if isinstance(error, RuntimeError) and "could not create a primitive" in str(error):
        spoken = is_limited()  # oneDNN says no more than that when it is given no pages for its code
    if isinstance(error, ImportError | OSError) and "failed to map segment" in str(error):
        spoken = is_limited()  # a library did not fit; on other grounds where nothing limits it
    turned = isinstance(error.__cause__, MemoryError)  # by a reader, into a line about its picture
    return isinstance(error, MemoryError) or turned or named or spoken


def address_space() -> int | None:
    """Bytes of addresses that `ulimit -v` leaves; None where it sets no limit."""
    if resource is None or (most := resource.getrlimit(resource.RLIMIT_AS)[0]) == resource.RLIM_INFINITY:
        return None
    try:
        return int(most) - _line(Path("/proc/self/status"), "VmSize")
    except (OSError, ValueError):
        return None


def _address_space() -> tuple[int, str] | None:
    room = address_space()
    if room is None:
        return None
    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    return room - 600 * MB, f"ulimit -v allows {_mb(most)}"  # libraries reserve so much, and touch none of it


def _control_group() -> tuple[int, str] | None:
    """Of version 2 or 1, as a container sees its own."""
    for limit, used in GROUPS:
        try:
            most, taken = (int((GROUP / name).read_text("ascii")) for name in (limit, used))
        except (OSError, ValueError):  # not there, or "max"
            continue
        if most < 1 << 60:  # version 1 has no word for "no limit"
            return most - taken, f"the control group allows {_mb(most)}"
    return None


def _machine() -> tuple[int, str] | None:
    try:
        there = _line(Path("/proc/meminfo"), "MemAvailable")
        return there, f"the machine has {_mb(there)} free"
    except (OSError, ValueError):
        return None


def _mb(n_bytes: int) -> str:
    return f"{n_bytes // MB:,} MB"


def _line(path: Path, name: str) -> int:
    """Bytes that a line of a file of Linux says in kB."""
    for line in path.read_text("ascii").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) << 10
    raise ValueError(name)
