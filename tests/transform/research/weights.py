"""Weights that anybody can rebuild: each follows from its name and shape, no random generator takes part.

The originals of the four systems were run with these (meaningless, well-behaved) numbers; what they gave
lies in `vectors`. SHA-256 of "seed:name" starts a SplitMix64 sequence; its upper 24 bits make a uniform
variable u of mean 0 and variance 1; a tensor is `mean + gain u`. Rules say mean and gain by name, the first
that matches counts; a gain given as text is divided by the root of the inputs of an output.
"""

from __future__ import annotations

import hashlib
import re

import numpy as np
import torch


def _level(*values):
    return lambda shape: np.array(values, np.float32).reshape(-1, *(1,) * (len(shape) - 1))


def _gain(*values):
    return _level(*(np.log(np.exp(v) - 1) for v in values))


def _row(*values):
    return lambda shape: np.array(values, np.float32)


FACTORISED = [
    (r"\.quantiles$", _row(-12.3, 0.0, 11.6), 0.7),
    (r"\._matrix[0-3]$", -1.1, 0.3),
    (r"\._matrix4$", 0.4, 0.3),
    (r"\._factor\d$", 0.0, 0.5),
    (r"\._bias\d$", 0.0, 0.4),
]
RULES = {
    "crdr": [
        *FACTORISED,
        (r"encoder\.interp_ca_list\.8\.weight$", _gain(0.6, 0.8, 1.1, 1.5, 2.1), 0.3),
        (r"decoder\.interp_ca_list\.0\.weight$", _gain(1.6, 1.2, 0.9, 0.67, 0.48), 0.3),
        (r"\.interp_ca_list\..*weight$", _gain(1, 1, 1, 1, 1), 0.35),
        (r"\.interp_ca_list\.", 0.0, 0.08),
        (r"^encoder\.(.*\.)?conv1\.weight$", 0.0, "1.8"),
        (r"^encoder\..*\.conv\.4\.weight$|^encoder\..*\.c3\.weight$", 0.0, "0.5"),
        (r"^encoder\.attn.*\.conv\.weight$", 0.0, "1.0"),
        (r"^encoder\.(.*\.)?conv4\.weight$", 0.0, "1.1"),
        (r"^encoder\.conv.*\.weight$", 0.0, "0.7"),
        (r"^decoder\.mlp\.[02]\.weight$", 0.0, "1.4"),
        (r"\.proj_\d\.weight$", 0.0, "0.35"),
        (r"^decoder\..*\.conv\.4\.weight$|^decoder\..*\.c3\.weight$", 0.0, "0.5"),
        (r"^decoder\.attn.*\.conv\.weight$", 0.0, "1.0"),
        (r"^decoder\.conv4\.weight$", 0.0, "0.013"),
        (r"^decoder\.conv.*\.weight$", 0.0, "1.4"),
        (r"^hyperencoder\.conv1\.weight$", 0.0, "1.0"),
        (r"^hyperencoder\.conv3\.weight$", 0.0, "2.2"),
        (r"^hyperencoder\..*\.weight$", 0.0, "1.4"),
        (r"^hyperdecoder\..*\.conv3\.weight$", 0.0, "1.5"),
        (r"^hyperdecoder\..*\.weight$", 0.0, "2.6"),
        (r"^context_model\.scale.*\.model\.4\.bias$", 2.6, 1.3),
        (r"^context_model\..*\.model\.4\.weight$", 0.0, "1.0"),
        (r"\.weight$", 0.0, "1.2"),
        (r"\.bias$", 0.0, 0.05),
    ],
    "qvrf": [
        *FACTORISED,
        (r"^Gain$", _row(1.0, 1.45, 1.9, 2.6, 3.6, 5.0, 7.0, 9.6), 0.04),
        (r"gdn\.beta$", 1.0, 0.15),
        (r"gdn\.gamma$", lambda shape: np.float32(0.3) * np.eye(shape[0], dtype=np.float32), 0.02),
        (r"^g_a\.7\.weight$", 0.0, "1.5"),
        (r"^g_s\.9.*\.weight$", 0.0, "0.1"),
        (r"^g_s\.9\.0\.bias$", 0.5, 0.05),
        (r"^g_s\..*\.subpel_conv\.0\.weight$", 0.0, "0.4"),
        (r"^g_s\..*\.upsample\.0\.weight$", 0.0, "0.5"),
        (r"^g_s\..*\.conv\.weight$", 0.0, "1.0"),
        (r"^g_.*\.conv\.4\.weight$", 0.0, "0.5"),
        (r"^g_.*\.conv2\.weight$", 0.0, "0.7"),
        (r"^h_s\..*\.weight$", 0.0, "1.6"),
        (r"^h_a\..*\.weight$", 0.0, "1.25"),
        (r"^entropy_parameters\.4\.weight$", 0.0, "0.4"),
        (r"^entropy_parameters\.4\.bias$", lambda s: np.repeat(np.float32([1.6, 0]), s[0] // 2), 0.8),
        (r"\.weight$", 0.0, "1.2"),
        (r"\.bias$", 0.0, 0.05),
    ],
    "hific": [
        (r"^Encoder\.conv_block_out\.1\.weight$", 0.0, "4.0"),
        (r"^Hyperprior\.analysis_net\.conv3\.weight$", 0.0, "1.4"),
        (r"^Hyperprior\.synthesis_mu\.conv3\.weight$", 0.0, "0.6"),
        (r"^Hyperprior\.synthesis_std\.conv3\.weight$", 0.0, "0.8"),
        (r"^Hyperprior\.synthesis_std\.conv3\.bias$", 2.6, 1.2),
        (r"^Hyperprior\..*\.weight$", 0.0, "1.6"),
        (r"^Generator\.conv_block_out\.1\.weight$", 0.0, "0.42"),
        (r"^Generator\.conv_block_out\.1\.bias$", 0.4, 0.05),
        (r"\.weight$", 0.0, "1.4"),
        (r"\.gamma$", 1.0, 0.2),
        (r"\.beta$", 0.0, 0.2),
        (r"\.H_3$", 0.3, 0.3),
        (r"\.H_\d$", -1.2, 0.3),
        (r"\.a_\d$", 0.0, 0.5),
        (r"\.b_\d$", 0.0, 0.4),
        (r"\.bias$", 0.0, 0.1),
    ],
    "msillm": [
        *FACTORISED,
        (r"^encoder\.blocks\.5\.weight$", 0.0, "4.5"),
        (r"^hyper_analysis\.4\.weight$", 0.0, "1.4"),
        (r"^hyper_synthesis_mean\.4\.weight$", 0.0, "0.6"),
        (r"^hyper_synthesis_scale\.4\.weight$", 0.0, "0.8"),
        (r"^hyper_synthesis_scale\.4\.bias$", 2.2, 1.0),
        (r"^hyper_.*\.weight$", 0.0, "1.6"),
        (r"^decoder\.blocks\.4\.weight$", 0.0, "0.35"),
        (r"^decoder\.blocks\.4\.bias$", 0.4, 0.05),
        (r"\.weight$", 0.0, "1.4"),
        (r"\.gamma$", 1.0, 0.2),
        (r"\.beta$", 0.0, 0.2),
        (r"\.bias$", 0.0, 0.1),
    ],
}


def uniform(name: str, count: int, seed: int = 0) -> np.ndarray:
    """[count] float32 of mean 0 and variance 1."""
    start = np.uint64(int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "little"))
    step, one, two = (np.uint64(v) for v in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
    found = np.empty(count, np.float32)
    with np.errstate(over="ignore"):
        for low in range(0, count, 1 << 20):
            x = start + np.arange(low + 1, min(count, low + (1 << 20)) + 1, dtype=np.uint64) * step
            x = (x ^ (x >> np.uint64(30))) * one
            x = (x ^ (x >> np.uint64(27))) * two
            x ^= x >> np.uint64(31)
            part = (x >> np.uint64(40)).astype(np.float64)
            found[low : low + len(x)] = ((part + 0.5) / 2**24 - 0.5) * (2 * 3**0.5)
    return found


def tensor(kind: str, name: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """One tensor of a system."""
    mean, gain = next((m, g) for pattern, m, g in RULES[kind] if re.search(pattern, name))
    if isinstance(gain, str):
        gain = float(gain) / float(np.sqrt(np.prod(shape[1:])))
    centre = mean(shape) if callable(mean) else np.float32(mean)
    return (centre + np.float32(gain) * uniform(name, int(np.prod(shape)), seed).reshape(shape)).astype(
        np.float32
    )


def state(kind: str, system: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights for all parameters of a system."""
    return {n: torch.from_numpy(tensor(kind, n, tuple(p.shape))) for n, p in system.named_parameters()}
