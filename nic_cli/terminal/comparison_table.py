"""What `nic compare` says of two pictures, drawn for people."""

from __future__ import annotations

from typing import Any

_COLOURS = {1: "grey", 3: "RGB"}


def table(names: tuple[str, str], said: dict[str, Any], values: dict[str, str]) -> str:
    """A line for each file, for what was done to both, and for each metric. said: the JSON object."""
    first, second = (_side(name, said[key]) for name, key in zip(names, "ab", strict=True))
    rows = {
        "first": first,
        "second": f"{second}, {100 * said['ratio']:.1f} % of the first",
        "compared": f"{said['width']} x {said['height']} pixels in {said['bit_depth']} bit",
        **({"alpha": said["alpha"]} if said["alpha"] else {}),
        **values,
        **{name: f"left out: {reason}" for name, reason in said["left_out"].items()},
    }
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows.items())


def _side(name: str, side: dict[str, Any]) -> str:
    kind = f"{_COLOURS[side['channels']]}{' with alpha' if side['alpha'] else ''}, {side['bit_depth']} bit"
    shown = "" if side["b"] is None else f", b {side['b']:.4g}"
    return f"{name}  {kind}{shown}, {side['bytes']:,} bytes, {side['bpp']:.3f} bpp"
