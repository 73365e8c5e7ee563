"""From a trained network to a model folder: coding tables counted, integers proved, halves written."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nic_cli.entropy.tables import TOTAL, Tables, from_probabilities, gaussian, pack_tables
from nic_cli.train.data import Pool
from nic_cli.train.imported_decoder import Imported
from nic_cli.train.recipe import PARTS, SHOWING, Given, Recipe
from nic_cli.transform.conditioning import tie
from nic_cli.transform.config import WORLD
from nic_cli.transform.native import Native
from nic_cli.transform.network import Network
from nic_cli.zoo.load import Model, folder_of
from nic_cli.zoo.model_folder import Parts, read_folder, write_folder

if TYPE_CHECKING:
    from nic_cli.zoo.research_folder import ResearchParts

TABLED = ("q_top", "scales", "scale_low", "scale_high", "skip")  # what tables are made for
Counts: TypeAlias = NDArray[np.float64]

CODED_Z = 40  # values of z to each side that have an entry; the rest escape
LIMIT = 640  # values to each side that are counted: the widest table of r fits in
COUNTS, CROP = 100, 512
PRIOR_Z, PRIOR_R = 32, 1024
"""Values that the assumed distributions count for beside those seen, so that no value gets a
probability of zero; tables of r are wider and smoother, and theirs is the better guess."""


def export(
    network: Network | Imported,
    weights: dict[str, Tensor],
    pool: Pool,
    folder: Path,
    *,
    realism: float = 0.0,
    crops: int = COUNTS,
    tables: Tables | None = None,
    trained: Iterable[str] = PARTS,
) -> None:
    """Write a model folder with these weights.

    realism: the highest b that was trained; all above give what it gives, in the parts that were
    `trained`. tables: None for some that are counted on training crops, so many.
    """
    if isinstance(network, Imported):
        network.export(weights, folder)
        return
    averaged = _with(network, weights, realism, trained)
    if tables is None:
        tables = coding_tables(averaged, _counts(averaged, pool, crops, realism))
    write_folder(folder, averaged, tables)


def kept_tables(recipe: Recipe) -> Tables | None:
    """The tables of the model that is trained on, where only its synthesis is: so its files stay its own."""
    if not recipe.init or isinstance(recipe.model, Given) or recipe.trained - SHOWING:
        return None
    parts = read_folder(folder_of(recipe.init))
    return parts.tables if isinstance(parts, Parts) and keeps_id(recipe, parts) else None


def keeps_id(recipe: Recipe, parts: Parts | ResearchParts) -> bool:
    """Whether what comes of the model with these parts decodes its files, and the other way round."""
    if isinstance(recipe.model, Given) or not isinstance(parts, Parts):
        return True  # of an imported model the decoder alone is trained
    same = all(getattr(recipe.model, name) == getattr(parts.config, name) for name in TABLED)
    return same and not recipe.trained - SHOWING


def snapshot(
    network: Network | Imported,
    weights: dict[str, Tensor],
    device: str,
    *,
    realism: float = 0.0,
    tables: Tables | None = None,
    trained: Iterable[str] = PARTS,
) -> Model:
    """A model ready to code with these weights, in memory, to measure real files while training.

    tables: None for the distributions that training assumes. trained: as of `export`.
    """
    if isinstance(network, Imported):
        return network.snapshot(weights, device)
    averaged = _with(network, weights, realism, trained).cpu()
    tables = coding_tables(averaged) if tables is None else tables
    integers = averaged.scales.integers()
    return Model(
        network.config.name,
        bytes(8),
        network.config,
        tables,
        device,
        lambda device: Native(averaged, integers, device),
    )


def _with(network: Network, weights: dict[str, Tensor], realism: float, trained: Iterable[str]) -> Network:
    """A copy of the network with other weights, in the precision that ships."""
    averaged = copy.deepcopy(network)
    with torch.no_grad():
        for name, p in averaged.named_parameters():
            p.copy_(weights[name] if name.startswith("scales.") else weights[name].half())
    tied(averaged, realism, trained)
    return averaged


def tied(network: Network | Imported, top: float, parts: Iterable[str]) -> None:
    """`tie` in the parts that are trained: what others make of higher realisms stays."""
    for part in parts:
        if hasattr(network, part):
            tie(getattr(network, part), top)


def coding_tables(network: Network, counts: Counts | None = None) -> Tables:
    """One table for each scale of r, then one for each anchor of q and channel of z.

    counts: [tables, 2 LIMIT + 1], how often each table met each value; None for the distributions
    that training assumes: Gaussians for r, logistics for z. Counting r saves 0.1 % of the bytes at the
    lowest q and 0.25 % at 4.5.
    """
    config = network.config
    sigmas = network.sigma(torch.arange(config.scales, dtype=torch.float64)).tolist()
    tables = [(0, np.array([TOTAL], np.uint32))] * config.skip  # of one entry: these are not coded
    for index, sigma in enumerate(sigmas[config.skip :], config.skip):
        low, frequencies = gaussian(sigma)
        seen = None if counts is None else counts[index] + counts[index, ::-1]  # r has no sign to prefer
        tables.append(_mixed(low, frequencies[:-1] / TOTAL, PRIOR_R, seen))
    for channel, expected in enumerate(_expected(network).reshape(-1, 2 * CODED_Z + 1), config.scales):
        seen = None if counts is None else counts[channel]
        tables.append(_mixed(-CODED_Z, expected, PRIOR_Z, seen))
    return pack_tables(tables)


def _mixed(low: int, expected: Counts, weight: float, seen: Counts | None) -> tuple[int, NDArray[np.uint32]]:
    """The table from `low` on of what is expected, as if `weight` values of it had been seen besides."""
    if seen is None:
        return from_probabilities(low, expected / max(expected.sum(), 1.0))
    inside = seen[LIMIT + low : LIMIT + low + expected.size]
    return from_probabilities(low, (inside + weight * expected) / (seen.sum() + weight))


def _counts(network: Network, pool: Pool, crops: int, realism: float) -> Counts:
    """[tables, 2 LIMIT + 1]: how often each table meets each value, all q and b alike."""
    config = network.config
    native = Native(copy.deepcopy(network).cpu(), network.scales.integers(), "cpu")
    wide = 2 * LIMIT + 1
    counts = np.zeros((config.scales + config.q_anchors * config.hyper) * wide)
    random, draw = torch.Generator(pool.device).manual_seed(7), np.random.default_rng(7)
    step = config.q_top / (config.q_anchors - 1)
    side = min(CROP, pool.largest // WORLD * WORLD)
    for crop in pool.crops(crops, side, random).cpu().numpy():
        b = float(draw.uniform(0, realism))
        y = torch.cat(list(native.analyse([crop.astype(np.float32) / 255], 0.0, b)), 1)
        for anchor in range(config.q_anchors):
            q = float(np.clip((anchor + draw.uniform(-0.5, 0.5)) * step, 0, config.q_top))
            symbols = native.quantise(y, q, b)
            for tables, values in symbols.parts:
                kept = (tables >= config.skip) & (np.abs(values) <= LIMIT)
                places = tables[kept].astype(np.intp) * wide + values[kept] + LIMIT
                counts += np.bincount(places, minlength=counts.size)
    return counts.reshape(-1, wide)


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
