"""python -m tests.golden: write golden files and lines that are missing; none that is there is touched."""

from __future__ import annotations

import csv
from zlib import crc32

import nic_cli
from tests import reference
from tests.golden import IMPORTED, LISTS, REFUSED, SHOWN, V1, digest, model_of, pixels_of, rows, weights_of
from tests.golden.cases import FILES, MODELS
from tests.golden.damage import OF_1_0
from tests.golden.damage import REFUSED as WRONG
from tests.reference import png


def append(name: str, *values: str) -> None:
    """Add a line to a list."""
    path, head = V1 / name, LISTS[name]
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream, delimiter="\t", lineterminator="\n")
        if new:
            out.writerow(head)
        out.writerow(values)


def maker(data: bytes) -> str:
    """The name of the model that made a file."""
    return reference.parse(data).model


def main() -> None:
    """Write what is missing."""
    for name, make in MODELS.items():
        if not model_of(name).exists():
            model_of(name).parent.mkdir(exist_ok=True)
            make(model_of(name))
    listed = {row["file"] for row in rows("files.tsv")}
    for name, made in FILES.items():
        if name not in listed:
            data = made()
            (V1 / f"{name}.nic").write_bytes(data)
            tiles = reference.parse(data).tiles
            symbols = crc32(b"".join(tile.symbols_crc.to_bytes(4, "little") for tile in tiles))
            append("files.tsv", name, digest(data), maker(data), f"{symbols:08x}")
            if name in IMPORTED:  # which the second decoder does not know
                pixels = nic_cli.open(data).to_array(model=str(model_of(maker(data))))
                (V1 / f"{name}.png").write_bytes(png.written(pixels))
    listed = {row["file"] for row in rows("refused.tsv")}
    (V1 / REFUSED).mkdir(exist_ok=True)
    for name, (made, why) in WRONG.items():
        if name not in listed:
            data = made()
            (V1 / REFUSED / f"{name}.nic").write_bytes(data)
            append("refused.tsv", name, digest(data), "1.0" if name in OF_1_0 else "all", why)
    seen = {(row["file"], row["realism"], row["weights"]) for row in rows("pixels.tsv")}
    for row in rows("files.tsv"):
        name, model = row["file"], row["model"]
        for b in ("own", *map(str, SHOWN.get(name, ()))):
            if name not in IMPORTED and (name, b, weights_of(model)) not in seen:
                data = (V1 / f"{name}.nic").read_bytes()
                found = reference.decode(data, model_of(model), None if b == "own" else float(b))
                append("pixels.tsv", name, b, weights_of(model), pixels_of(found[0]))


if __name__ == "__main__":
    main()
