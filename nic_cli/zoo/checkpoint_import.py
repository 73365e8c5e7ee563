"""`nic models import`: the researchers' own files to a model folder that codes like any other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch

from nic_cli.errors import UsageError
from nic_cli.storage.atomic import put
from nic_cli.transform.research.config import ResearchConfig
from nic_cli.transform.research.engine import Engine
from nic_cli.transform.research.systems import Msillm, System
from nic_cli.zoo.checkpoints import read_checkpoint
from nic_cli.zoo.model_files import measured
from nic_cli.zoo.registry import CARD
from nic_cli.zoo.research_folder import ResearchParts, card, read_tensors, write_research

LICENCES = {
    "crdr": "none stated by its authors: ask them before you pass the weights on",
    "qvrf": "BSD-3-Clause-Clear (repository of its authors)",
    "hific": "Apache-2.0 (repository of its authors; the weights' page is on Zenodo)",
    "msillm": "CC-BY-NC 4.0: not for commercial use",
}


def import_model(
    kind: str, paths: Sequence[Path], folder: Path, name: str, *, half: bool, say: Callable[[str], None]
) -> ResearchConfig:
    """Read checkpoints of one system, in the order of q, into a new folder; nothing is left of a failure.

    Two files of MS-ILLM that differ in their decoder alone become one rate with two realisms.
    Raises ModelError (a file that is not right), UsageError (several files where one is the model).
    """
    if len(paths) > 1 and kind in ("crdr", "qvrf"):
        raise UsageError(f"{kind}: one file is one model of all rates: import {len(paths)} files one by one")
    if len({path.resolve() for path in paths}) < len(paths):
        raise UsageError("one file is named twice: name each rate once")
    if folder.exists():
        raise UsageError(f"a model {name} is here already: give another --name, or nic models rm {name}")
    systems: list[System] = []
    for path in paths:
        say(f"reading {path.name}")
        system = read_checkpoint(kind, path)
        before = systems[-1] if systems else None
        if isinstance(before, Msillm) and isinstance(system, Msillm) and _differ_in_decoder(before, system):
            faithful, realistic = (system, before) if "nogan" in path.name.lower() else (before, system)
            systems[-1] = _paired(faithful, realistic)
        else:
            systems.append(system)
    beside = folder.with_name(folder.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        say("making its coding tables")
        config = write_research(
            beside,
            name,
            systems,
            half=half,
            licence=LICENCES[kind],
            sources=[f"{path.name} {measured(path).sha256}" for path in paths],
        )
        say("testing it")
        members = ResearchParts.of(config, partial(read_tensors, beside)).members
        Engine(kind, members, "cpu").self_test()
        listed = "".join(f"- {source}\n" for source in config.sources)
        said = f"Imported by `nic models import {kind}` from files of its authors:\n\n{listed}"
        put(beside / CARD, card(config, said))
        beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return config


def _differ_in_decoder(a: Msillm, b: Msillm) -> bool:
    if a.pair:
        return False
    others = dict(b.named_parameters())
    return all(torch.equal(p, others[n]) for n, p in a.named_parameters() if not n.startswith("decoder."))


def _paired(faithful: Msillm, realistic: Msillm) -> Msillm:
    with torch.device("meta"):
        pair = Msillm(pair=True)
    tensors = dict(faithful.named_parameters())
    tensors |= {
        n.replace("decoder.", "realistic.", 1): p
        for n, p in realistic.named_parameters()
        if n.startswith("decoder.")
    }
    pair.load_state_dict({n: p.detach() for n, p in tensors.items()}, assign=True)
    return pair
