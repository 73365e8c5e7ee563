"""An imported system whose decoder goes on learning, as MS-ILLM's did (Muckley et al., ICML 2023).

Encoder and entropy model stay as their authors left them, so files stay what they are and only show
anew. Latents therefore come from the engine that codes, one picture at a time and exactly; what is
learned is the decoder alone, and rates are told, not trained.
"""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import Tensor, nn

from nic_cli.entropy.tables import cost
from nic_cli.errors import UsageError
from nic_cli.transform.network import Pass
from nic_cli.transform.research.engine import Engine
from nic_cli.transform.research.systems import System
from nic_cli.zoo.load import Model
from nic_cli.zoo.research_folder import ResearchParts, rewrite


class Imported(nn.Module):
    """Its parameters are those of the decoder, under `synthesis.` and the names of the checkpoint."""

    def __init__(self, parts: ResearchParts, name: str, device: str) -> None:
        """name: of the model that comes of it. Raises UsageError for a model of several checkpoints."""
        super().__init__()
        if len(parts.members) > 1:
            raise UsageError(
                f"{parts.config.name} is {len(parts.members)} checkpoints: import the one to train by itself"
            )
        self.parts, self.config, self.name = parts, parts.config, name
        self.engine = Engine(parts.config.kind, parts.members, device)
        self.synthesis = nn.ModuleDict({part: getattr(self._system, part) for part in self._system.shown})

    @property
    def _system(self) -> System:
        return self.engine.system(0.0)

    def forward(
        self,
        x: Tensor,
        q: Tensor,
        b: Tensor,
        precision: torch.dtype,
        shown: Tensor | None = None,
        noisy: bool = True,
    ) -> Pass:
        """As of `Network`, but all samples have the q of the first, and bits are those of the coder.

        A pair of decoders (MS-ILLM with and without its critic) has no weights between the two to be
        trained: the one nearer to the b shown is.
        """
        rate, realism = float(q[0]), float(b if shown is None else shown)
        if self.config.members[0].get("pair"):
            realism = float(realism >= 0.5)
        coded = [self._coded(one, rate) for one in x]
        # A copy: what was made in inference mode has no place in a graph.
        y = h = torch.cat([latents for latents, _, _ in coded]).clone().permute(0, 3, 1, 2)
        with torch.autocast(x.device.type, precision, enabled=precision != torch.float32):
            for part in range(len(self._system.decoder_reach)):
                h = self._system.decode(part, h, rate, realism)
        z_bits, y_bits = (x.new_tensor([bits[i] for bits in coded]) for i in (1, 2))
        return Pass(h.float().permute(0, 2, 3, 1) - 0.5, y.permute(0, 2, 3, 1), y_bits, z_bits)

    def _coded(self, pixels: Tensor, q: float) -> tuple[Tensor, float, float]:
        """[H, W, 3] minus 1/2 -> what the decoder gets [1, h, w, C], bits of hyper-latents and of latents."""
        y = torch.cat(list(self.engine.analyse([(pixels + 0.5).cpu().numpy()], q, 0.0)), 1)
        symbols, latents = self.engine.coded(y, q)
        z_bits, *rest = (cost(self.parts.tables, tables, values) for tables, values in symbols.parts)
        return latents, z_bits, sum(rest)

    def snapshot(self, weights: dict[str, Tensor], device: str) -> Model:
        """A model ready to code with these weights of the decoder."""
        system = copy.deepcopy(self._system)
        system.load_state_dict(_named(weights), strict=False)
        kind = self.config.kind
        return Model(
            self.name,
            self.parts.id,
            self.config,
            self.parts.tables,
            device,
            lambda device: Engine(kind, [lambda: system], device),
        )

    def export(self, weights: dict[str, Tensor], folder: Path) -> None:
        """Write a model folder with these weights of the decoder; its id is that of the imported one."""
        rewrite(self.parts, folder, self.name, _named(weights))


def _named(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix("synthesis."): t for name, t in weights.items()}
