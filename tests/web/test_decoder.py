"""The decoder of browsers, in node, on the golden files: what the second decoder makes of them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import cache
from itertools import chain, pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest

import nic_cli
from tests import reference
from tests.golden import IMPORTED, REFUSED, ROOT, SHOWN, V1, model_of, rows

WEB = ROOT / "nic_cli" / "web"
FOLDER = WEB / "decoder"
IRIS = model_of("iris")
NODE = shutil.which("node")
NATIVE = {row["file"]: row for row in rows("files.tsv") if row["file"] not in IMPORTED}
CASES = [(name, b) for name in NATIVE for b in (None, *SHOWN.get(name, ()))]
IN_JAVASCRIPT = ("one-row", "grey-of-12-bits", "all-realism", "another-model")


def node_version() -> int:
    if NODE is None:
        return 0
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.removeprefix("v").split(".")[0])


pytestmark = pytest.mark.skipif(node_version() < 18, reason="needs node 18 or later")


def asked(*questions: dict) -> list:
    """What run.mjs answers to each."""
    command = [NODE, Path(__file__).with_name("run.mjs"), *map(json.dumps, questions)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def question(folder: Path, out: Path | None, names: tuple[str, ...], **more: object) -> dict:
    """Each file of a model at its own and the other realisms; deep ones in 16 bits too."""
    files = []
    for name in names:
        deep = reference.parse((V1 / f"{name}.nic").read_bytes()).deep
        draws = [{} if b is None else {"b": b} for case, b in CASES if case == name]
        draws += [{"deep": True}] * deep
        files.append({"file": f"{V1 / name}.nic", "out": f"{out / name}.raw", "draws": draws})
    return {"model": str(folder), "files": files, **more}


def of_model(name: str, among: tuple[str, ...] = tuple(NATIVE)) -> tuple[str, ...]:
    return tuple(case for case in among if NATIVE[case]["model"] == name)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """All files, and some of them without WebAssembly: {plain: (folder of pixels, {name: what was said})}."""
    found = {}
    for plain, among in (False, tuple(NATIVE)), (True, IN_JAVASCRIPT):
        out = tmp_path_factory.mktemp("plain" if plain else "simd")
        names = [of_model(model, among) for model in ("iris", "tiny")]
        folders = IRIS, model_of("tiny")
        pairs = zip(folders, names, strict=True)
        said = asked(*(question(folder, out, some, plain=plain) for folder, some in pairs))
        assert all(answer["simd"] is not plain for answer in said)
        each = chain.from_iterable(answer["files"] for answer in said)
        whole = dict(zip(chain.from_iterable(names), each, strict=True))
        found[plain] = out, whole
    return found


@cache
def wanted(name: str, b: float | None) -> np.ndarray:
    """The pixels of the second decoder without alpha: [rows, columns, 1 or 3]."""
    pixels, _ = reference.decode((V1 / f"{name}.nic").read_bytes(), model_of(NATIVE[name]["model"]), b)
    return pixels[..., : pixels.shape[2] - 1] if pixels.shape[2] % 2 == 0 else pixels


def drawn(answers, plain: bool, name: str, b: float | None, kind: type = np.uint8) -> np.ndarray:
    """The pixels [rows, columns, 4] of one drawing of run.mjs; of 16 bits where kind is."""
    out, whole = answers[plain]
    said, data = whole[name], (out / f"{name}.raw").read_bytes()
    size = said["width"] * said["height"] * 4
    shown = [case[1] for case in CASES if case[0] == name]
    at = size * (len(shown) if kind is np.uint16 else shown.index(b))
    found = np.frombuffer(data, kind, size, at)
    return found.reshape(said["height"], said["width"], 4)


def in_8_bits(name: str, pixels: np.ndarray) -> np.ndarray:
    """As a screen shows them: the range of a picture's values as 0 to 255."""
    if pixels.dtype == np.uint8:
        return pixels.astype(int)
    chunks = reference.parse((V1 / f"{name}.nic").read_bytes()).chunks
    top = int.from_bytes(chunks.get("RANG", b"\xff\xff"), "little")
    return np.rint(pixels.astype(float) * 255 / top).astype(int)


def close(found: np.ndarray, right: np.ndarray, level: int = 1) -> None:
    """Within a level nearly everywhere and within two anywhere; grey in all three; opaque."""
    most = 255 if level == 1 else 65535
    assert (found[..., 3] == most).all()
    apart = np.abs(found[..., :3].astype(int) - right)
    assert apart.max() <= 2 * level and (apart > level).mean() <= 1e-4


@pytest.mark.parametrize("name", NATIVE)
def test_symbols_are_those_of_the_list(name, answers):
    said = answers[False][1][name]
    assert "refused" not in said, said
    assert f"{said['symbols']:08x}" == NATIVE[name]["symbols"]


@pytest.mark.parametrize(("name", "b"), CASES)
def test_pixels_are_those_of_the_second_decoder(name, b, answers):
    right = wanted(name, b)
    found = drawn(answers, False, name, b)
    said = answers[False][1][name]
    assert found.shape[:2] == right.shape[:2] and said["channels"] == right.shape[2]
    close(found, in_8_bits(name, right))
    if right.dtype == np.uint16:
        close(drawn(answers, False, name, b, np.uint16), right, 257)


def test_the_comparison_tells_realisms_apart(answers):
    """A control."""
    with pytest.raises(AssertionError):
        close(drawn(answers, False, "tiles", 0.0), wanted("tiles", 1.0))


@pytest.mark.parametrize("name", IN_JAVASCRIPT)
def test_javascript_alone_gives_the_same(name, answers):
    assert answers[True][1][name] == answers[False][1][name]
    plain, simd = (drawn(answers, kind, name, None).astype(int) for kind in (True, False))
    assert np.abs(plain - simd).max() <= 1


def test_strips_equal_the_whole(tmp_path):
    """Whatever their heights, also backwards and from somewhere within; with noise and without."""
    folder, name = IRIS, "several-sizes-of-tiles"
    for b in 0.3, 1.0:
        whole = {"file": f"{V1 / name}.nic", "out": str(tmp_path / "whole"), "draws": [{"b": b}]}
        edges = [0, 1, 8, 61, 64, 130, 200]
        bands = [{"b": b, "top": i, "rows": j - i} for i, j in pairwise(edges)]
        parts = {**whole, "out": str(tmp_path / "parts"), "draws": bands}
        back = {**whole, "out": str(tmp_path / "back"), "draws": bands[::-1]}
        (said,) = asked({"model": str(folder), "files": [whole, parts, back]})
        assert not [answer for answer in said["files"] if "refused" in answer]
        right = (tmp_path / "whole").read_bytes()
        assert (tmp_path / "parts").read_bytes() == right
        found, at = (tmp_path / "back").read_bytes(), 0
        for band in bands[::-1]:
            size = band["rows"] * 340 * 4
            assert found[at : at + size] == right[band["top"] * 340 * 4 :][:size]
            at += size


@pytest.mark.parametrize("name", ["several-sizes-of-tiles", "grey-of-12-bits", "one-row"])
def test_reduced_pictures_are_those_of_the_program(name, tmp_path):
    scales = (2, 4, 8)
    draws = [{"scale": scale, "deep": True} for scale in scales]
    file = {"file": f"{V1 / name}.nic", "out": str(tmp_path / "a"), "draws": draws}
    (said,) = asked({"model": str(IRIS), "files": [file]})
    assert "refused" not in said["files"][0]
    data, at = (tmp_path / "a").read_bytes(), 0
    for scale in scales:
        right = nic_cli.open((V1 / f"{name}.nic").read_bytes()).scale(scale).to_array()
        size = right.shape[0] * right.shape[1] * 4
        found = np.frombuffer(data, np.uint16, size, 2 * at).reshape(*right.shape[:2], 4)
        at += size
        deep = right.astype(int) * (257 if right.dtype == np.uint8 else 1)
        close(found, deep.reshape(*right.shape[:2], -1), 257)


def test_workers_give_the_same_and_the_slider_nearly():
    """In threads of node: bands, several workers, cancelling, mixing, closing."""
    command = [NODE, Path(__file__).with_name("work.mjs"), IRIS, V1 / "tiles.nic"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "all right\n"), done.stderr


def test_what_is_to_be_refused_is_refused_with_a_line():
    names = [row["file"] for row in rows("refused.tsv")]
    files = [{"file": str(V1 / REFUSED / f"{name}.nic"), "draws": [{}]} for name in names]
    (said,) = asked({"model": str(IRIS), "files": files})
    for name, answer in zip(names, said["files"], strict=True):
        assert re.fullmatch(r"(?!CRASH)[^\n]{10,200}", answer.get("refused", "")), (name, answer)


def test_imported_models_and_their_files_are_refused_with_a_reason():
    imported = [{"file": str(V1 / "imported.nic")}]
    of_iris, other = asked(
        {"model": str(IRIS), "files": imported}, {"model": str(V1 / "models" / "qvrf"), "files": imported}
    )
    assert "made by model" in of_iris["files"][0]["refused"] and "native" in other["refused"]


def test_a_model_is_known_by_name_and_id(tmp_path):
    data = (V1 / "one-pixel.nic").read_bytes()
    end = 10 + data[9]
    front = data[:end].replace(b"iris", b"isis")
    (tmp_path / "a.nic").write_bytes(front + crc32(front).to_bytes(4, "little") + data[end + 4 :])
    (said,) = asked({"model": str(IRIS), "files": [{"file": str(tmp_path / "a.nic")}]})
    assert said["files"][0]["refused"].startswith("made by model isis")


@pytest.mark.parametrize("name", ["one-pixel", "least-rate"])
def test_any_flipped_bit_is_refused(name):
    (wrong,) = asked({"model": str(IRIS), "flip": str(V1 / f"{name}.nic")})
    assert wrong == []


def test_a_model_that_is_damaged_is_refused(tmp_path):
    for name, text, data in (
        ("text", "{", b""),
        ("cut", (IRIS / "config.json").read_text(), (IRIS / "model.safetensors").read_bytes()[:100000]),
        ("depth", (IRIS / "config.json").read_text().replace('"latent": 256', '"latent": 255'), None),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(text)
        weights = (IRIS / "model.safetensors").read_bytes() if data is None else data
        (tmp_path / name / "model.safetensors").write_bytes(weights)
        (said,) = asked({"model": str(tmp_path / name), "files": []})
        assert re.fullmatch(r"(?!CRASH)[^\n]+", said.get("refused", "")), (name, said)


def test_the_kernels_are_what_their_source_makes(tmp_path):
    """Byte for byte, by a compiler of a stated version."""
    npm = shutil.which("npm")
    reached = npm and subprocess.run([npm, "ping", "--fetch-retries=0"], capture_output=True, timeout=30)
    if not reached or reached.returncode:
        pytest.skip("no npm, or no way to its registry")
    subprocess.run([WEB / "kernels" / "build.sh", tmp_path], check=True, timeout=60)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in FOLDER.glob("*.wasm")} and len(made) == 2


def test_threads_change_no_bit(tmp_path):
    """Where memory can be shared; asked for more threads than the pictures have work for, too."""
    names = ("preview", "tiles", "one-row", "one-column")
    names = tuple(name for name in names if name in of_model("iris"))
    found = {}
    for threads in (1, 2, 5):
        out = tmp_path / str(threads)
        out.mkdir()
        (said,) = asked(question(IRIS, out, names, threads=threads))
        assert said["threads"] == threads and not [file for file in said["files"] if "refused" in file]
        found[threads] = {name: (out / f"{name}.raw").read_bytes() for name in names}
    assert len(names) > 2 and found[1] == found[2] == found[5]


def test_a_thread_that_is_woken_late_does_nothing_twice():
    command = [NODE, Path(__file__).with_name("race.mjs"), "3000", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "all right\n", done.stderr


def test_it_is_small_and_can_be_read():
    files = [path for path in FOLDER.iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 150_000
    scripts = [path for path in [*files, *(WEB / "kernels").iterdir()] if path.suffix in (".js", ".ts")]
    assert len(scripts) > 10
    for path in scripts:
        lines = path.read_text().splitlines()
        assert len(lines) <= 300 and max(map(len, lines)) <= 110, path
        for name in re.findall(r"(?:from|import\()\s*\"([^\"]+)\"", path.read_text()):
            assert name.startswith(("./", "node:fs")), f"{path} imports {name}"
