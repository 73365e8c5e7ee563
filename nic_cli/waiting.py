"""How torch's threads wait, which has to be said before torch is loaded: asleep where others are at work."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

SPINS = {"GOMP_SPINCOUNT": "1000"}
"""What torch's threads do while they wait beside other work, read when it is loaded: look a thousand times,
then sleep. By default they look 300,000 times.

Beside one other busy thread that took 33 seconds of the processors for what takes 14, and 1.9 times as long;
on an idle machine sleeping takes a tenth longer (torch 2.13 in float32, 1080p, encoding and decoding: 0.51
and 1.43 s, 0.47 and 1.22 s by default).
"""


def import_torch() -> None:
    """Load torch, with `SPINS` where others are at work, unless the user has said how threads wait."""
    if "torch" in sys.modules or os.environ.keys() & {"OMP_WAIT_POLICY", *SPINS} or not _others_work():
        return
    os.environ.update(SPINS)
    try:
        import torch  # noqa: F401
    finally:
        for name in SPINS:
            del os.environ[name]


def _others_work() -> bool:
    """Whether threads of others want the processors at this moment; so too where that cannot be asked."""
    try:
        running = int(Path("/proc/loadavg").read_text("ascii").split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return True
    return running > threading.active_count()
