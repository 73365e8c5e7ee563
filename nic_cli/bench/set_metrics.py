"""Metrics of whole sets of pictures, beside those of single ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from nic_cli.bench.codecs import Codec
from nic_cli.bench.rows import Curve, Row
from nic_cli.metrics import METRICS, SetMetric


class SetMetrics:
    """One gathering a metric, curve and setting."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
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
        points = dict(curve.points)
        own = [row for row in rows if row.curve == curve.name]
        for name in self.names:
            found = []
            for setting in dict.fromkeys(row.setting for row in own):
                group = [row for row in own if row.setting == setting]
                if not any(row.error for row in group):
                    bpp = sum(row.bpp for row in group) / len(group)
                    found.append((bpp, self._found[name, curve.name, setting].value()))
            points[name] = tuple(sorted(found))
        return replace(curve, points=points)
