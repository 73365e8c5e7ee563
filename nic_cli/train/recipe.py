"""A training recipe: one TOML file, one frozen dataclass a table, unknown keys refused."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, cast

from nic_cli import bounded
from nic_cli.errors import NicError, UsageError
from nic_cli.losses.distortion import Distortion
from nic_cli.losses.perceptual import Perceptual
from nic_cli.train.adversary import Adversarial
from nic_cli.transform.config import MIDDLE, WORLD, ModelConfig

IMPORTED = "imported"
SHIPPED = Path(__file__).parent / "recipes"
PARTS = (
    "analysis",
    "gains",
    "hyper_analysis",
    "scales",
    "hyper_synthesis",
    "context",
    "synthesis",
    "prior",
    "realism",  # what b over 0.5 changes in the synthesis
)
SHOWING = {"synthesis", "realism"}  # parts that no symbol depends on
CODING = {"scales", "prior"}  # and those that no pixel does


@dataclass(frozen=True, slots=True)
class Given:
    """Instead of a `ModelConfig`: the model of `init` was imported, and its decoder alone is trained."""

    name: str
    kind: str = IMPORTED


@dataclass(frozen=True, slots=True)
class Data:
    """paths, validation: folders or tar files of pictures. copies: random sizes each is kept at."""

    paths: tuple[str, ...] = ()
    validation: tuple[str, ...] = ()
    validation_limit: int = 8
    copies: int = 2
    shrink: float = 1.5  # largest random shrinking: restores full chroma, hides earlier coding
    grain: float = 0.0  # levels of 255: the largest deviation of the noise that is added to crops

    def __post_init__(self) -> None:
        """Refuse what is no deviation."""
        if self.grain < 0:
            raise UsageError("grain of [data] is 0 or more levels")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Length of a run whose phases are given as shares, and what happens on the way."""

    seconds: float = 3600.0
    log_every: int = 50  # steps
    save_every: float = 120.0  # seconds
    validate_every: float = 600.0  # seconds; 0 for the end only
    tensorboard: bool = False  # write its event files beside the log as well


@dataclass(frozen=True, slots=True)
class Optimiser:
    """Rates of Muon (dense weights) and Adam (the rest), batch and crop sizes."""

    muon: float = 0.006
    adam: float = 0.002
    clip: float = 1.0
    ema: float = 0.998
    batch: int = 16
    accumulate: int = 1  # pieces that a batch goes through the network in, to save memory
    crop: int = 128
    late_batch: int = 4
    late_crop: int = 256
    late_share: float = 0.5  # of the decay that uses the late batch and crop
    bf16: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse batches that do not split."""
        if self.accumulate < 1 or self.batch % self.accumulate or self.late_batch % self.accumulate:
            batches = f"batches of {self.batch} and {self.late_batch}"
            raise UsageError(f"accumulate = {self.accumulate} does not divide {batches}")
        if min(self.batch, self.late_batch) < 1:
            raise UsageError("batch and late_batch are at least 1")
        if min(self.crop, self.late_crop) < WORLD or self.crop % WORLD or self.late_crop % WORLD:
            raise UsageError(f"crop and late_crop are multiples of {WORLD} pixels")


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a training with losses of its own; it begins at the averaged weights of the last.

    Its rates rise linearly, stay, and fall with one minus a square root to a hundredth.
    """

    name: str = "fidelity"
    share: float = 1.0  # of the time, relative to the other phases' shares
    steps: int = 0  # instead of a share, in all phases or in none
    rate: float = 1.0  # of the optimiser's peak rates
    warmup: float = 0.01  # of the phase
    decay: float = 0.2  # of the phase
    train: tuple[str, ...] = ()  # parts of the network; none named means all
    fixed: tuple[str, ...] = ()  # layers of those, by name, that keep their weights
    realism: tuple[float, ...] = (0.0, 0.0)  # b is drawn between these two
    ends: tuple[float, ...] = (0.25, 0.25)  # shares of the steps that draw the lower end and the upper
    turned: float = 0.0  # share of the steps that show another b than the latents are made for
    made: tuple[float, ...] = ()  # range of what those are made for; none means `realism`
    # Share of the steps that draw b over 0.5 and train what that changes, and nothing else, in half the
    # batch; the others draw it up to 0.5 and train all else. 0 for no such parting.
    apart: float = 0.0
    # Share of the steps that only train how loud the noise of b over 0.5 is said to be, by likelihood.
    loudness: float = 0.0
    # The loss of that name, as a share of the distortion's gradient at the picture, at b = 0, ..., 1 evenly.
    spectrum: tuple[float, ...] = (0.0,)
    rates: tuple[float, ...] = ()  # q from, to, power of u; none means all, the highest seldom
    losses: Mapping[str, Any] = field(default_factory=lambda: {"squared": 1.0})
    adversarial: Adversarial | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        where = f"phase {self.name!r}"
        if unknown := sorted(set(self.train) - set(PARTS)):
            raise UsageError(f"{where}: no part is called {unknown[0]!r}: there are {', '.join(PARTS)}")
        if self.share <= 0 or self.steps < 0 or self.rate <= 0:
            raise UsageError(f"{where}: share and rate are over 0, steps at least 0")
        if min(self.warmup, self.decay) < 0 or self.warmup + self.decay > 1:
            raise UsageError(f"{where}: warmup and decay are shares of it, 1 together at most")
        for name, between in (("realism", self.realism), ("made", self.made or self.realism)):
            if len(between) != 2 or not 0 <= between[0] <= between[1] <= 1:
                raise UsageError(f"{where}: {name} is two numbers in 0..1, the lower first")
        if self.rates and (len(self.rates) not in (2, 3) or not 0 <= self.rates[0] <= self.rates[1]):
            raise UsageError(f"{where}: rates is two numbers from 0 up, the lower first, perhaps a power")
        if self.rates[2:] and self.rates[2] <= 0:
            raise UsageError(f"{where}: the power of rates is over 0: 2 draws more low ones than 1")
        if len(self.ends) != 2 or min(self.ends) < 0 or sum(self.ends) >= 1:
            raise UsageError(f"{where}: ends is two shares, from 0 up and under 1 together")
        if not 0 <= self.turned <= 1 or not 0 <= self.apart < 1 or not 0 <= self.loudness <= 1:
            raise UsageError(f"{where}: turned, apart and loudness are shares, 0 to 1")
        if not self.spectrum or min(self.spectrum) < 0:
            raise UsageError(f"{where}: spectrum is one or more shares, from 0 up")
        if self.apart and not self.realism[0] < MIDDLE < self.realism[1]:
            raise UsageError(f"{where}: apart needs a realism from under {MIDDLE} to over it")
        Distortion(self.losses)
        self._check_steps(where)

    def _check_steps(self, where: str) -> None:
        """Refuse phases some of whose steps would find nothing to train."""
        parts = set(self.train or PARTS)
        if self.apart and not parts & SHOWING:
            raise UsageError(f"{where}: apart trains what b over {MIDDLE} changes: add realism to train")
        if self.loudness and not parts & SHOWING:
            raise UsageError(f"{where}: loudness is of the noise of realism: add realism to train")
        parts -= {"realism"} if self.apart else set()
        if not parts:
            raise UsageError(
                f"{where}: where realism alone is trained, apart leaves steps of b up to {MIDDLE} nothing to "
                f"train: leave it out, and begin at realism = [{MIDDLE}, ...]"
            )
        parts -= {"analysis"} if self.turned else set()  # which learns nothing from such a step
        if not parts:
            raise UsageError(f"{where}: the analysis learns nothing from a turned step: leave turned out")
        if parts <= CODING and (self.adversarial is not None or max(self.spectrum) > 0):
            raise UsageError(
                f"{where}: no pixel depends on {' and '.join(sorted(parts))}: no critics, no spectrum"
            )


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole recipe. init: a model folder or embedded name to start from.

    perceptual: the network of the loss of that name; judge: the one that validation measures with.
    """

    model: ModelConfig | Given
    init: str = ""
    data: Data = field(default_factory=Data)
    schedule: Schedule = field(default_factory=Schedule)
    optimiser: Optimiser = field(default_factory=Optimiser)
    perceptual: Perceptual = field(default_factory=Perceptual)
    judge: Perceptual = field(default_factory=Perceptual)
    phases: tuple[Phase, ...] = (Phase(),)

    def __post_init__(self) -> None:
        """Refuse phases of different measures."""
        if not self.phases or any(bool(p.steps) != bool(self.phases[0].steps) for p in self.phases):
            raise UsageError("phases have a share each, or steps each: not some this and some that")
        if isinstance(self.model, Given) and any(p.train != ("synthesis",) for p in self.phases):
            raise UsageError('an imported model trains its decoder alone: phases have train = ["synthesis"]')
        highest = max(p.rates[1] if p.rates else 0.0 for p in self.phases)
        if isinstance(self.model, ModelConfig) and highest > self.model.q_top:
            raise UsageError(f"rates end at q_top, which is {self.model.q_top:g}")
        if any(p.apart for p in self.phases) and not getattr(self.model, "realism_rank", 0):
            raise UsageError("apart needs a realism_rank in [model]: there is nothing else to train over 0.5")
        if any(p.train == ("realism",) for p in self.phases) and not (
            getattr(self.model, "realism_rank", 0) or getattr(self.model, "noise", 0)
        ):
            raise UsageError('train = ["realism"] needs a realism_rank or noise in [model]: it has neither')
        if any(p.loudness for p in self.phases) and not getattr(self.model, "noise", 0):
            raise UsageError("loudness needs noise in [model]: there is none to be loud")
        if any("perceptual" in p.losses for p in self.phases) and not self.perceptual.network:
            raise UsageError("the loss perceptual needs a table [perceptual] with network and path")
        if self.judge.network and self.judge.network == self.perceptual.network:
            raise UsageError("the judge is the network that is trained with: name another one")

    @property
    def realism(self) -> float:
        """The highest b that any phase trains."""
        return max(phase.realism[1] for phase in self.phases)

    @property
    def largest_crop(self) -> int:
        """The side of the largest crops that any step takes, in pixels."""
        given = self.optimiser
        late = given.late_share > 0 and any(phase.decay > 0 for phase in self.phases)
        return max(given.crop, given.late_crop) if late else given.crop

    @property
    def trained(self) -> set[str]:
        """The parts that any phase trains."""
        return {part for phase in self.phases for part in phase.train or PARTS}

    @classmethod
    def read(cls, path: Path) -> Recipe:
        """Read a recipe, or one of those in recipes/ by its name.

        UsageError names the file and the key that is wrong.
        """
        if path.name == str(path) and not path.exists() and (SHIPPED / f"{path}.toml").exists():
            path = SHIPPED / f"{path}.toml"
        if sys.version_info >= (3, 11):
            import tomllib
        else:
            import tomli as tomllib
        try:
            table = tomllib.loads(bounded.text(path))
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or error}") from None
        except ValueError as error:
            raise UsageError(f"{path}: not TOML: {error}") from None
        if "name" not in table.get("model", {}):
            raise UsageError(f"{path}: the table [model] gives no name")
        try:
            return cls(
                model=_model(table.pop("model", {})),
                init=str(table.pop("init", "")),
                data=_filled(Data, table.pop("data", {})),
                schedule=_filled(Schedule, table.pop("schedule", {})),
                optimiser=_filled(Optimiser, table.pop("optimiser", {})),
                perceptual=_network(table.pop("perceptual", {}), path.parent),
                judge=_network(table.pop("judge", {}), path.parent),
                phases=tuple(_phase(phase, path.parent) for phase in table.pop("phase", [{}])),
                **table,
            )
        except (TypeError, ValueError, NicError) as error:
            said = re.sub(r"\w+\.__init__\(\) (got an )?", "", str(error))
            raise UsageError(f"{path}: {said}") from None


def _model(table: dict[str, Any]) -> ModelConfig | Given:
    return Given(**table) if table.get("kind") == IMPORTED else ModelConfig(**table)


def _network(table: dict[str, Any], folder: Path) -> Perceptual:
    given = cast(Perceptual, _filled(Perceptual, table))
    return replace(given, path=str(folder / given.path)) if given.path else given


def _phase(table: dict[str, Any], folder: Path) -> Phase:
    if "adversarial" in table:
        given = dict(table["adversarial"])
        given |= {key: str(folder / given[key]) for key in ("init", "backbone") if given.get(key)}
        table = {**table, "adversarial": _filled(Adversarial, given)}
    return cast(Phase, _filled(Phase, table))


def _filled(kind: type[Any], table: dict[str, Any]) -> Any:
    """A dataclass from a TOML table; its defaults say what type each value has."""
    defaults = kind()
    given = {}
    for name, value in table.items():
        if name not in {f.name for f in fields(kind)}:
            raise UsageError(f"unknown key {name!r} in [{kind.__name__.lower()}]")
        default = getattr(defaults, name)
        if isinstance(default, tuple):
            value = tuple(value)
        given[name] = value if default is None else type(default)(value)
    return kind(**given)
