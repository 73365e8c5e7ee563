"""Metrics of whole sets of pictures, beside those of single ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from nic_cli.bench.codecs import Codec
from nic_cli.bench.curves import with_hulls
from nic_cli.bench.rows import Curve, Points, Row
from nic_cli.metrics import METRICS, SetMetric


class SetMetrics:
    """One gathering a metric, curve and setting."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        for name in names:  # what it needs is missed now, not after an hour
            METRICS[name].load()
        self._found: dict[tuple[str, str, str], SetMetric] = {}

    def see(self, codec: Codec, wanted: NDArray[Any], found: NDArray[Any]) -> None:
        """Take in one picture and what a codec made of it."""
        for name in self.names:
            key = name, codec.curve, codec.setting
            if key not in self._found:
                self._found[key] = METRICS[name].load()
            self._found[key].add(wanted, found)

    def joined(self, curve: Curve, rows: Sequence[Row]) -> Curve:
        """The curve with its points of these metrics; settings at which a picture failed have none."""
        own = [row for row in rows if row.curve == curve.name]
        variants = tuple(
            replace(variant, points={**variant.points, **self._points(curve.name, variant.name, own)})
            for variant in curve.variants
        )
        return with_hulls(replace(curve, variants=variants), self.names)

    def _points(self, curve: str, variant: str, rows: Sequence[Row]) -> dict[str, Points]:
        settings: dict[str, list[Row]] = {}
        for row in rows:
            if row.variant == variant:
                settings.setdefault(row.setting, []).append(row)
        sound = {name: group for name, group in settings.items() if not any(row.error for row in group)}
        return {
            metric: tuple(
                sorted(
                    (sum(row.bpp for row in group) / len(group), self._found[metric, curve, setting].value())
                    for setting, group in sound.items()
                )
            )
            for metric in self.names
        }
