"""The metrics that need what does not come with the program: packages, weights, another program.

Each gives its function, or raises UsageError in one line that says what is missing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nic_cli.errors import UsageError
from nic_cli.extras import adding

if TYPE_CHECKING:
    from nic_cli.metrics import Measure, SetMetric

SQUEEZENET = "NIC_BENCH_SQUEEZENET"  # environment variables: the paths of these networks' weights
ALEXNET = "NIC_BENCH_ALEXNET"


def _weights(whose: str, variable: str, file: str) -> Path:
    """Where the weights of a network lie, as the environment says."""
    if path := os.environ.get(variable):
        return Path(path)
    raise UsageError(f"{whose}: set {variable} to {file}")


def _squeezenet() -> Path:
    return _weights("perceptual metrics", SQUEEZENET, "the safetensors file of SqueezeNet 1.0")


def ssimulacra2() -> Measure:
    """By the package of that name."""
    try:
        from nic_cli.metrics.ssimulacra2 import ssimulacra2
    except ImportError as error:
        need = f"metric 'ssimulacra2' needs the package ssimulacra2: {adding('bench')}"
        raise UsageError(f"{need} ({error})") from None
    return ssimulacra2


def butteraugli() -> Measure:
    """By libjxl's program."""
    from nic_cli.metrics.butteraugli import Butteraugli

    return Butteraugli()


def cvvdp() -> Measure:
    """By the package of that name."""
    try:
        from nic_cli.metrics.cvvdp import VisibleDifference
    except (ImportError, RuntimeError) as error:  # RuntimeError: its torchvision is for another torch
        need = "metric 'cvvdp' needs the package cvvdp and torchvision for this torch: pip install cvvdp"
        raise UsageError(f"{need} ({str(error).splitlines()[0]})") from None
    return VisibleDifference()


def st_lpips() -> Measure:
    """With the weights of the package stlpips-pytorch."""
    from nic_cli.metrics.st_lpips import ShiftTolerant

    return ShiftTolerant()


def lpips() -> Measure:
    """With AlexNet from a file and the rest from the package lpips."""
    path = _weights("metric 'lpips'", ALEXNET, "torchvision's file of AlexNet, alexnet-owt-7be5be79.pth")
    from nic_cli.metrics.lpips import Lpips

    return Lpips(path)


def perceptual() -> Measure:
    """With SqueezeNet from a file."""
    path = _squeezenet()
    from nic_cli.metrics.perceptual import Perceptual

    return Perceptual(path)


def kid() -> SetMetric:
    """With the same."""
    path = _squeezenet()
    from nic_cli.metrics.kid import PatchKid

    return PatchKid(path)
