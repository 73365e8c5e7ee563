"""Several processes that train one model, as torchrun starts them: one a GPU, or some on a CPU.

Each draws crops of its own; gradients are averaged, so that all make the same step. The first
one keeps the clock, the log and the files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class ProcessGroup:
    """rank: which of `count` processes this is. device: where it computes."""

    rank: int = 0
    count: int = 1
    device: str = "cpu"

    @classmethod
    def join(cls, device: str) -> ProcessGroup:
        """Meet the others if torchrun says that there are any."""
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count == 1:
            return cls(device=device)
        import torch.distributed as dist

        if device.startswith("cuda"):
            device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
            torch.cuda.set_device(device)
        if not dist.is_initialized():
            dist.init_process_group("nccl" if device.startswith("cuda") else "gloo")
        return cls(dist.get_rank(), count, device)

    @property
    def leads(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def average(self, tensors: list[Tensor]) -> None:
        """Replace tensors by their mean over all processes."""
        if self.count == 1:
            return
        import torch.distributed as dist

        flat = torch.cat([t.reshape(-1) for t in tensors])
        dist.all_reduce(flat)
        flat /= self.count
        for tensor, part in zip(tensors, torch.split(flat, [t.numel() for t in tensors]), strict=True):
            tensor.copy_(part.reshape(tensor.shape))

    def agree(self, *values: float) -> list[float]:
        """What the first process says."""
        if self.count == 1:
            return list(values)
        import torch.distributed as dist

        said = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.broadcast(said, 0)
        return said.tolist()
