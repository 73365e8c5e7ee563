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
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tests import reference
from tests.golden import IMPORTED, REFUSED, SHOWN, V1, model_of, rows
from tests.reference import png

SECONDS = 120.0
ORIGINAL_SPACE = 4


def run(command: Sequence[str], **values: object) -> tuple[int, str]:
    """The exit code of a command, and the last line that it said."""
    filled = [word.format(**values) for word in command]
    environment = os.environ | {"NIC_MODEL": str(values["model"])}
    try:
        done = subprocess.run(filled, capture_output=True, text=True, timeout=SECONDS, env=environment)
    except subprocess.TimeoutExpired:
        return 0, f"no answer in {SECONDS:g} s"
    return done.returncode, (done.stderr.strip().splitlines() or [""])[-1]


def wanted(name: str, model: str, b: float | None) -> np.ndarray:
    """The pixels of the second decoder; of an imported model what is beside its file."""
    path = V1 / f"{name}.nic"
    if name in IMPORTED:
        return png.read(path.with_suffix(".png").read_bytes())
    return reference.decode(path.read_bytes(), model_of(model), b)[0]


def compared(path: Path, right: np.ndarray) -> str:
    """What is wrong with a picture file; "" if nothing is."""
    try:
        return apart(png.read(path.read_bytes()), right)
    except ValueError as error:
        return f"what it wrote is {error}"


def apart(found: np.ndarray, right: np.ndarray) -> str:
    """What is wrong with a picture; "" if nothing is."""
    if found.shape[2] == right.shape[2] + 1 and (found[:, :, -1] == np.iinfo(found.dtype).max).all():
        found = found[:, :, :-1]  # opaque
    if found.shape != right.shape or found.dtype != right.dtype:
        return f"{found.shape} of {found.dtype} in place of {right.shape} of {right.dtype}"
    level = 1 if found.dtype == np.uint8 else 257
    most = int(np.abs(found.astype(int) - right).max())
    return "" if most <= level else f"pixels differ by up to {most}"


def decoded(command: Sequence[str], out: Path, limit: int | None, native: bool) -> Iterator[tuple[str, str]]:
    """Each file, with what is wrong."""
    asks = any("{b}" in word for word in command)
    for row in rows("files.tsv")[:limit]:
        name, model = row["file"], row["model"]
        if native and name in IMPORTED:
            continue
        path = V1 / f"{name}.nic"
        header = reference.parse(path.read_bytes())
        for b in (None, *(SHOWN.get(name, ()) if asks else ())):
            out.unlink(missing_ok=True)
            shown = header.b / 4096 if b is None else b
            code, said = run(command, file=path, out=out, model=model_of(model), b=shown)
            case = name if b is None else f"{name} at b = {b:g}"
            if code or not out.exists():
                yield case, f"refused: {said}" if code else "no picture"
            elif header.flags & ORIGINAL_SPACE:
                yield case, ""
            else:
                yield case, compared(out, wanted(name, model, b))


def refused(command: Sequence[str], out: Path, limit: int | None) -> Iterator[tuple[str, str]]:
    """Each file that is to be refused, with what is wrong."""
    for row in rows("refused.tsv")[:limit]:
        out.unlink(missing_ok=True)
        path = V1 / REFUSED / f"{row['file']}.nic"
        code, said = run(command, file=path, out=out, model=model_of("iris"), b=0.5)
        wrong = "a picture all the same" if out.exists() and code else "decoded" if not code else ""
        wrong = wrong or ("fell over: " + said if code < 0 or "Traceback" in said else "")
        yield f"{REFUSED}/{row['file']} ({row['reason']})", wrong


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
    n, wrong = 0, 0
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "out.png"
        for cases in (decoded(command, out, given.limit, given.native), refused(command, out, given.limit)):
            for case, what in cases:
                n, wrong = n + 1, wrong + bool(what)
                print(f"{'ok' if not what else 'WRONG'}  {case}{': ' + what if what else ''}", flush=True)
    print(f"{shlex.join(command)}: {n - wrong} of {n} as they should be")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
