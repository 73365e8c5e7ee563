"""What this machine has to compute with, as far as that can be told without torch."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path


def has_cuda_driver() -> bool:
    """Whether torch is worth asking for a GPU of NVIDIA: a driver is there, and a torch that may use it."""
    root = os.environ.get("SystemRoot", "C:\\Windows")
    windows = sys.platform == "win32" and Path(root, "System32", "nvcuda.dll").exists()
    if not (windows or Path("/dev/nvidiactl").exists() or Path("/dev/dxg").exists()):
        return False
    try:
        return not metadata.version("torch").endswith("+cpu")
    except metadata.PackageNotFoundError:
        return False
