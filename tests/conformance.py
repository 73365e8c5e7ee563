"""Does a decoder decode the golden files of format 1, and refuse those that are to be refused?

    python -m tests.conformance nic decode {file} -o {out} -f -Q
    python -m tests.conformance nic decode {file} -o {out} -f -Q -b {b}        and at other realisms
    python -m tests.conformance my-decoder --model {model} {file} {out} --native

{file} is a `.nic` file, {out} the PNG that the command is to write, {model} the folder of the model that
made it, {b} the realism to show. A file is decoded if the command exits with 0 and its picture is that of the
second decoder within one level of 255; refused if it exits with another code and has written no picture. That
symbols are the right ones a decoder checks by itself: among what it must refuse are files with others. Files
whose pixels return to the space of a profile are not compared, since no two colour engines agree to a level.

    --native   leave out files of imported models, whose networks the format does not describe
    --limit N  the first N of each kind

Exits with 1 if a file is treated otherwise.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tests import reference
from tests.golden import IMPORTED, REFUSED, SHOWN, V1, model_of, rows
from tests.reference import png
from tests.reference.container import Header

SECONDS = 120.0
ORIGINAL_SPACE = 4
MANY = 100  # values that are not by chance all multiples of 257
FELL = re.compile("Traceback|panicked|Segmentation fault|core dumped")


def run(command: Sequence[str], **values: object) -> tuple[int, str]:
    """The exit code of a command, -1 for none, and how it fell over, or else the last line that it said."""
    filled = list(command)
    for key, value in values.items():
        filled = [word.replace(f"{{{key}}}", str(value)) for word in filled]
    environment = os.environ | {"NIC_MODEL": str(values["model"])}
    given = {"stdin": subprocess.DEVNULL, "capture_output": True, "errors": "replace", "env": environment}
    try:
        done = subprocess.run(filled, timeout=SECONDS, **given)
    except subprocess.TimeoutExpired:
        return -1, f"no answer in {SECONDS:g} s"
    said = f"{done.stdout}\n{done.stderr}".strip().splitlines() or [""]
    if done.returncode < 0 or done.returncode > 128 or any(FELL.search(line) for line in said):
        return -1, f"fell over ({done.returncode}): {said[-1]}"
    return done.returncode, said[-1]


def wanted(name: str, model: str, b: float | None) -> np.ndarray:
    """The pixels of the second decoder; of an imported model what is beside its file."""
    path = V1 / f"{name}.nic"
    if name in IMPORTED:
        return png.read(path.with_suffix(".png").read_bytes())
    return reference.decode(path.read_bytes(), model_of(model), b)[0]


def apart(found: np.ndarray, right: np.ndarray, top: int = 65535, *, alpha: bool = False) -> str:
    """What is wrong with a picture whose 16-bit values end at top; "" if nothing is."""
    if found.shape[2] == right.shape[2] + 1 and (found[:, :, -1] == np.iinfo(found.dtype).max).all():
        found = found[:, :, :-1]  # opaque
    if found.shape != right.shape or found.dtype != right.dtype:
        return f"{found.shape} of {found.dtype} in place of {right.shape} of {right.dtype}"
    if alpha and (found[:, :, -1] != right[:, :, -1]).any():
        return "another alpha, which is kept without loss"
    level = 1 if found.dtype == np.uint8 else math.ceil(257 * top / 65535)
    most = int(np.abs(found.astype(int) - right).max())
    if most > level:
        return f"pixels differ by up to {most}"
    fine = found.dtype == np.uint16 and top == 65535 and found.size > MANY
    return "16 bits made of 8 bits" if fine and not (found % 257).any() and (right % 257).any() else ""


def compared(path: Path, right: np.ndarray, header: Header) -> str:
    """What is wrong with a picture file; "" if nothing is."""
    try:
        found = png.read(path.read_bytes())
    except (ValueError, OSError) as error:
        return f"what it wrote is no picture: {error}"
    if header.flags & ORIGINAL_SPACE:
        return "" if found.shape[:2] == right.shape[:2] else "a picture of another size"
    top = int.from_bytes(header.chunks.get("RANG", b"\xff\xff"), "little")
    return apart(found, right, top, alpha="ALPH" in header.chunks)


def decoded(
    command: Sequence[str], place: Path, limit: int | None, native: bool
) -> Iterator[tuple[str, str]]:
    """Each file, with what is wrong."""
    asks = any("{b}" in word for word in command)
    for row in rows("files.tsv")[:limit]:
        name, model = row["file"], row["model"]
        if native and name in IMPORTED:
            continue
        path = V1 / f"{name}.nic"
        header = reference.parse(path.read_bytes())
        for b in (None, *(SHOWN.get(name, ()) if asks else ())):
            out = fresh(place)
            shown = header.b / 4096 if b is None else b
            code, said = run(command, file=path, out=out, model=model_of(model), b=shown)
            case = name if b is None else f"{name} at b = {b:g}"
            if code:
                yield case, said if code < 0 else f"refused: {said}"
            elif not out.exists():
                yield case, "no picture"
            else:
                yield case, compared(out, wanted(name, model, b), header)


def refused(command: Sequence[str], place: Path, limit: int | None) -> Iterator[tuple[str, str]]:
    """Each file that is to be refused, with what is wrong."""
    for row in rows("refused.tsv")[:limit]:
        out = fresh(place)
        path = V1 / REFUSED / f"{row['file']}.nic"
        code, said = run(command, file=path, out=out, model=model_of("iris"), b=0.5)
        wrong = (
            said if code < 0 else "decoded" if not code else "a picture all the same" if out.exists() else ""
        )
        yield f"{REFUSED}/{row['file']} ({row['reason']})", wrong


def fresh(place: Path) -> Path:
    """Where a picture is to be written, and nothing is yet."""
    shutil.rmtree(place)
    place.mkdir()
    return place / "out.png"


def _say(case: str, what: str) -> None:
    print(f"{'ok' if not what else 'WRONG'}  {case}{': ' + what if what else ''}", flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try one decoder."""
    parser = argparse.ArgumentParser(
        "python -m tests.conformance", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--native", action="store_true")
    parser.add_argument("--limit", type=int)
    given, command = parser.parse_known_args(arguments)
    if not any("{file}" in word for word in command) or not any("{out}" in word for word in command):
        parser.error("name a command with {file} and {out} in it")
    if shutil.which(command[0]) is None:
        print(f"{command[0]}: no such program", file=sys.stderr)
        return 2
    n, wrong, decodes = 0, 0, False
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        for case, what in decoded(command, out, given.limit, given.native):
            n, wrong = n + 1, wrong + bool(what)
            decodes |= not what
            _say(case, what)
        for case, what in refused(command, out, given.limit):
            what = what or ("" if decodes else "refused as all files are, which says nothing")
            n, wrong = n + 1, wrong + bool(what)
            _say(case, what)
    print(f"{shlex.join(command)}: {n - wrong} of {n} as they should be")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
