"""What a training will need, in whichever phase, looked for before its first step."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path

import torch

from nic_cli.errors import NicError, UsageError
from nic_cli.losses.perceptual import Distance
from nic_cli.storage.printable import printable
from nic_cli.train.adversary import Adversarial, Adversary
from nic_cli.train.data import SMALLEST, files
from nic_cli.train.distributed import ProcessGroup
from nic_cli.train.imported_decoder import Imported
from nic_cli.train.initialisation import taken
from nic_cli.train.journal import check_board
from nic_cli.train.recipe import Given, Recipe
from nic_cli.train.validation import pictures
from nic_cli.transform import parameters
from nic_cli.transform.config import ModelConfig
from nic_cli.transform.network import Network
from nic_cli.zoo.directories import checked_name
from nic_cli.zoo.load import folder_of
from nic_cli.zoo.registry import WEIGHTS

STATES = 3  # the newest, that from before the decay, and one that is being written
NUMBERS, OF_CRITICS = 4, 3  # in a state for each parameter: itself, its average, moments; float32


class NotReady(UsageError):
    """Several things are missing. lines: one for each, which says how to get it."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines


def check(recipe: Recipe, work: Path, device: str) -> None:
    """Look for all that all phases need: weights, models, pictures, packages, GPUs, disk space.

    Whether pictures are large enough is only known when they are read. Raises the one error there is, or
    NotReady.
    """
    missing: list[NicError] = []
    with _noting(missing):
        checked_name(recipe.model.name)
    network = None
    with _noting(missing):
        network = taken(recipe, "cpu")
    for name, given in (("perceptual", recipe.perceptual), ("judge", recipe.judge)):
        with _noting(missing, f"[{name}] "):
            if given.network:
                Distance(given, "cpu")
    critics = _critics(recipe, network, missing)
    for path in (*recipe.data.paths, *recipe.data.validation):
        if not Path(path).exists():
            missing.append(UsageError(f"{printable(path)}: no such folder of pictures: check the path"))
    with _noting(missing):
        next(files(recipe.data.paths))
    with _noting(missing, "[data] validation: "):
        if recipe.data.validation and next(pictures(recipe), None) is None:
            raise UsageError(f"no picture of at least {SMALLEST} pixels a side")
    with _noting(missing):
        if recipe.schedule.tensorboard:
            check_board()
    with _noting(missing):
        _check_devices(device)
    with _noting(missing):
        _check_space(work, _bytes(recipe, network, critics))
    lines = list(dict.fromkeys(map(str, missing)))
    if len(lines) > 1:
        raise NotReady(lines)
    if missing:
        raise missing[0]


@contextmanager
def _noting(missing: list[NicError], where: str = "") -> Iterator[None]:
    try:
        yield
    except NicError as error:
        missing.append(type(error)(f"{where}{error}"))


def _critics(recipe: Recipe, network: Network | Imported | None, missing: list[NicError]) -> int:
    """Make the critics of each phase once; the parameters of the largest set."""
    config = recipe.model if network is None else network.config
    seen: list[Adversarial] = []
    most = 0
    for phase in recipe.phases:
        given = phase.adversarial
        if given is None or given in seen or isinstance(config, Given):
            continue
        seen.append(given)
        with _noting(missing, f"phase {phase.name!r}: "):
            players = Adversary(given, config.latent, config.q_top, ProcessGroup())
            most = max(most, sum(p.numel() for p in players.critics.parameters()))
    return most


def _check_devices(device: str) -> None:
    """The GPUs that the processes on this machine want, one each."""
    wanted, there = int(os.environ.get("LOCAL_WORLD_SIZE", "1")), torch.cuda.device_count()
    if device.startswith("cuda") and wanted > there:
        raise UsageError(f"{wanted} processes want a GPU each, of {there}: --nproc-per-node {there}")


def _bytes(recipe: Recipe, network: Network | Imported | None, critics: int) -> int:
    """What a run leaves in its work folder at most, in bytes."""
    if isinstance(network, Imported):
        learning = sum(p.numel() for p in network.parameters())
        model = (folder_of(recipe.init) / WEIGHTS).stat().st_size
    elif isinstance(recipe.model, ModelConfig):
        shapes = (*parameters.floats(recipe.model).values(), *parameters.integers(recipe.model).values())
        learning = sum(map(prod, shapes))
        model = 2 * learning
    else:
        return 0  # the model that would tell is missing
    states = STATES * (NUMBERS * learning + OF_CRITICS * critics)
    return 4 * (states + learning + critics) + 2 * model


def _check_space(work: Path, needed: int) -> None:
    """Whether a work folder can be written to, and has room beside what an earlier run left there."""
    there = work
    while not there.exists() and there != there.parent:
        there = there.parent
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
        free = shutil.disk_usage(there).free
    except OSError as error:
        said = f"{printable(work)}: cannot be written to: {error.strerror or error}"
        raise UsageError(f"{said}: name another --work") from None
    free += sum(path.stat().st_size for path in work.glob("*.safetensors"))
    if free < needed:
        said = f"{free / 1e9:.2f} GB free, checkpoints and model take up to {needed / 1e9:.2f} GB"
        raise UsageError(f"{printable(work)}: {said}: make room, or name another --work")
