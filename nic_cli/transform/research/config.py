"""What `config.json` says of an imported research model. Read without torch."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from typing import Any

from nic_cli.errors import ModelError

KINDS = ("crdr", "qvrf", "hific", "msillm")
LATENT = {"crdr": 320, "qvrf": 192, "hific": 220, "msillm": 220}
OPTIONS: dict[str, dict[str, Any]] = {
    "crdr": {"realistic": True},  # whether the decoder knows beta
    "qvrf": {"levels": 8, "width": 192},
    "hific": {"blocks": 9, "normalised": True, "logistic": False},
    "msillm": {"pair": False},  # whether a second decoder, of b = 1, lies beside the first
}


@dataclass(frozen=True, slots=True)
class ResearchConfig:
    """One imported model: one checkpoint, or several of one system that q chooses among.

    id: 16 hexadecimal digits, of all that turns symbols into latents. members: the options of each
    checkpoint, as OPTIONS names them. licence, sources: what is known of the weights, and the SHA-256 of
    the files they came from.
    """

    name: str
    kind: str
    id: str
    members: tuple[dict[str, Any], ...]
    version: int = 1  # of config.json
    licence: str = ""
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ModelError(f"config.json: model kind {self.kind!r} is not one this program knows")
        if not isinstance(self.id, str) or not re.fullmatch("[0-9a-f]{16}", self.id):
            raise ModelError("config.json: id is not 16 hexadecimal digits")
        if not isinstance(self.licence, str) or not all(isinstance(s, str) for s in self.sources):
            raise ModelError("config.json: licence and sources are not text")
        usual = OPTIONS[self.kind]
        if not 1 <= len(self.members) <= 16:
            raise ModelError(f"config.json: {len(self.members)} members: 1 to 16 can be used")
        for member in self.members:
            if not isinstance(member, dict) or member.keys() != usual.keys():
                raise ModelError(f"config.json: a member has other options than {', '.join(usual)}")
            for name, value in member.items():
                if type(value) is not type(usual[name]) or not 0 <= value <= 1024:
                    raise ModelError(f"config.json: {name} of a member is {value!r}")

    @property
    def q_top(self) -> float:
        """The highest q: a rate, a level, or the last of several checkpoints."""
        if len(self.members) > 1:
            return len(self.members) - 1.0
        return float({"crdr": 4, "qvrf": self.members[0].get("levels", 1) - 1}.get(self.kind, 0))

    @property
    def latent(self) -> int:
        """Channels of the latents."""
        return int(self.members[0].get("width", LATENT[self.kind]))

    def to_json(self) -> str:
        """The text of config.json."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_table(cls, table: dict[str, Any]) -> ResearchConfig:
        """Of what config.json holds; unknown or missing keys and values out of range raise ModelError."""
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(table) - known):
            raise ModelError(f"config.json has unknown keys: {', '.join(unknown)}; a newer nic may know them")
        if missing := sorted({"name", "kind", "id", "members"} - set(table)):
            raise ModelError(f"config.json has no {missing[0]}")
        if not isinstance(table["members"], list) or not isinstance(table.get("sources", []), list):
            raise ModelError("config.json: members and sources are lists")
        given = {**table, "members": tuple(table["members"]), "sources": tuple(table.get("sources", ()))}
        return cls(**given)
