"""Checkpoints of research systems as their authors saved them: read as tensors, and checked by name.

No code in a file is run: the unpickler takes tensors, numbers, text and containers, nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nic_cli.errors import ModelError
from nic_cli.transform.research.config import KINDS, OPTIONS
from nic_cli.transform.research.systems import SYSTEMS, System

WRAPPERS = ("comp_model", "model_state_dict", "state_dict", "network")  # keys that hold the tensors
# Names of CompressAI's bottleneck before 1.1 and from 1.2.5 on become those in between.
OLD_NAMES = re.compile(r"\.(?:_matrices|matrices|_biases|biases|_factors|factors)\.(\d)$")
SHORT = {"matrices": "_matrix", "biases": "_bias", "factors": "_factor"}
# What a file may hold beside the weights: tables that are built anew, constants, and what only trains.
LEFT_OUT = re.compile(
    r"(^|\.)(_offset|_quantized_cdf|_cdf_length|scale_table|scale_bound|target|pedestal|bound|mask)$"
    r"|^(Discriminator|discriminator|aux_|perceptual_loss)"
)


def read_checkpoint(kind: str, path: Path) -> System:
    """The system of a checkpoint, with its weights in float32.

    Raises ModelError naming the file and the tensor that is missing, does not fit, is not finite, or is
    not known and so perhaps needed.
    """
    if kind not in KINDS:
        raise ModelError(f"no research system is called {kind!r}: there are {', '.join(KINDS)}")
    held = _unpickled(path)
    given = _tensors(held, path)
    options = _options(kind, given, held.get("args"), path)
    with torch.device("meta"):
        system = SYSTEMS[kind](**options)
    fill(system, given, str(path))
    return system


def fill(system: System, given: Mapping[str, Tensor], where: str) -> None:
    """Put tensors into a system by name; ModelError names the first that does not fit."""
    wanted = dict(system.named_parameters())
    again = f"{where}: tensor"
    for name, p in wanted.items():
        if name not in given:
            raise ModelError(f"{again} {name} is missing: this is not the whole model")
        found = given[name]
        if found.shape != p.shape:
            raise ModelError(f"{again} {name} is {list(found.shape)}, not {list(p.shape)}")
        if not found.is_floating_point() or not bool(found.isfinite().all()):
            raise ModelError(f"{again} {name} holds values that are not finite numbers")
    if unknown := sorted(name for name in given if name not in wanted and not LEFT_OUT.search(name)):
        raise ModelError(
            f"{again} {unknown[0]} belongs to no part of this system: the model would be another"
        )
    system.load_state_dict({n: given[n].float() for n in wanted}, assign=True)


def options_of(system: System) -> dict[str, Any]:
    """What `read_checkpoint` recognised, as config.json keeps it."""
    return {name: getattr(system, name) for name in OPTIONS[system.kind]}


def _unpickled(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            head = stream.read(512)
        if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
            raise ModelError(f"{path}: a web page, not a checkpoint: the download was refused, try again")
        if not head.startswith((b"PK", b"\x80")):  # of torch.save, now and before 1.6
            raise ModelError(f"{path}: not a checkpoint of PyTorch: give the file that its authors offer")
        held = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from None
    except ModelError:
        raise
    except Exception as error:
        said = str(error).strip().splitlines() or ["unknown"]
        reason = "it would run code" if "Unsupported" in str(error) or "GLOBAL" in str(error) else said[0]
        raise ModelError(f"{path}: not a checkpoint that can be read safely ({reason[:120]})") from None
    if not isinstance(held, dict):
        raise ModelError(f"{path}: holds a {type(held).__name__}, not named tensors")
    return held


def _tensors(held: dict[str, Any], path: Path) -> dict[str, Tensor]:
    """The weights by the names that our systems give them."""
    inner = next((held[key] for key in WRAPPERS if isinstance(held.get(key), dict)), held)
    found = dict(_named(inner))
    if not found:
        raise ModelError(f"{path}: holds no tensors")
    return found


def _named(state: Mapping[Any, Any]) -> Iterator[tuple[str, Tensor]]:
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, Tensor):
            continue
        name = key.replace("module.", "").replace(".downsample.", ".skip.")
        if match := OLD_NAMES.search(name):
            kind = name[match.start() + 1 :].split(".")[0].lstrip("_")
            name = f"{name[: match.start()]}.{SHORT[kind]}{match[1]}"
        yield name, value


def _options(kind: str, given: dict[str, Tensor], args: Any, path: Path) -> dict[str, Any]:
    """Which variant a file holds, from its tensors and, for HiFiC, from the settings beside them."""
    if kind == "crdr":
        return {"realistic": "decoder.mlp.0.weight" in given}
    if kind == "qvrf":
        if "g_a.0.conv1.weight" not in given:
            raise ModelError(f"{path}: tensor g_a.0.conv1.weight is missing: this is not the whole model")
        given.setdefault("Gain", torch.ones(1))  # a fixed-rate model of the same network
        return {"levels": given["Gain"].numel(), "width": given["g_a.0.conv1.weight"].shape[0]}
    if kind == "hific":
        said = args if isinstance(args, dict) else {}
        for name, usual in (
            ("use_channel_norm", True),
            ("sample_noise", False),
            ("use_latent_mixture_model", False),
        ):
            if said.get(name, usual) != usual:
                raise ModelError(f"{path}: trained with {name} = {said[name]}, which nic cannot run")
        blocks = {m[1] for name in given if (m := re.match(r"Generator\.resblock_(\d+)\.", name))}
        # Without settings: as the published files of nine blocks, and that of seven.
        nine = len(blocks) == 9
        return {
            "blocks": len(blocks),
            "normalised": bool(said.get("normalize_input_image", nine)),
            "logistic": said.get("likelihood_type", "gaussian" if nine else "logistic") == "logistic",
        }
    return {"pair": False}
