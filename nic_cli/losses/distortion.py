"""The distortion of a phase: terms by name, each with a weight that may change with b."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from torch import Tensor

from nic_cli.errors import UsageError
from nic_cli.losses import fidelity, texture
from nic_cli.transform.structure_distance import structure

Term = Callable[[Tensor, Tensor], Tensor]

TERMS: dict[str, Term] = {
    "squared": fidelity.squared,
    "halves": fidelity.halves,
    "quarters": fidelity.quarters,
    "charbonnier": fidelity.charbonnier,
    "multiscale": fidelity.multiscale,
    "ms_ssim": fidelity.dissimilarity,
    "colour": fidelity.colour,
    "structure": structure,
    "texture": texture.texture,
}
NAMES = (*TERMS, "perceptual")  # the last one needs a network, which a recipe names


class Distortion:
    """A weighted sum of terms.

    weights: by name, one number or one for each of b = 0, ..., 1 evenly. perceptual: the term of that name.
    """

    def __init__(
        self, weights: Mapping[str, float | Sequence[float]], perceptual: Term | None = None
    ) -> None:
        if unknown := sorted(set(weights) - set(NAMES)):
            raise UsageError(f"unknown loss {unknown[0]!r}: there are {', '.join(NAMES)}")
        self.terms = TERMS if perceptual is None else {**TERMS, "perceptual": perceptual}
        self.weights = {
            name: tuple(map(float, value if isinstance(value, Sequence) else (value,)))
            for name, value in weights.items()
        }
        for name, values in self.weights.items():
            if not values or min(values) < 0:
                raise UsageError(f"loss {name!r} has the weight {list(values)}: give one or more, from 0 up")
        if not any(max(values) > 0 for values in self.weights.values()):
            raise UsageError("no loss has a weight over 0: a phase needs one")

    def at(self, b: float) -> dict[str, float]:
        """The weights at one realism, those of 0 left out."""
        mixed = {name: interpolated(values, b) for name, values in self.weights.items()}
        return {name: weight for name, weight in mixed.items() if weight > 0}

    def __call__(self, found: Tensor, wanted: Tensor, b: float) -> tuple[Tensor, dict[str, Tensor]]:
        """found, wanted: [N, H, W, 3] in 0..1 -> [N], and the mean of each term to log."""
        total = found.new_zeros(found.shape[0])
        parts: dict[str, Tensor] = {}
        for name, weight in self.at(b).items():
            values = self.terms[name](found, wanted)
            total = total + weight * values
            parts[name] = values.detach().mean()
        return total, parts


def interpolated(values: tuple[float, ...], b: float) -> float:
    """The value at b of a line through values at b = 0, ..., 1 evenly."""
    return float(np.interp(b, np.linspace(0, 1, len(values)), values))
