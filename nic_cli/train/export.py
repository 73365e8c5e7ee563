"""From a trained network to a model folder: coding tables counted, integers proved, halves written."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nic_cli.entropy.tables import Tables, from_probabilities, gaussian, pack_tables
from nic_cli.train.data import Pool
from nic_cli.transform.config import WORLD
from nic_cli.transform.exact import Z_LIMIT, Integers, round_
from nic_cli.transform.native import Native
from nic_cli.transform.network import Network
from nic_cli.transform.synthesis import Conditioned
from nic_cli.zoo.folder import read_folder, write_folder
from nic_cli.zoo.load import Model, folder_of

Counts: TypeAlias = NDArray[np.float64]

CODED_Z = 40  # values of z to each side that have an entry; the rest escape
COUNTS, CROP = 400, 256


def export(network: Network, weights: dict[str, Tensor], pool: Pool, folder: Path) -> None:
    """Write a model folder with these weights; the tables of z are counted on training crops."""
    averaged = _with(network, weights)
    write_folder(folder, averaged, coding_tables(averaged, _counts(averaged, pool)))


def snapshot(network: Network, weights: dict[str, Tensor], device: str) -> Model:
    """A model ready to code with these weights, in memory, to measure real files while training."""
    averaged = _with(network, weights).cpu()
    tables = coding_tables(averaged)
    integers = Integers.of(averaged.scales).to(torch.float32, device)
    return Model(
        network.config.name, bytes(8), network.config, Native(averaged, integers, device), tables, device
    )


def _with(network: Network, weights: dict[str, Tensor]) -> Network:
    """A copy of the network with other weights, in the precision that ships."""
    averaged = copy.deepcopy(network)
    with torch.no_grad():
        for name, p in averaged.named_parameters():
            p.copy_(weights[name] if name.startswith("scales.") else weights[name].half())
    for module in averaged.modules():
        if isinstance(module, Conditioned):
            module.alike()  # stage A trains b = 0 only
    return averaged


def coding_tables(network: Network, counts: Counts | None = None) -> Tables:
    """Gaussians for the residuals, then one table for each anchor of q and channel of z.

    counts: [anchors, hyper, 2 CODED_Z + 1] of values of z that were seen; None for the prior of
    training alone.
    """
    config, expected = network.config, _expected(network)
    sigmas = network.sigma(torch.arange(config.scales, dtype=torch.float64)).tolist()
    nothing = (0, np.array([2**24], np.uint32))
    tables = [nothing if i < config.skip else gaussian(sigma) for i, sigma in enumerate(sigmas)]
    # The prior stands for a few values seen, so that no count of zero becomes a probability of zero.
    masses = expected if counts is None else counts + 32 * expected
    for mass in masses.reshape(-1, 2 * CODED_Z + 1):
        tables.append(from_probabilities(-CODED_Z, mass / max(mass.sum(), 1.0)))
    return pack_tables(tables)


@torch.no_grad()
def _counts(network: Network, pool: Pool) -> Counts:
    """[anchors, hyper, 2 CODED_Z + 1]: how often each value of z occurs near each anchor of q."""
    config = network.config
    counts = torch.zeros(config.q_anchors, config.hyper, 2 * CODED_Z + 1, dtype=torch.float64)
    random = torch.Generator(pool.device).manual_seed(7)
    step = config.q_top / (config.q_anchors - 1)
    side = min(CROP, pool.largest // WORLD * WORLD)
    for _ in range(COUNTS // 4):
        x = pool.crops(4, side, random).float() / 255 - 0.5
        y = network.analysis(x, torch.bfloat16)
        for anchor in range(config.q_anchors):
            q = ((anchor - 0.5 + torch.rand(4, generator=random, device=pool.device)) * step).clamp(
                0, config.q_top
            )
            z = round_(network.hyper_analysis(y * network.gains(q)[0])).clamp(-Z_LIMIT, Z_LIMIT)
            entry = (z.clamp(-CODED_Z, CODED_Z) + CODED_Z).long().reshape(-1, config.hyper).cpu()
            seen = torch.nn.functional.one_hot(entry, 2 * CODED_Z + 1).sum(0)
            counts[anchor] += seen.double()
    return counts.numpy()


@torch.no_grad()
def _expected(network: Network) -> Counts:
    """[anchors, hyper, 2 CODED_Z + 1]: the logistic prior of training at each anchor."""
    values = (
        torch.arange(-CODED_Z, CODED_Z + 1)[None, None, :, None]
        .float()
        .expand(-1, -1, -1, network.config.hyper)
    )
    q = torch.linspace(0, network.config.q_top, network.config.q_anchors)
    bits = torch.cat([network.prior.cpu()(values, one[None]) for one in q])
    return torch.exp2(-bits)[:, 0].transpose(1, 2).double().numpy()


def initial(network: Network, name: str) -> None:
    """Start a network from a model folder or an embedded model; the prior of z starts anew."""
    parts = read_folder(folder_of(name))
    with torch.no_grad():
        for key, p in network.named_parameters():
            if not key.startswith(("prior.", "scales.")):
                p.copy_(parts.network.get_parameter(key))
        network.scales.take(parts.integers)
