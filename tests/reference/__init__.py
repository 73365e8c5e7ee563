"""A second decoder of `.nic` files, written from nic(5) and a model's folder alone, in numpy.

It is there to show that the page suffices, and to be compared with the program: slow, short, complete in
what it checks. Left out: WebP (alpha, previews), colour management, imported models.
"""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import numpy as np

from tests.reference.container import parse
from tests.reference.model import load
from tests.reference.network import latents, picture
from tests.reference.tables import symbols_of


def decode(data: bytes, folder: Path, b: float | None = None) -> tuple[np.ndarray, list[tuple]]:
    """The pixels [rows, columns, 1 or 3] of a file, u8 or u16, and of each tile the symbols (z, r).

    b: the realism to show, that of the header where None. z: [rows, columns, H], r: [rows, columns, L].
    Raises ValueError, one line, for whatever is damaged or not for this model.
    """
    if b is not None and not 0 <= b <= 1:
        raise ValueError(f"realism {b} is not between 0 and 1")
    header = parse(data)
    model = load(folder)
    if header.model_id != model.id:
        raise ValueError(f"the file was made by model {header.model_id.hex()}, this one is {model.id.hex()}")
    if header.q > 4096 * model.config["q_top"]:
        raise ValueError(f"q {header.q / 4096} is over the model's {model.config['q_top']}")
    symbols = []
    whole = np.zeros((header.rows[-1] // 16, header.columns[-1] // 16, model.config["latent"]), np.float32)
    for tile, payload in zip(header.tiles, header.payloads, strict=True):
        z, r = symbols_of(payload, tile.height, tile.width, header.q, model)
        if crc32(z.astype("<i4").tobytes() + r.astype("<i4").tobytes()) != tile.symbols_crc:
            raise ValueError(f"tile {len(symbols)}: its symbols have another checksum")
        symbols.append((z, r))
        y, x = tile.top // 16, tile.left // 16
        whole[y : y + r.shape[0], x : x + r.shape[1]] = latents(z, r, header.q, header.b, model)
    seed = crc32(b"".join(tile.symbols_crc.to_bytes(4, "little") for tile in header.tiles))
    shown = header.b / 4096 if b is None else b
    values = picture(whole, header.q, header.b / 4096, shown, seed, model)
    values = values[: header.height, : header.width]
    if not header.rgb:
        values = values.mean(-1, keepdims=True)
    values = np.clip(values + 0.5, 0, 1)
    top = 65535 if header.deep else 255
    pixels = np.rint(values.astype(np.float64) * top).astype(np.uint16 if header.deep else np.uint8)
    if "RANG" in header.chunks:
        scaled = pixels.astype(np.int64) * int.from_bytes(header.chunks["RANG"], "little")
        pixels = ((2 * scaled + 65535) // (2 * 65535)).astype(np.uint16)
    return pixels, symbols
