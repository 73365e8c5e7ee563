"""Does this machine do the integers of a model as they are meant? Asked once for each load.

The model file carries the digest of what its scale network gives for a fixed input. A device
whose floats fail it is given wider ones, and told so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import torch
from torch import Tensor

from nic_cli.errors import ModelError
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.scale_network import Z_LIMIT, Integers


def probe(config: ModelConfig) -> Tensor:
    """A fixed input [1, 8, 8, hyper] for self-tests: small values, and some at the clamps."""
    count = torch.arange(64 * config.hyper)
    spread = (count * 2654435761 % 4294967296) // 65536 % 15 - 7
    edge = torch.where(count % 2 == 0, Z_LIMIT, -Z_LIMIT)
    return torch.where(count % 97 == 0, edge, spread).reshape(1, 8, 8, config.hyper)


def digest(integers: Integers, config: ModelConfig) -> Tensor:
    """SHA-256 of the indices of the probe at three rates, as 32 bytes."""
    found = hashlib.sha256()
    for q in (0.0, config.q_top / 2 + 0.125, config.q_top):
        found.update(integers(probe(config), q).cpu().to(torch.uint8).numpy().tobytes())
    return torch.frombuffer(bytearray(found.digest()), dtype=torch.uint8)


def carried(
    integers: Integers, config: ModelConfig, expected: Tensor, device: str, warn: Callable[[str], None]
) -> Integers:
    """The network on the first arithmetic that passes the self-test of the model file.

    float32 on the device, float64 there, float64 on the CPU; `warn` is told of each that fails,
    ModelError raised when none gives the digest.
    """
    tries = [(torch.float32, device), (torch.float64, device), (torch.float64, "cpu")]
    for dtype, place in tries:
        if dtype == torch.float64 and place == "mps":
            continue
        candidate = integers.to(dtype, place)
        if torch.equal(digest(candidate, config), expected):
            return candidate
        warn(f"integer arithmetic in {dtype} on {place} is not exact here; trying another")
    raise ModelError(f"the self-test of model {config.name} fails on this machine: its weights are damaged")
