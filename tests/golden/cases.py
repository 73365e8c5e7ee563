"""How each golden file is made: only for those that are missing, since the others stay as they were."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import nic_cli
from nic_cli.container import file, layout
from nic_cli.image.ancillary import gain_map
from nic_cli.image.ancillary.gain_map import Gains
from nic_cli.types import Chunk
from tests.golden import model_of
from tests.golden.pictures import bright, described, drawn, mask, noise, profiled, tiff, wide, with_alpha


def packed(source: object, q: float = 1.5, b: float = 0.75, model: str = "iris", **options: object) -> bytes:
    """A file by one of the models that golden files are made by."""
    folder = None if model == "iris" else str(model_of(model))
    return nic_cli.encode(source, q=q, b=b, model=folder, **options)  # type: ignore[arg-type]


def beside(data: bytes, *chunks: Chunk) -> bytes:
    """The same file with chunks more."""
    container = file.unpack(data)
    return file.pack(replace(container, chunks=(*container.chunks, *chunks)))


def shown_brighter() -> bytes:
    """A picture with an HDR gain map."""
    gains = Gains(0.0, 2.5, (-0.25,), (2.5,), (1.5,), (1 / 32,), (1 / 128,))
    image = Image.fromarray(drawn(24, 16, 1))
    return beside(packed(drawn(96, 64)), Chunk(layout.GAIN_MAP, gain_map.pack(image, gains)))


def with_range() -> bytes:
    """12-bit grey: values of 0..4095."""
    stretched = np.rint(drawn(80, 64, 1, 4095) * (65535 / 4095)).astype(np.uint16)
    return beside(packed(stretched), Chunk(layout.RANGE, (4095).to_bytes(2, "little")))


def from_the_future() -> bytes:
    """Chunks of private kinds, which no version will know."""
    data = packed(drawn(70, 66))
    return beside(data, Chunk(b"xLTR", b"later"), Chunk(b"mORE", bytes(range(256))))


def doubtful() -> bytes:
    """A file of an imported model with notes, of which honest files have hardly any."""
    from nic_cli.transform.research import engine

    usual, engine.MARGIN = engine.MARGIN, 3e-3
    try:
        return packed(drawn(90, 120), q=5.0, b=0.0, model="qvrf")
    finally:
        engine.MARGIN = usual


def a_later_minor() -> bytes:
    """The same by a writer of format 1.7."""
    from tests.golden.damage import resealed

    return resealed(from_the_future(), lambda head: head[:8] + b"\x17" + head[9:])


def sixty_four_chunks() -> bytes:
    """As many as there may be."""
    kinds = [b"x" + bytes((65 + i % 26, 97 + i // 26, 97)) for i in range(59)]
    return beside(packed(described()), *[Chunk(kind, kind) for kind in kinds])


FILES: dict[str, Callable[[], bytes]] = {
    "one-pixel": lambda: packed(drawn(1, 1)),
    "one-row": lambda: packed(drawn(300, 1), q=2.5),
    "one-column": lambda: packed(drawn(1, 300), q=2.5),
    "no-tile-cut": lambda: packed(drawn(64, 64), q=1.0, b=0.0),
    "flat": lambda: packed(np.full((40, 50, 3), 119, np.uint8)),
    "black": lambda: packed(np.zeros((64, 64, 3), np.uint8), q=0.0),
    "grey": lambda: packed(drawn(100, 60, 1), q=0.0, b=0.5),
    "grey-noise": lambda: packed(noise(66, 64)[:, :, 0], q=6.0, b=1.0),
    "grey-of-16-bits": lambda: packed(drawn(90, 70, 1, 65535), q=4.0),
    "grey-of-12-bits": with_range,
    "16-bits": lambda: packed(drawn(80, 70, 3, 65535), q=6.0, b=0.25),
    "alpha": lambda: packed(with_alpha(drawn(90, 80), mask(90, 80))),
    "alpha-of-grey": lambda: packed(with_alpha(drawn(65, 64, 1), mask(65, 64))),
    "alpha-of-16-bits": lambda: packed(with_alpha(drawn(60, 90, 3, 65535), mask(60, 90, 65535))),
    "least-rate": lambda: packed(drawn(130, 70), q=0.0, b=0.0),
    "highest-rate": lambda: packed(drawn(130, 70), q=6.0, b=0.0),
    "between-anchors": lambda: packed(drawn(130, 70), q=1.37, b=0.3),
    "half-realism": lambda: packed(drawn(130, 70), q=2.0, b=0.5),
    "all-realism": lambda: packed(drawn(130, 70), q=2.0, b=1.0),
    "escapes": lambda: packed(noise(66, 64), q=6.0, b=0.0),
    "tiles": lambda: packed(drawn(190, 140), q=2.0, tile=64),
    "several-sizes-of-tiles": lambda: packed(drawn(340, 200), q=2.6, b=0.8, tile=128),
    "searched": lambda: packed(drawn(100, 100), q=1.0, effort=4),
    "wide-colours": lambda: packed(profiled(wide)),
    "back-to-its-space": lambda: packed(profiled(bright)),
    "described": lambda: packed(described()),
    "iptc-and-geotiff": lambda: packed(tiff()),
    "preview": lambda: packed(drawn(330, 240), preview=True),
    "hdr": lambda: beside(packed(drawn(64, 80, 3, 65535)), Chunk(layout.CICP, bytes((9, 16, 0, 1)))),
    "gain-map": shown_brighter,
    "unknown-chunks": from_the_future,
    "later-minor": a_later_minor,
    "64-chunks": sixty_four_chunks,
    "another-model": lambda: packed(drawn(150, 90), model="tiny", tile=64),
    "imported": lambda: packed(drawn(100, 70), q=3.0, b=0.0, model="qvrf"),
    "imported-with-notes": doubtful,
}


def make_tiny(folder: Path) -> None:
    """A native model of other widths than those of iris."""
    from tests.zoo.conftest import tiny_files

    folder.mkdir()
    tiny_files(folder)


def make_qvrf(folder: Path) -> None:
    """An imported model of few channels, with weights that anybody can make again."""
    import torch

    from nic_cli.transform.research.systems import SYSTEMS
    from nic_cli.zoo.checkpoint_import import import_model
    from tests.transform.research import weights

    with torch.device("meta"):
        system = SYSTEMS["qvrf"](width=8)
    checkpoint = folder.with_suffix(".pt")
    torch.save(weights.state("qvrf", system), checkpoint)
    import_model("qvrf", [checkpoint], folder, "qvrf", half=True, say=print)
    checkpoint.unlink()


MODELS: dict[str, Callable[[Path], None]] = {"tiny": make_tiny, "qvrf": make_qvrf}
