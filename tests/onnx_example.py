"""python -m tests.onnx_example FILE.nic FOLDER OUT.png [B]: a picture decoded by ONNX Runtime.

FOLDER: of `nic models export MODEL --onnx FOLDER`. B: realism to show, that of the file if left out.
Container, entropy coder, noise and PNG are those of tests.reference. Left out: chunks, with alpha.
"""

import sys
from pathlib import Path
from types import SimpleNamespace
from zlib import crc32

import numpy as np
import onnxruntime

from tests.reference import png
from tests.reference.ans import Decoder
from tests.reference.container import check, parse
from tests.reference.noise import signed

PHASES = ((0, 0), (1, 1), (0, 1), (1, 0))


def decode(data: bytes, folder: Path, b: float | None = None) -> np.ndarray:
    """The pixels [rows, columns, 1 or 3] of a file, u8 or u16. Raises ValueError for one that is damaged."""
    graphs = {path.stem: onnxruntime.InferenceSession(path) for path in folder.glob("*.onnx")}
    model = SimpleNamespace(**np.load(folder / "tables.npz"))
    ends = np.cumsum(model.sizes)
    model.cumulated = lambda t: [
        0,
        *np.cumsum(model.frequencies[ends[t] - model.sizes[t] : ends[t]]).tolist(),
    ]

    def run(name: str, **given: np.ndarray) -> np.ndarray:
        wanted = [port.name for port in graphs[name].get_inputs()]
        return graphs[name].run(None, {key: value for key, value in given.items() if key in wanted})[0]

    header = parse(data)
    check(
        header.model_id == model.id.tobytes(),
        f"made by another model, {header.model} {header.model_id.hex()}",
    )
    q, made = (np.float32([units / 4096]) for units in (header.q, header.b))
    step = int(4096 * model.q_top) // (model.q_anchors - 1)
    anchor = min((header.q + step // 2) // step, model.q_anchors - 1)
    own = model.scales + model.hyper * anchor + np.arange(model.hyper)
    width = graphs["synthesis"].get_inputs()[0].shape[3]
    latents = np.zeros((1, header.rows[-1] // 16, header.columns[-1] // 16, width), np.float32)
    for tile, payload in zip(header.tiles, header.payloads, strict=True):
        coder, (h, w) = Decoder(payload), (tile.height // 64, tile.width // 64)
        z = coder.part(np.broadcast_to(own, (1, h, w, len(own))), np.ones((1, h, w, len(own)), bool), model)
        floats = z.astype(np.float32)
        tables = run("scales", z=floats, q=q)
        r = coder.part(tables, tables >= model.skip, model)
        coder.end()
        check(
            crc32(z.astype("<i4").tobytes() + r.astype("<i4").tobytes()) == tile.symbols_crc, "other symbols"
        )
        features = run("hyper_synthesis", z=floats, q=q)
        before = np.empty((1, 2 * h, 2 * w, 0), np.float32)
        for phase, (i, j) in enumerate(PHASES):
            found = run(f"context_{phase}", features=features, before=before) + r[:, i::2, j::2]
            latents[:, tile.top // 16 + i :: 2, tile.left // 16 + j :: 2][:, : 2 * h, : 2 * w] = found
            before = np.concatenate((before, found.astype(np.float32)), 3)
    seed = crc32(b"".join(tile.symbols_crc.to_bytes(4, "little") for tile in header.tiles))
    noise = signed(seed, 2 * latents.shape[1], 2 * latents.shape[2])[None]
    shown = made if b is None else np.float32([b])
    pixels = run("synthesis", latents=latents, q=q, b_made=made, b_shown=shown, noise=noise)[0]
    pixels = pixels[: header.height, : header.width]
    pixels = np.clip(pixels, 0, 1)
    pixels = pixels if header.rgb else pixels.mean(-1, keepdims=True)
    kind = np.uint16 if header.deep else np.uint8
    pixels = np.rint(pixels * np.iinfo(kind).max)
    if "RANG" in header.chunks:
        pixels = np.rint(pixels * int.from_bytes(header.chunks["RANG"], "little") / 65535)
    return pixels.astype(kind)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit("usage: python -m tests.onnx_example FILE.nic FOLDER OUT.png [REALISM]")
    file, folder, out = map(Path, sys.argv[1:4])
    out.write_bytes(png.written(decode(file.read_bytes(), folder, *map(float, sys.argv[4:]))))
