"""`nic encode` with a wanted score: codings that are decoded and measured, until one has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nic_cli import score_control
from nic_cli.container.layout import STEPS
from nic_cli.errors import NicError, UsageError
from nic_cli.metrics import METRICS, SSIMULACRA2, Measure, named
from nic_cli.quality import measuring

if TYPE_CHECKING:
    from nic_cli.types import Container, Picture, PixelArray
    from nic_cli.zoo.load import Model

MEANS = (-12.8, 19.5, 44.8, 62.7, 74.6, 81.6, 85.3)
"""SSIMULACRA 2 of the embedded model at q = 0, 1, ... 6: means over Kodak at b = 0.75
(nic bench kodak/ --codecs nic:q0..6 -b 0.75 --metrics ssimulacra2)."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Like:
    """A file of another codec: whose score is wanted. quality: 0..100."""

    codec: str
    quality: int

    @property
    def name(self) -> str:
        """As the command line has it."""
        return f"{self.codec}:{self.quality}"


@dataclass(frozen=True, slots=True)
class Likened:
    """The JSON object of such a file that was made and measured; bytes of its colour alone."""

    codec: str
    ssimulacra2: float
    bytes: int

    @property
    def line(self) -> str:
        """The same for people."""
        said = METRICS[SSIMULACRA2].shown(self.ssimulacra2)
        return f"{self.codec} has SSIMULACRA 2 {said} in {self.bytes:,} bytes"


@dataclass(frozen=True, slots=True)
class Judged:
    """A coded picture and how near it is.

    values: of --metrics. score: None if none was wanted. codings: how many it took. notices: warnings.
    """

    container: Container
    values: dict[str, float | None] = field(default_factory=dict)
    score: float | None = None
    like: Likened | None = None
    codings: int = 1
    notices: tuple[str, ...] = ()

    @property
    def shown(self) -> dict[str, float | None]:
        """All that was measured, the score first."""
        return self.values if self.score is None else {SSIMULACRA2: self.score, **self.values}


@dataclass(frozen=True, slots=True)
class Judge:
    """Finds the file that has the wanted score, and measures what a file decodes to.

    wish: SSIMULACRA 2. like: whose score is the wish. metrics: what else is measured.
    """

    wish: float | None = None
    like: Like | None = None
    metrics: Mapping[str, Measure] = field(default_factory=dict)

    @property
    def searches(self) -> bool:
        """Whether a score is wanted."""
        return self.wish is not None or self.like is not None

    @property
    def measures(self) -> bool:
        """Whether files are decoded and measured at all."""
        return self.searches or bool(self.metrics)

    def check(self, picture: Picture, name: str) -> None:
        """Raise UsageError for a picture that cannot be measured, NicError where memory is too little."""
        if not self.measures:
            return
        width, height = picture.width, picture.height
        measuring.check(width, height, name)
        if self.searches and min(width, height) < measuring.SMALLEST:
            raise UsageError(
                f"{name}: {width} x {height} pixels are too few for SSIMULACRA 2, which takes "
                f"{measuring.SMALLEST} a side: give -q instead"
            )
        wanted = [SSIMULACRA2] * self.searches + list(self.metrics)
        if reason := measuring.shortage(width, height, wanted):
            raise NicError(f"{name}: {reason}: give a smaller picture, or -q without metrics")

    def __call__(
        self,
        picture: Picture,
        model: Model,
        coded: Callable[[float | None], Container],
        q: float | None,
        warn: Callable[[str], None],
        progress: Progress | None,
        *,
        jumpy: bool,
    ) -> Judged:
        """Code a picture, at q if no score is wanted. Raises UsageError where the wish is out of reach.

        coded: makes a file at a rate. jumpy: with a search for better latents, which is dear, and after which
        scores jump by half a point or so: as near as is promised is near enough.
        """
        if not self.measures:
            return Judged(coded(q))
        pixels = measuring.seen(picture)
        notices = (
            [] if picture.alpha is None else ["measured over mid-grey, where its alpha lets that through"]
        )
        if not self.searches:
            container = coded(q)
            values = measuring.values(
                self.metrics, pixels, measuring.seen(measuring.decoded(container, model, warn))
            )
            return Judged(container, values, notices=tuple(notices))
        score = named([SSIMULACRA2])[SSIMULACRA2]
        likened = None if self.like is None else _likened(self.like, pixels, score)
        wish = self.wish or 0.0 if likened is None else likened.ssimulacra2
        count = 0

        def tried(rate: int) -> tuple[float, tuple[Container, PixelArray]]:
            nonlocal count
            container = coded(rate / STEPS)
            shown = measuring.seen(measuring.decoded(container, model, warn))
            count += 1
            if progress is not None:
                progress(count, score_control.CODINGS)
            return score(pixels, shown), (container, shown)

        usual = [(q * STEPS, mean) for q, mean in enumerate(MEANS)]
        top = round(model.config.q_top * STEPS)
        close = score_control.WITHIN if jumpy else score_control.CLOSE
        found = score_control.lowest(tried, wish, usual, top, close)
        container, shown = found.made
        notices += _notices(found, wish, likened)
        values = measuring.values(self.metrics, pixels, shown)
        return Judged(container, values, found.score, likened, found.codings, tuple(notices))


NOTHING = Judge()


def _notices(found: score_control.Found[Any], wish: float, likened: Likened | None) -> list[str]:
    """What is to be said of a search. Raises UsageError if the wish was not reached."""
    said, wished = (METRICS[SSIMULACRA2].shown(value) for value in (found.score, wish))
    if found.score < wish:
        before = "" if likened is None else f"{likened.line}: "
        raise UsageError(
            f"{before}SSIMULACRA 2 {wished} cannot be reached: at q {found.rate / STEPS:g} this picture has "
            f"{said}"
        )
    if found.score <= wish + score_control.WITHIN:
        return []
    if found.rate == 0:
        return [f"SSIMULACRA 2 is {said} at q 0 already, where files are the smallest"]
    return [f"SSIMULACRA 2 is {said}: {found.codings} codings came no closer to {wished}"]


def _likened(like: Like, pixels: PixelArray, score: Measure) -> Likened:
    from nic_cli import classical
    from nic_cli.metrics.pixels import eight_bits, with_equal_channels

    wanted = eight_bits(pixels)
    try:
        data = classical.encode(wanted, like.codec, like.quality)
        found = classical.decode(data, like.codec)
    except (OSError, ValueError) as error:  # sides that the format cannot say
        raise UsageError(f"--like: {like.codec} cannot hold this picture: {error}") from error
    return Likened(like.name, score(*with_equal_channels(wanted, found)), len(data))


# -- what the command line says --------------------------------------------------------------------


def judge(score: float | None, like: str | None, metrics: str | None) -> Judge:
    """Read --ssimulacra2, --like and --metrics. Raises UsageError, also for a metric that is not there."""
    if score is not None and not 0 <= score <= 100:
        raise UsageError(f"--ssimulacra2: {score:g} cannot be used: give a number from 0 to 100")
    asked = None if like is None else _like(like)
    if score is not None or asked is not None:
        named([SSIMULACRA2])
    return Judge(score, asked, measuring.functions(metrics) if metrics is not None else {})


def _like(text: str) -> Like:
    from nic_cli import classical

    name, _, quality = text.partition(":")
    if name not in classical.CLASSICAL or not re.fullmatch(r"q?(\d{1,2}|100)", quality, re.ASCII):
        known = ", ".join(classical.CLASSICAL)
        raise UsageError(f"--like: {text!r} cannot be used: give {known} with a quality, as jpeg:80")
    if (reason := classical.missing(name)) is not None:
        raise UsageError(f"--like: {name}: {reason}")
    return Like(name, int(quality.removeprefix("q")))
