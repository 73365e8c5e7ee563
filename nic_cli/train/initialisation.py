"""Where training starts: a model there is, or linear skips that are principal components.

Those of 16x16 squares of photographs are worth 26 % of the rate in short trainings, and make
gradients ten times calmer.
"""

from __future__ import annotations

from dataclasses import fields
from typing import cast

import torch

from nic_cli.errors import UsageError
from nic_cli.train.data import Pool
from nic_cli.train.imported_decoder import Imported
from nic_cli.train.recipe import IMPORTED, Given, Recipe
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.layer_order import unshuffle
from nic_cli.transform.low_rank import is_low_rank
from nic_cli.transform.network import Network
from nic_cli.zoo.load import folder_of
from nic_cli.zoo.model_folder import Parts, read_folder

CROPS, SIDE = 512, 64
# What a model to start from may have otherwise than the recipe: no shape depends on it.
FREE = {"name", "q_top", "scales", "scale_low", "scale_high", "skip"}
ADDED = {"realism_rank", "noise"}  # and what one of the two may lack


def begun(recipe: Recipe, pool: Pool, device: str) -> Network | Imported:
    """The network of a recipe as training finds it. Raises as `taken`."""
    network = taken(recipe, device)
    if network is None:
        network = Network(cast(ModelConfig, recipe.model))
        start_from_components(network, pool)
    return network


def taken(recipe: Recipe, device: str) -> Network | Imported | None:
    """The network of a recipe that starts from a model; None where it starts from nothing.

    Raises ModelError if `init` is not here, UsageError if it is of another kind or shape than said.
    """
    parts = read_folder(folder_of(recipe.init)) if recipe.init else None
    if isinstance(recipe.model, Given):
        if parts is None or isinstance(parts, Parts):
            raise UsageError(f"init = {recipe.init!r} is not an imported model: name one, or give --init")
        return Imported(parts, recipe.model.name, device)
    if parts is None:
        return None
    if not isinstance(parts, Parts):
        said = f'say kind = "{IMPORTED}" in [model], and nothing of its shape'
        raise UsageError(f"init = {recipe.init!r} is a {parts.config.kind} model: {said}")
    if odd := _odd(recipe.model, parts.config):
        raise UsageError(f"init = {recipe.init!r} has another shape than [model]: {odd}")
    network = Network(recipe.model)
    _take(network, parts)
    return network


def _odd(mine: ModelConfig, theirs: ModelConfig) -> str:
    """What keeps one model from starting from another, by name; nothing if nothing does."""
    found = []
    for name in (field.name for field in fields(ModelConfig) if field.name not in FREE):
        here, there = getattr(mine, name), getattr(theirs, name)
        if here != there and not (name in ADDED and 0 in (here, there)):
            found.append(f"{name} is {there} there and {here} here")
    return ", ".join(found)


def _take(network: Network, parts: Parts) -> None:
    """Start from a model; the prior of z starts anew, and so do updates for realism that it does not have."""
    given = {name: torch.from_numpy(t) for name, t in parts.floats.items()}
    with torch.no_grad():
        for name, p in network.named_parameters():
            own = name.startswith(("prior.", "scales.")) or (is_low_rank(name) and name not in given)
            if not own:
                p.copy_(given[name])
        network.scales.take(parts.integers)


def start_from_components(network: Network, pool: Pool) -> None:
    """Set both linear skips to the leading eigenvectors of the covariance of training squares."""
    random = torch.Generator(pool.device).manual_seed(0)
    crops = pool.crops(CROPS, SIDE, random).float() / 255 - 0.5
    squares = unshuffle(unshuffle(crops, 8), 2).reshape(-1, 768).double()
    _, vectors = torch.linalg.eigh(squares.t() @ squares / len(squares))
    leading = vectors.flip(1)[:, : network.config.latent].t().float()  # [latent, 768], largest first
    with torch.no_grad():
        network.analysis.skip.weight.copy_(leading)
        network.synthesis.skip.weight.copy_(leading.t())
