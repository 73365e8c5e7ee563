"""What `nic info` says of a file, drawn for people."""

from __future__ import annotations

from typing import Any

from nic_cli.container.notices import PASSING
from nic_cli.storage.printable import printable

_TITLES = {"icc": "ICC", "exif": "EXIF", "xmp": "XMP", "iptc": "IPTC", "geo": "GeoTIFF"}
_TITLES |= {"cicp": "HDR code", "gain_map": "gain map"}


def table(name: str, said: dict[str, Any], alpha: int) -> str:
    """A line for each part of the JSON object of a file. alpha: bytes of the alpha plane, 0 if opaque."""
    return "\n".join([name, *(f"{key:<10} {value}" for key, value in rows(said, alpha).items())])


def rows(said: dict[str, Any], alpha: int) -> dict[str, str]:
    """The same parts by their titles."""
    colours = {1: "grey", 3: "RGB"}[said["channels"]]
    kept = {_TITLES.get(kind, kind): size for kind, size in said["metadata"].items()}
    kept |= {f"unknown {kind}": size for kind, size in said["unknown"].items()}
    original, model = said["original"], said["model"]
    memory = (said["decode_memory_bytes"] or 0) // 1_000_000
    return {
        "picture": f"{said['width']} x {said['height']}, {colours}, {said['bit_depth']} bit",
        "alpha": f"{alpha:,} bytes" if alpha else "none",
        "size": f"{said['bytes']:,} bytes, {said['bpp']:.3f} bits per pixel",
        "quality": f"q {said['q']:.4g}",
        "realism": f"b {said['b']:.4g}",
        "model": f"{model['name']} (id {model['id']})",
        "tiles": f"{said['tiles']} of {said['tile']} pixels",
        "metadata": ", ".join(f"{kind} {size:,} bytes" for kind, size in kept.items() if size) or "none",
        "original": f"{printable(original['name'])} ({original['format']})" if original else "not said",
        "overhead": f"{said['overhead_bytes']:,} bytes",
        "memory": f"about {memory:,} MB to decode" if memory else "not known for this model",
        "format": said["format_version"] + (f", {PASSING}" if said["format_version"] == "0.0" else ""),
    }
