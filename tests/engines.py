"""The engines that code a native model, each as a model of its own, and threads for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from nic_cli.transform.plain.threads import set_threads
from nic_cli.transform.precision import precision
from nic_cli.zoo.load import Model

ENGINES = ("numpy", "torch", "torch in bfloat16")


def by(engine: str, model: Model) -> Model | None:
    """The model on one engine, whatever the picture; None where this processor has no bfloat16."""
    if engine == "numpy":
        return replace(model, most_plain=1 << 40)
    if engine == "torch in bfloat16" and precision("cpu") != torch.bfloat16:
        return None
    other = replace(model, plain=None)
    other.engine.fast = torch.bfloat16 if engine == "torch in bfloat16" else torch.float32
    return other


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Of either library."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    set_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        set_threads(None)
