"""Files of a few bytes that ask for much, and what they cost each way in: `python -m tests.attacks.bombs`.

A line of JSON for each bomb and entrance: code, seconds of the processor, and MB of memory above what the
process held before (Linux). Every checksum of a bomb is right, so only the work itself can be refused.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import nic_cli.pillow  # noqa: F401 - registers the format
from nic_cli import codec
from nic_cli.__main__ import main
from nic_cli.container import file, layout
from nic_cli.desktop import thumbnailer
from nic_cli.image.reading import from_array
from nic_cli.types import Chunk, Container, Header, TileStream
from nic_cli.zoo import load as loading
from nic_cli.zoo.load import Model, load

SIDES = (
    (64, 64),
    (1024, 1024),
    (2048, 2048),
    (3072, 3072),
    (4096, 4096),
    (8192, 8192),
    (16384, 16384),
    (1 << 20, 64),
)
SIDES += ((64, 1 << 20), (1 << 15, 1 << 15), (1 << 20, 1 << 20))
LARGE = 200_000  # bytes


def container(model: Model, width: int, height: int, payloads: list[bytes], **more: object) -> Container:
    """A file of these sides, whose tiles hold `payloads` over and over."""
    given = {"channels": 3, "bit_depth": 8, "q": 0.0, "b": 0.75, "tile": layout.MAX_TILE} | more
    chunks = given.pop("chunks", ())
    header = Header(width=width, height=height, model=model.name, model_id=model.id, **given)
    count = layout.tile_count(width, height, header.tile)
    tiles = tuple(TileStream(payloads[i % len(payloads)], 0) for i in range(count))
    return Container(header, chunks, tiles)


def bombs(model: Model) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each; all but those of 64 x 64 pixels ask for more than they hold."""
    random = np.random.default_rng(1)
    junk = random.integers(1, 255, LARGE, dtype=np.uint8).tobytes()
    flat = codec.encode(from_array(np.zeros((64, 64, 3), np.uint8)), model, q=0.0).tiles[0]
    for width, height in SIDES:
        for tile in (1024, layout.MAX_TILE):
            count = layout.tile_count(width, height, tile)
            if count * layout.MIN_TILE_ENTRY > LARGE:
                continue
            for kind, payloads in (("empty", [b""]), ("junk", [junk[: LARGE // count] or b"\1"])):
                name = f"{width}x{height} in {tile}, {kind}"
                yield name, file.pack(container(model, width, height, payloads, tile=tile))
    for name, more in {
        "the highest q": {"q": model.config.q_top},
        "q beyond": {"q": 15.875},
        "grey": {"channels": 1},
        "16 bits": {"bit_depth": 16},
    }.items():
        yield name, file.pack(container(model, 3072, 3072, [junk], **more))
    packed = zlib.compress(bytes(1 << 26), 9)
    for side in (3072, 8192):
        alpha = Chunk(layout.ALPHA, packed)
        yield f"alpha of {side}", file.pack(container(model, side, side, [junk[:100_000]], chunks=(alpha,)))
    wide = container(model, 1 << 15, 1024, [flat.payload, b""], tile=64 * 16)
    yield "a first tile that is sound", file.pack(replace(wide, tiles=(flat, *wide.tiles[1:])))


def _opened(path: Path) -> int:
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, Image.DecompressionBombError):
        return 3
    return 0


def entrances(place: Path) -> dict[str, Callable[[Path], int]]:
    """The ways in: each takes a file and gives the exit code."""
    out = place / "out.png"
    return {
        "decode": lambda path: main(["decode", str(path), "-o", str(out), "-f"]),
        "crop": lambda path: main(["decode", str(path), "--crop", "0,0,64,64", "-o", str(out), "-f"]),
        "verify": lambda path: main(["verify", str(path)]),
        "info": lambda path: main(["info", str(path)]),
        "thumbnailer": lambda path: thumbnailer.main([str(path), str(out)]),
        "pillow": _opened,
    }


def _status(name: str) -> int:
    """A line of /proc/self/status in KiB."""
    found = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(found.split()[1])


def measured(attempt: Callable[[], int]) -> tuple[int, float, float]:
    """Code, seconds of the processor, MB that came on top."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # or what was freed counts as held
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, start = _status("VmRSS"), time.process_time()
    code = attempt()
    return code, time.process_time() - start, (_status("VmHWM") - before) / 1024


def _run() -> None:
    report, quiet = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    model = load(device="cpu")
    # What any file takes: its 24 MB, read and freed for each, leave holes that hide or double the rest.
    loading.load = lambda *_, **__: model  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder, os.fdopen(report, "w") as lines:
        place, path = Path(folder), Path(folder) / "bomb.nic"
        ways = entrances(place)
        path.write_bytes(file.pack(codec.encode(from_array(np.zeros((300, 300, 3), np.uint8)), model)))
        for name, way in ways.items():  # all that is loaded once is there
            assert way(path) == 0, name
        for bomb, data in bombs(model):
            path.write_bytes(data)
            for name, way in ways.items():
                (place / "out.png").unlink(missing_ok=True)
                code, seconds, mb = measured(lambda way=way: way(path))
                left = (place / "out.png").exists()
                said = {"bomb": bomb, "bytes": len(data), "entrance": name, "code": code, "left": left}
                print(json.dumps(said | {"seconds": round(seconds, 3), "mb": round(mb, 1)}), file=lines)


if __name__ == "__main__":
    _run()
