"""The page of the format suffices: a decoder written from it alone gives the program's pixels."""

from __future__ import annotations

import ast
import os
import pickle
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

import nic_cli
from tests.reference import decode
from tests.reference.container import parse

ROOT = Path(__file__).parents[2]
IRIS = ROOT / "models" / "iris"
OWN = [path for path in Path(__file__).parent.glob("*.py") if not path.name.startswith("test_")]


def drawn(width: int, height: int, planes: int = 3) -> np.ndarray:
    """A picture with a gradient, waves, edges and grain, [height, width, planes] in 0..1."""
    x, y, plane = (v.astype(float) for v in np.meshgrid(*map(np.arange, (width, height, planes))))
    waves = 0.2 * np.sin(x * y / 300 + plane) + 0.15 * ((x // 23 + y // 17 + plane) % 3 == 0)
    grain = np.random.default_rng(1).normal(0, 0.03, x.shape)
    return np.clip(0.15 + 0.5 * x / (width + height) + waves + grain, 0, 1)


# width, height, planes, bits a sample, q, b, side of the tiles, b that is shown (None: that of the file)
CASES = {
    "small and faithful": (64, 64, 3, 8, 1.0, 0.0, 1024, None),
    "one pixel": (1, 1, 3, 8, 2.0, 0.75, 1024, None),
    "between anchors of q and b": (130, 70, 3, 8, 1.37, 0.3, 1024, None),
    "several tiles, less realism": (190, 140, 3, 8, 2.6, 0.8, 64, 0.2),
    "several tiles, with noise": (190, 140, 3, 8, 2.0, 0.75, 128, None),
    "grey, the least rate, all the noise": (100, 60, 1, 8, 0.0, 0.5, 1024, 1.0),
    "16 bits, the highest rate": (80, 70, 3, 16, 6.0, 0.2, 1024, None),
}

WORK = """
import pickle, sys
from pathlib import Path
from tests.reference import decode
jobs = pickle.load(sys.stdin.buffer)
found = [decode(data, Path(sys.argv[1]), shown) for data, shown in jobs]
pickle.dump(found, sys.stdout.buffer)
"""


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """What the program encodes."""
    found = {}
    for name, (width, height, planes, bits, q, b, tile, _) in CASES.items():
        top = 2**bits - 1
        pixels = (drawn(width, height, planes) * top).round().astype(np.uint16 if bits == 16 else np.uint8)
        found[name] = nic_cli.encode(pixels.squeeze(-1) if planes == 1 else pixels, q=q, b=b, tile=tile)
    return found


@pytest.fixture(scope="module")
def decoded(files: dict[str, bytes]) -> dict[str, tuple[np.ndarray, list[tuple]]]:
    """Pixels and symbols by the second decoder, by one process whose products keep to one thread.

    Several that wait for each other take fifty times as long where other work has the processors.
    """
    jobs = pickle.dumps([(data, CASES[name][-1]) for name, data in files.items()])
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", WORK, str(IRIS)]
    made = subprocess.run(command, input=jobs, stdout=subprocess.PIPE, env=environment, check=True).stdout
    return dict(zip(files, pickle.loads(made), strict=True))


@pytest.mark.parametrize("name", CASES)
def test_symbols_are_those_whose_checksum_the_file_holds(name, files, decoded):
    """Recomputed from what is returned, whatever the decoder checked by itself."""
    tiles = parse(files[name]).tiles
    assert len(tiles) == len(decoded[name][1])
    for tile, (z, r) in zip(tiles, decoded[name][1], strict=True):
        assert z.shape == (tile.height // 64, tile.width // 64, 64)
        assert r.shape == (tile.height // 16, tile.width // 16, 256)
        assert crc32(z.astype("<i4").tobytes() + r.astype("<i4").tobytes()) == tile.symbols_crc


@pytest.mark.parametrize("name", CASES)
def test_pixels_are_those_of_the_program(name, files, decoded):
    """Last digits of sums may differ: by a level of 255 at most, and hardly anywhere."""
    width, height, planes, bits, *_, shown = CASES[name]
    theirs = nic_cli.open(files[name]).to_array(b=shown).reshape(height, width, planes)
    ours = decoded[name][0]
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype == np.dtype(f"u{bits // 8}")
    apart = np.abs(ours.astype(int) - theirs)
    assert apart.max() <= (1 if bits == 8 else 257)
    assert (apart > (0 if bits == 8 else 2)).mean() <= 0.001
    assert theirs.std() > 0 or width == 1, "a plain picture shows nothing"


def test_the_comparison_tells_realisms_and_their_noise_apart(files, decoded):
    """A control: what the program shows at other realisms is not what was found."""
    name = "several tiles, with noise"
    for shown in (0.5, 1.0):
        theirs = nic_cli.open(files[name]).to_array(b=shown)
        assert (decoded[name][0] != theirs).mean() > 0.1


def test_the_cases_are_what_they_are_called(files):
    """Several tiles where there are to be several, and coded symbols wherever there is more than a pixel."""
    assert len(parse(files["several tiles, with noise"]).tiles) == 4
    for name, data in files.items():
        assert name == "one pixel" or all(parse(data).payloads)


def flipped(data: bytes, at: int, bit: int = 0) -> bytes:
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def test_any_flipped_bit_is_refused(files):
    """In signature, header, its table of tiles, chunks and payloads; the file as it is passes."""
    data = files["small and faithful"]
    parse(data)
    for at in range(len(data)):
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            parse(flipped(data, at, at % 8))


def test_a_file_that_is_cut_or_goes_on_is_refused(files):
    data = files["small and faithful"]
    for wrong in (data[:-1], data[:40], data[:9], b"", data + b"\0"):
        with pytest.raises(ValueError, match=r"^[^\n]+$"):
            parse(wrong)


def resigned(data: bytes, payload: bytes) -> bytes:
    """A file of one tile with another payload of the same length; checksums but the symbols' made anew."""
    header = parse(data)
    (old,) = header.payloads
    entry = data.index(header.tiles[0].payload_crc.to_bytes(4, "little"))
    end = entry + 8
    assert len(payload) == len(old)
    front = data[:entry] + crc32(payload).to_bytes(4, "little") + data[entry + 4 : end]
    return front + crc32(front).to_bytes(4, "little") + data[end + 4 : -len(old)] + payload


def test_a_changed_payload_with_right_checksums_is_refused(files):
    """By what the coder finds at its end, or by the checksum of the symbols."""
    data = files["small and faithful"]
    (payload,) = parse(data).payloads
    assert resigned(data, payload) == data
    for at in (0, len(payload) // 2, len(payload) - 1):
        with pytest.raises(ValueError, match=r"^(a payload|tile 0|a symbol)[^\n]+$"):
            decode(resigned(data, flipped(payload, at, 1)), IRIS)


def test_another_model_is_refused(files, tmp_path):
    """A folder that codes otherwise has another id, by which the file's symbols are not tried at all."""
    (tmp_path / "model.safetensors").symlink_to(IRIS / "model.safetensors")
    config = (IRIS / "config.json").read_text()
    assert '"skip": 7' in config
    (tmp_path / "config.json").write_text(config.replace('"skip": 7', '"skip": 8'))
    with pytest.raises(ValueError, match="made by model"):
        decode(files["one pixel"], tmp_path)


def test_the_command_writes_a_picture_that_others_read(files, tmp_path):
    from PIL import Image

    (tmp_path / "a.nic").write_bytes(files["one pixel"])
    command = [sys.executable, "-m", "tests.reference", tmp_path / "a.nic", IRIS, "-o", tmp_path / "a.ppm"]
    subprocess.run(command, cwd=ROOT, check=True)
    with Image.open(tmp_path / "a.ppm") as image:
        assert image.size == (1, 1) and image.mode == "RGB"
    (tmp_path / "a.nic").write_bytes(flipped(files["one pixel"], 12))
    wrong = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert wrong.returncode == 1 and wrong.stderr.count("\n") == 1 and "Traceback" not in wrong.stderr


def test_it_stands_alone_and_is_short():
    """Nothing but numpy and the standard library is imported; under 500 lines, blank ones apart.

    Formats of others, in which alpha comes and pictures go, are no part of it.
    """
    assert len(OWN) >= 5
    counted = [path for path in OWN if path.name not in ("png.py", "webp.py")]
    for path in OWN:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                ours = name == "tests.reference" or name.startswith("tests.reference.")
                assert ours or name == "numpy" or name in sys.stdlib_module_names, f"{path.name}: {name}"
    assert sum(bool(line.strip()) for path in counted for line in path.read_text().splitlines()) < 500
