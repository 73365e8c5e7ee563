"""A second decoder of `.nic` files, written from nic(5) and a model's folder alone, in numpy.

It shows that the page suffices, and is what the program is compared with: slow, short, strict. Left out:
previews, conversion to ICC profiles, imported models.
"""

from pathlib import Path
from zlib import crc32

import numpy as np

from tests.reference import png, webp
from tests.reference.container import Header, check, parse
from tests.reference.model import load
from tests.reference.network import latents, picture
from tests.reference.tables import symbols_of


def decode(data: bytes, folder: Path, b: float | None = None) -> tuple[np.ndarray, list[tuple]]:
    """The pixels [rows, columns, 1 to 4] of a file, u8 or u16, alpha last; of each tile the symbols (z, r).

    b: the realism to show, that of the header where None. z: [h / 64, w / 64, H], r: [h / 16, w / 16, L].
    Raises ValueError, one line, for whatever is damaged, or not for this model.
    """
    header, model = parse(data), load(folder)
    check(header.model_id == model.id, f"made by model {header.model_id.hex()}, this one is {model.id.hex()}")
    check(header.q <= 4096 * model.config["q_top"], f"q {header.q / 4096} is over the model's")
    made = header.b / 4096
    shown = made if b is None else b
    check(0 <= shown <= 1, f"realism {shown} is not in 0..1")
    symbols = []
    whole = np.zeros((header.rows[-1] // 16, header.columns[-1] // 16, model.config["latent"]), np.float64)
    for tile, payload in zip(header.tiles, header.payloads, strict=True):
        z, r = symbols_of(payload, tile.height, tile.width, header.q, model)
        found = crc32(z.astype("<i4").tobytes() + r.astype("<i4").tobytes())
        check(found == tile.symbols_crc, f"tile {len(symbols)}: its symbols have another checksum")
        symbols.append((z, r))
        y, x = tile.top // 16, tile.left // 16
        whole[y : y + len(r), x : x + r.shape[1]] = latents(z, r, header.q, made, model)
    seed = crc32(b"".join(tile.symbols_crc.to_bytes(4, "little") for tile in header.tiles))
    values = picture(whole, header.q, made, shown, seed, model)[: header.height, : header.width]
    values = np.clip(values + 0.5, 0, 1)
    values = values if header.rgb else values.mean(-1, keepdims=True)
    kind = np.uint16 if header.deep else np.uint8
    pixels = np.rint(values * np.iinfo(kind).max)
    if "RANG" in header.chunks:
        pixels = np.rint(pixels * int.from_bytes(header.chunks["RANG"], "little") / 65535)
    pixels = pixels.astype(kind)
    return (np.dstack([pixels, alpha(header)]) if "ALPH" in header.chunks else pixels), symbols


def alpha(header: Header) -> np.ndarray:
    """The alpha plane of a file that has one, [rows, columns]."""
    data, size = header.chunks["ALPH"], (header.height, header.width)
    if data[:4] == b"RIFF":
        check(data[8:16] == b"WEBPVP8L", "alpha in a WebP that is not simple and lossless")
        found = webp.plane(data, size[0] * size[1])
    else:
        found = png.read(data, size).squeeze(-1) if png.planes(data) == 1 else np.empty(0)
    check(found.shape == size and found.itemsize == 1 + header.deep, "alpha of another size or depth")
    return found
