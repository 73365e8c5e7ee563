"""Golden files: they stay what they are, and both decoders make of them what they always made."""

from __future__ import annotations

import shutil
import subprocess
import sys
from hashlib import sha256
from zlib import crc32

import numpy as np
import pytest

import nic_cli
from nic_cli import codec
from nic_cli.container import file
from nic_cli.errors import NicError
from nic_cli.zoo.load import shared
from tests import conformance, reference
from tests.bench.exactness import VARIANTS, compare
from tests.golden import (
    IMPORTED,
    LISTS,
    REFUSED,
    ROOT,
    SHOWN,
    V1,
    digest,
    model_of,
    pixels_of,
    rows,
    weights_of,
)
from tests.reference import png

FREEZE = "5f082dc25e18470b0e7d937e079eb3fc903ff06b"
"""The commit that froze format 1."""
FROZEN = {
    "files.tsv": (37, "605ff7caa9524473b8cb1396ac43ea99cfe12d76499e6f1cbfcd876414bcf1a8"),
    "refused.tsv": (46, "14afb9c5aa7111ba934c7c61d8fea46b1fef8064e025bafea069f5ed0ee02576"),
}
"""Lines of each list when format 1 was frozen, its head included, and their SHA-256."""
FILES = {row["file"]: row for row in rows("files.tsv")}
WRONG = {row["file"]: row for row in rows("refused.tsv")}
NATIVE = [name for name in FILES if name not in IMPORTED]
FLIPPED = ["one-pixel", "tiles", "alpha", "described", "16-bits", "unknown-chunks"]


def read(name: str) -> bytes:
    return (V1 / f"{name}.nic").read_bytes()


def test_lists_begin_as_they_did_when_format_1_was_frozen():
    for name, (n, wanted) in FROZEN.items():
        lines = (V1 / name).read_bytes().splitlines(keepends=True)
        assert len(lines) >= n >= 25 and sha256(b"".join(lines[:n])).hexdigest() == wanted


def git(*arguments: str) -> bytes:
    """What git says here; the test is skipped where there is no history."""
    said = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True)
    if said.returncode:
        pytest.skip("the history of the repository is not here")
    return said.stdout


def test_no_golden_file_was_changed_or_taken_away_since_then():
    changes = git(
        "log", "--diff-filter=DMRT", "--format=", "--name-only", f"{FREEZE}..", "--", "tests/golden/v1"
    )
    assert not [line for line in changes.decode().split() if not line.endswith(".tsv")]
    for name in LISTS:
        assert (V1 / name).read_bytes().startswith(git("show", f"{FREEZE}:tests/golden/v1/{name}"))


def test_every_file_is_listed_and_is_what_its_line_says():
    assert {path.stem for path in V1.glob("*.nic")} == set(FILES)
    assert {path.stem for path in (V1 / REFUSED).glob("*.nic")} == set(WRONG)
    assert len(FILES) >= 24 and len(WRONG) >= 24
    assert len(rows("files.tsv")) == len(FILES) and len(rows("refused.tsv")) == len(WRONG)
    for name, row in FILES.items():
        assert digest(read(name)) == row["sha256"], name
    for name, row in WRONG.items():
        assert digest((V1 / REFUSED / f"{name}.nic").read_bytes()) == row["sha256"], name
    assert all((V1 / name).read_text().splitlines()[0].split("\t") == [*head] for name, head in LISTS.items())


def test_they_hold_what_a_file_can_hold():
    """Every flag and kind of chunk, both ends of both dials, several tiles."""
    headers = [reference.parse(read(name)) for name in FILES]
    kinds = {kind for header in headers for kind in header.chunks}
    assert kinds >= {"iccp", "exif", "xmpp", "prev", "ALPH", "RANG", "cicp", "gmap", "reso", "text", "iptc"}
    assert kinds >= {"geot", "xLTR", "mORE"} and not kinds & {"more", "tune"}
    assert {bit for header in headers for bit in (1, 2, 4, 8) if header.flags & bit} == {1, 2, 4, 8}
    assert {0, 6 * 4096} <= {header.q for header in headers} and {0, 4096} <= {h.b for h in headers}
    assert max(len(header.tiles) for header in headers) >= 4 and max(h.chunk_count for h in headers) == 64
    assert min(header.width for header in headers) == min(header.height for header in headers) == 1


@pytest.fixture(scope="module")
def second() -> dict[tuple[str, float | None], tuple[np.ndarray, list[tuple]]]:
    """Pixels and symbols by the second decoder."""
    cases = [(name, b) for name in NATIVE for b in (None, *SHOWN.get(name, ()))]
    return {(name, b): reference.decode(read(name), model_of(FILES[name]["model"]), b) for name, b in cases}


@pytest.mark.parametrize("name", NATIVE)
def test_the_second_decoder_finds_the_symbols(name, second):
    """Their checksums are those of the file, and that over all of them the one that was written down."""
    tiles = reference.parse(read(name)).tiles
    found = [crc32(z.astype("<i4").tobytes() + r.astype("<i4").tobytes()) for z, r in second[name, None][1]]
    assert found == [tile.symbols_crc for tile in tiles]
    assert f"{crc32(b''.join(crc.to_bytes(4, 'little') for crc in found)):08x}" == FILES[name]["symbols"]


def test_the_second_decoder_gives_the_same_pixels_everywhere(second):
    """By the weights of today; a line for every one that the files were shown by stays."""
    wanted = {(row["file"], row["realism"], row["weights"]): row["pixels"] for row in rows("pixels.tsv")}
    for (name, b), (pixels, _) in second.items():
        key = name, "own" if b is None else str(b), weights_of(FILES[name]["model"])
        assert wanted[key] == pixels_of(pixels), key


@pytest.mark.parametrize("name", FILES)
def test_the_program_decodes_them(name, second):
    """To the same symbols, and to pixels within one level."""
    container = file.unpack(read(name))
    model = shared(str(model_of(FILES[name]["model"])), "cpu")
    assert f"{codec.verify(container, model):08x}" == FILES[name]["symbols"]
    for b in (None, *SHOWN.get(name, ())):
        picture = codec.decode(container, model, b=b)
        found = picture.pixels if picture.alpha is None else np.dstack([picture.pixels, picture.alpha])
        if "RANG" in reference.parse(read(name)).chunks:
            found[:, :, :1] = np.rint(found[:, :, :1] * (picture.top / 65535))
        right = conformance.wanted(name, "", None) if name in IMPORTED else second[name, b][0]
        assert conformance.apart(found, right, picture.top, alpha=picture.alpha is not None) == ""


@pytest.mark.parametrize("name", WRONG)
def test_both_decoders_refuse_what_they_must(name):
    data = (V1 / REFUSED / f"{name}.nic").read_bytes()
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        reference.decode(data, model_of("iris"))
    with pytest.raises(NicError) as caught:
        nic_cli.decode(data)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", FLIPPED)
def test_any_flipped_bit_is_refused_by_both(name):
    """Of signature, header, chunks and payloads; of longer files one bit of each byte."""
    data = read(name)
    file.unpack(data)
    for at in range(len(data)):
        for bit in range(8) if len(data) < 1000 or at < 100 else (at % 8,):
            wrong = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]
            with pytest.raises(NicError):
                file.unpack(wrong)
            with pytest.raises(ValueError):
                reference.parse(wrong)


def test_no_arithmetic_changes_them(tmp_path):
    """Threads and instructions: no symbol, and no pixel by more than a level."""
    for name in NATIVE:
        if FILES[name]["model"] == "iris":
            shutil.copy(V1 / f"{name}.nic", tmp_path)
    tried = ("numpy, 2 threads", "numpy, 1 thread", "numpy, OpenBLAS for Nehalem", "ATen avx2 kernels")
    found = compare(tmp_path, {key: VARIANTS[key] for key in (*tried, "oneDNN with SSE 4.1")})
    assert all(wrong == 0 for wrong, _ in found.values()), found


def test_a_part_is_that_of_the_whole():
    whole = nic_cli.open(read("tiles")).to_array()
    part = nic_cli.open(read("tiles")).crop(50, 30, 90, 70).to_array()
    assert (part == whole[30:100, 50:140]).all()


@pytest.mark.parametrize("name", FILES)
def test_writing_the_container_again_changes_at_most_the_version(name):
    data, now = read(name), file.pack(file.unpack(read(name)))
    assert now == data or (name == "later-minor" and now == read("unknown-chunks"))


def test_any_command_can_be_tried(capsys):
    own = [sys.executable, "-m", "tests.reference", "{file}", "{model}", "-o", "{out}", "-b", "{b}"]
    assert conformance.main(["--native", "--limit", "2", *own]) == 0
    assert "4 of 4" in capsys.readouterr().out


WRONG_DECODERS = {
    "refuses everything": "sys.exit(1)",
    "writes no picture": "pass",
    "writes what is none": "open('{out}', 'w').write('no picture')",
    "fails after writing": "shutil.copy(right, '{out}'); sys.exit(1)",
    "hangs after writing": "shutil.copy(right, '{out}'); time.sleep(30)",
    "dies of a signal": "os.kill(os.getpid(), 9)",
    "tells of a signal": "sys.exit(139)",
    "tells where it fell over": "print('Traceback\\nover', file=sys.stderr); sys.exit(1)",
    "says what is no text": "sys.stderr.buffer.write(bytes((255, 254))); sys.exit(0)",
    "makes a folder": "os.mkdir('{out}')",
}


@pytest.mark.parametrize("what", WRONG_DECODERS)
def test_a_command_that_is_wrong_is_found_out(what, capsys, monkeypatch, tmp_path):
    """The right picture is that of the first file, which is refused by none of them."""
    monkeypatch.setattr(conformance, "SECONDS", 2.0)
    right = tmp_path / "right.png"
    right.write_bytes(png.written(reference.decode(read("one-pixel"), model_of("iris"))[0]))
    code = f"import os, shutil, sys, time; right = {str(right)!r}; {WRONG_DECODERS[what]}"
    assert conformance.main(["--limit", "1", sys.executable, "-c", code, "{file}", "{out}"]) == 1
    said = capsys.readouterr().out
    assert said.count("WRONG") == 2


def test_pictures_are_compared_closely():
    """Alpha is without loss, narrow ranges have narrow levels, and 16 bits are no 8 bits."""
    picture = np.full((4, 5, 4), 100, np.uint8)
    for plane, right in ((0, True), (3, False)):
        other = picture.copy()
        other[1, 2, plane] += 1
        assert (conformance.apart(other, picture, alpha=True) == "") == right
    wide, narrow = np.full((2, 2, 1), 30000, np.uint16), np.full((2, 2, 1), 3000, np.uint16)
    assert conformance.apart(wide + np.uint16(200), wide) == ""
    assert conformance.apart(narrow + np.uint16(18), narrow, 4095) != ""
    steps = (np.arange(20000, 60000, 7) // 257 * 257).astype(np.uint16).reshape(-1, 1, 1)
    assert "8 bits" in conformance.apart(
        steps, np.arange(20000, 60000, 7).astype(np.uint16).reshape(-1, 1, 1)
    )


def test_what_is_no_command_is_a_line(capsys):
    assert conformance.main(["no-such-program", "{file}", "{out}"]) == 2
    assert "no-such-program" in capsys.readouterr().err
