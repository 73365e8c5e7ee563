"""The shape of a native model, as its `config.json` states it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields

from nic_cli.errors import ModelError

WORLD = 64
"""Side in pixels of one hyper-latent: the multiple that pictures are extended to."""
MIDDLE = 0.5
"""Up to here b turns between squared error and structure, from here on towards realism."""
Z_LIMIT = 127  # z is an 8-bit input; the encoder clamps it
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)  # as files can hold it
R_LIMIT = 32767  # residuals are clamped to what an escape can say


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Widths, depths and dials of a native model; one code serves every value.

    Widths are channels, depths are blocks. Resolutions are given as fractions of the picture's.
    """

    name: str
    kind: str = "native"
    version: int = 1  # of config.json
    latent: int = 256  # channels of y, at 1/16
    hyper: int = 64  # channels of z, at 1/64
    analysis_fine: int = 192  # at 1/8
    analysis_fine_depth: int = 4
    analysis_coarse: int = 256  # at 1/16
    analysis_coarse_depth: int = 2
    synthesis_coarse: int = 384  # at 1/16
    synthesis_coarse_depth: int = 4
    synthesis_fine: int = 256  # at 1/8
    synthesis_fine_depth: int = 8
    hyper_coarse: int = 128  # of both hyper transforms at 1/32
    hyper_fine: int = 192  # of both hyper transforms at 1/16
    scale: int = 128  # of the integer scale network, at 1/32 and 1/16
    context: int = 256  # of the three context networks
    context_depth: int = 2
    q_top: float = 6.0
    q_anchors: int = 13  # log-gains are interpolated between these, q = 0 to q_top
    b_anchors: int = 3  # realism conditions are interpolated between these, b = 0 to 1
    realism_rank: int = 0  # of the updates that b over 0.5 mixes into the synthesis; 0 for none
    noise: int = 0  # hidden channels of what says how loud the noise of b over 0.5 is; 0 for no noise
    scales: int = 64  # Gaussian tables of r
    scale_low: float = 0.11  # standard deviation of the first table, in quantiser steps
    scale_high: float = 128.0  # and of the last
    # Residuals whose table index is under this are not coded. On training pictures 7 (a deviation of
    # 0.24) gains 0.04 dB at 0.25 bpp and 0.01 dB at 0.6 bpp over 3 at equal size.
    skip: int = 7

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = int(field.default != 0)
            if isinstance(value, bool):  # an int, to Python
                raise ModelError(f"config.json: {field.name} is {value!r}, not a number")
            if field.type == "int" and not (isinstance(value, int) and least <= value <= 4096):
                raise ModelError(f"config.json: {field.name} is {value!r}, not an integer in {least}..4096")
            if field.type == "float" and not (isinstance(value, (int, float)) and 0 < value <= 4096):
                raise ModelError(f"config.json: {field.name} is {value!r}, not a number in 0..4096")
        if not NAME.fullmatch(self.name):
            raise ModelError(f"config.json: name is {self.name[:80]!r}, not 1 to 64 of [a-z0-9._-]")
        if self.kind != "native":
            raise ModelError(f"config.json: model kind {self.kind!r} is not one this program knows")
        if self.q_anchors < 2 or self.b_anchors < 2 or self.q_top > 15:
            raise ModelError("config.json: at least two anchors of q and of b, and q_top up to 15")

    @property
    def reach(self) -> int:
        """Latents to each side that a pixel depends on.

        A block of the synthesis sees one square around it, of 16 pixels or of 8, and so does the tail.
        """
        return self.synthesis_coarse_depth + -(-(self.synthesis_fine_depth + 1) // 2)

    def to_json(self) -> str:
        """The text of config.json."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> ModelConfig:
        """Read config.json; unknown or missing keys and values out of range raise ModelError."""
        try:
            given = json.loads(text)
        except ValueError as error:
            raise ModelError(f"config.json is not JSON: {error}") from None
        if not isinstance(given, dict) or not isinstance(given.get("name"), str):
            raise ModelError("config.json has no model name")
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(given) - known):
            raise ModelError(f"config.json has unknown keys: {', '.join(unknown)}; a newer nic may know them")
        return cls(**given)
