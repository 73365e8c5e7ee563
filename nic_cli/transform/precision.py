"""Where bfloat16 is faster than float32: asked of the processor, never timed, to be always the same."""

from __future__ import annotations

import torch

ASKED = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
"""Of torch.cpu, private: they may go. A processor without either computes bfloat16 convolutions in software,
150 times slower than float32 (torch 2.13, AVX2 alone)."""


def precision(device: str) -> torch.dtype:
    """What the deep layers are best computed in on a device: bfloat16 where there are units for it.

    A step of the search takes 0.36 of its time in float32 with AMX (Sapphire Rapids), and with AVX512_BF16
    the synthesis 0.47 (Zen 4).
    """
    if device == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        fast = device == "cpu" and any(bool(getattr(torch.cpu, name, bool)()) for name in ASKED)
    return torch.bfloat16 if fast else torch.float32
