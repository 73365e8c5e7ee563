"""The four research systems behind one interface, which the engine codes with."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from nic_cli.transform.research.crdr import CRDR
from nic_cli.transform.research.density import Frequencies, normal, scale_tables
from nic_cli.transform.research.hific import MSILLM, HiFiC, IllmDecoder
from nic_cli.transform.research.qvrf import QVRF

Reveal = Callable[[Tensor | slice, slice, Tensor, Tensor], Tensor]
"""(positions, channels, means [n, c], scales [n, c]) -> symbols [n, c], in the means' precision.

Positions count the latents row by row. Means and scales are float64 on the CPU, except means that no
later scale depends on.
"""


class System(nn.Module):
    """One system with its weights. Latents stand as [1, C, h, w], pixels as [1, 3, H, W] in 0..1."""

    kind: ClassVar[str]
    binding: ClassVar[tuple[str, ...]]  # parts that turn symbols into latents, and their tensors
    wide: ClassVar[tuple[str, ...]]  # those of them that hold their weights in float64
    shown: ClassVar[tuple[str, ...]] = ("decoder",)  # those that turn latents into pixels
    latent: int
    hyper: int
    multiple: ClassVar[int] = 64  # that the sides of a picture are extended to
    border: ClassVar[str] = "reflect"  # what they are extended with: reflect or zero
    mirrors: ClassVar[bool] = False  # whether latents are extended, by reflection, to multiples of 4
    rated: ClassVar[bool] = False  # whether the encoder and the decoder depend on q
    encoder_reach: ClassVar[int]  # latents to each side that the analysis of one sees at most
    decoder_reach: ClassVar[tuple[int, ...]]  # the same of each part of the decoder

    @abstractmethod
    def encode(self, x: Tensor, q: float) -> Tensor:
        """Pixels to latents."""

    @abstractmethod
    def decode(self, part: int, y: Tensor, q: float, b: float) -> Tensor:
        """One part of the decoder; the first one takes latents, the last one gives pixels."""

    @abstractmethod
    def hyper_latents(self, y: Tensor) -> Tensor:
        """[1, C, h, w] -> [1, hyper, h/4, w/4], before medians are taken off and rounding."""

    @abstractmethod
    def latents(self, z: Tensor, q: float, reveal: Reveal) -> Tensor:
        """z: [1, hyper, h/4, w/4] in float64 -> what the decoder takes, in float32."""

    @property
    @abstractmethod
    def medians(self) -> Tensor:
        """[hyper]."""

    @abstractmethod
    def z_tables(self) -> list[Frequencies]:
        """One a channel."""

    def r_tables(self) -> list[Frequencies]:
        """One for each of the 64 scales."""
        return scale_tables()

    def gain(self, q: float) -> float:
        """What residuals are multiplied with before rounding."""
        return 1.0

    def widen(self) -> None:
        """Bring what tables depend on to the CPU, and what is small of it to float64 for good."""
        for name, module in self.named_modules():
            if f"{name}." in self.binding:
                module.cpu()
            if f"{name}." in self.wide:
                module.double()

    def rounded(self, x: Tensor) -> Tensor:
        """Halves to even, unless the original does otherwise."""
        return x.round()


def _rows(x: Tensor) -> Tensor:
    """[1, C, h, w] -> [h w, C]."""
    return x[0].permute(1, 2, 0).flatten(0, 1)


def _plane(x: Tensor, like: Tensor) -> Tensor:
    """[h w, C] -> [1, C, h, w]."""
    return x.reshape(*like.shape[2:], -1).permute(2, 0, 1)[None]


def _revealed(means: Tensor, scales: Tensor, reveal: Reveal) -> Tensor:
    """Latents [1, C, h, w] whose means and scales all follow from z."""
    symbols = reveal(slice(None), slice(None), _rows(means), _rows(scales))
    return (means + _plane(symbols, means)).float()


class Crdr(CRDR, System):
    """Stage 2 (rates) or 3 (rates and realism)."""

    kind, latent, hyper, rated = "crdr", 320, 192, True
    binding, wide = ("hyperdecoder.", "entropy_model_z.", "context_model."), ("hyperdecoder.",)
    encoder_reach, decoder_reach = 9, (9,)

    def __init__(self, realistic: bool = True) -> None:
        super().__init__(realistic)
        self.realistic = realistic

    def encode(self, x: Tensor, q: float) -> Tensor:
        return self.encoder(2 * x - 1, q)  # type: ignore[no-any-return]

    def decode(self, part: int, y: Tensor, q: float, b: float) -> Tensor:
        return self.decoder(y, q, b) / 2 + 0.5  # type: ignore[no-any-return]

    def hyper_latents(self, y: Tensor) -> Tensor:
        return self.hyperencoder(y)  # type: ignore[no-any-return]

    def latents(self, z: Tensor, q: float, reveal: Reveal) -> Tensor:
        def shown(channels: slice, means: Tensor, scales: Tensor) -> Tensor:
            return _plane(reveal(slice(None), channels, _rows(means), _rows(scales)), means)

        found: Tensor = self.context_model(self.hyperdecoder.hd_mu(z), self.hyperdecoder.hd_std(z), shown)
        return found

    @property
    def medians(self) -> Tensor:
        return self.entropy_model_z.medians

    def z_tables(self) -> list[Frequencies]:
        return self.entropy_model_z.tables()


class Qvrf(QVRF, System):
    """Cheng2020 with one gain: q is a level, or between two."""

    kind, border = "qvrf", "zero"
    binding = ("Gain", "h_s.", "context_prediction.", "entropy_parameters.", "entropy_bottleneck.")
    wide, shown = ("h_s.",), ("g_s",)
    encoder_reach, decoder_reach = 8, (11,)

    def __init__(self, levels: int = 8, width: int = 192) -> None:
        super().__init__(levels, width)
        self.levels = levels
        self.width = self.latent = self.hyper = width

    def encode(self, x: Tensor, q: float) -> Tensor:
        return self.g_a(x)  # type: ignore[no-any-return]

    def decode(self, part: int, y: Tensor, q: float, b: float) -> Tensor:
        return self.g_s(y)  # type: ignore[no-any-return]

    def hyper_latents(self, y: Tensor) -> Tensor:
        return self.h_a(y)  # type: ignore[no-any-return]

    def latents(self, z: Tensor, q: float, reveal: Reveal) -> Tensor:
        gain = self.gain(q)

        def shown(positions: Tensor, means: Tensor, scales: Tensor) -> Tensor:
            return reveal(positions, slice(None), means, scales * gain) / gain

        return self.context(self.h_s(z), shown).float()

    @property
    def medians(self) -> Tensor:
        return self.entropy_bottleneck.medians

    def z_tables(self) -> list[Frequencies]:
        return self.entropy_bottleneck.tables()


class Hific(HiFiC, System):
    """One rate a checkpoint; normalised: pixels in -1..1 and tanh; logistic: of the latents' density."""

    kind, latent, hyper, multiple, mirrors = "hific", 220, 320, 16, True
    wide, shown = ("Hyperprior.synthesis_mu.", "Hyperprior.synthesis_std."), ("Generator",)
    binding = (*wide, "Hyperprior.hyperlatent_likelihood.")
    encoder_reach, decoder_reach = 3, (19, 2)

    def __init__(self, blocks: int = 9, normalised: bool = True, logistic: bool = False) -> None:
        super().__init__(blocks)
        self.blocks, self.normalised, self.logistic = blocks, normalised, logistic

    def encode(self, x: Tensor, q: float) -> Tensor:
        return self.Encoder(2 * x - 1 if self.normalised else x)  # type: ignore[no-any-return]

    def decode(self, part: int, y: Tensor, q: float, b: float) -> Tensor:
        if part == 0:
            return self.Generator.trunk(y)
        x = self.Generator.tail(y)
        return torch.tanh(x) / 2 + 0.5 if self.normalised else x

    def hyper_latents(self, y: Tensor) -> Tensor:
        return self.Hyperprior.analysis_net(y)  # type: ignore[no-any-return]

    def latents(self, z: Tensor, q: float, reveal: Reveal) -> Tensor:
        means, scales = self.Hyperprior.synthesis_mu(z), self.Hyperprior.synthesis_std(z)
        return _revealed(means, scales, reveal)

    @property
    def medians(self) -> Tensor:
        return self.Hyperprior.hyperlatent_likelihood.medians

    def z_tables(self) -> list[Frequencies]:
        return self.Hyperprior.hyperlatent_likelihood.tables()

    def r_tables(self) -> list[Frequencies]:
        """Out to where a billionth is left; the port's own end at 2^-8."""
        return scale_tables(torch.sigmoid, 20.7) if self.logistic else scale_tables(normal)

    def rounded(self, x: Tensor) -> Tensor:
        """Halves upwards."""
        return torch.floor(x + 0.5)


class Msillm(MSILLM, System):
    """One rate a checkpoint. A pair of them that share all but the decoder is one model of two realisms."""

    kind, latent, hyper = "msillm", 220, 320
    wide = ("hyper_synthesis_mean.", "hyper_synthesis_scale.")
    binding = (*wide, "hyper_bottleneck.")
    encoder_reach, decoder_reach = 3, (19, 2)

    def __init__(self, pair: bool = False) -> None:
        super().__init__()
        self.pair, self._mixed = pair, (-1.0, self.decoder)
        if pair:
            self.realistic, self.shown = IllmDecoder(), ("decoder", "realistic")  # type: ignore[misc]

    def encode(self, x: Tensor, q: float) -> Tensor:
        return self.encoder(x)  # type: ignore[no-any-return]

    def decode(self, part: int, y: Tensor, q: float, b: float) -> Tensor:
        decoder = self._decoder(b) if self.pair else self.decoder
        return decoder.tail(y) if part else decoder.trunk(y)

    def _decoder(self, b: float) -> IllmDecoder:
        """The decoder at one realism: between the two, their weights are mixed."""
        if b in (0.0, 1.0):
            return self.realistic if b else self.decoder
        if self._mixed[0] != b:
            between = copy.deepcopy(self.decoder)
            for p, to in zip(between.parameters(), self.realistic.parameters(), strict=True):
                p.lerp_(to, b)
            self._mixed = b, between
        return self._mixed[1]

    def hyper_latents(self, y: Tensor) -> Tensor:
        return self.hyper_analysis(y)  # type: ignore[no-any-return]

    def latents(self, z: Tensor, q: float, reveal: Reveal) -> Tensor:
        means, scales = self.hyper_synthesis_mean(z), self.hyper_synthesis_scale(z)
        return _revealed(means, scales, reveal)

    @property
    def medians(self) -> Tensor:
        return self.hyper_bottleneck.medians

    def z_tables(self) -> list[Frequencies]:
        return self.hyper_bottleneck.tables()


SYSTEMS: Mapping[str, type[System]] = {"crdr": Crdr, "qvrf": Qvrf, "hific": Hific, "msillm": Msillm}
