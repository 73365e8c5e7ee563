"""Coverage-guided fuzzing of one target (atheris): `python -m tests.deep fuzz-NAME --minutes N` runs this.

Inputs that reached something new are kept in `corpus/NAME.zip`, small ones and a few hundred at most.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
ROOT = Path(__file__).parents[2]
SECONDS = 5  # an input may take
LONGEST = 4096  # bytes of an input
KEPT = 400  # inputs, of at most so many bytes together:
ROOM = 200_000
MEMORY = 3000  # MB
coverage: list[int] = []
"""Of the last run: edges of the code that were reached, and the input that reached the last new one."""


def stored(name: str) -> list[bytes]:
    """The corpus of a target."""
    path = CORPUS / f"{name}.zip"
    if not path.exists():
        return []
    with zipfile.ZipFile(path) as packed:
        return [packed.read(each) for each in packed.namelist()]


def store(name: str, inputs: list[bytes]) -> None:
    """Keep the smallest ones; the same corpus makes the same file."""
    CORPUS.mkdir(exist_ok=True)
    room, kept = ROOM, []
    for data in sorted(set(inputs), key=lambda data: (len(data), data))[:KEPT]:
        room -= len(data)
        if room < 0:
            break
        kept.append(data)
    with zipfile.ZipFile(CORPUS / f"{name}.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for number, data in enumerate(kept):
            packed.writestr(zipfile.ZipInfo(f"{number:04}"), data, zipfile.ZIP_DEFLATED)


def run(name: str, minutes: float) -> tuple[int, list[str]]:
    """Fuzz for so long; give the number of inputs tried, and what was found."""
    from tests.deep.targets import TARGETS

    target = TARGETS[name]
    with tempfile.TemporaryDirectory() as place:
        corpus, words = Path(place) / "corpus", Path(place) / "words"
        corpus.mkdir()
        for number, data in enumerate([*target.seeds(), *stored(name)]):
            (corpus / f"seed{number:04}").write_bytes(data)
        words.write_text("".join('"' + "".join(f"\\x{b:02x}" for b in w) + '"\n' for w in target.dictionary))
        given = [
            str(corpus),
            f"-max_total_time={round(60 * minutes)}",
            f"-timeout={SECONDS}",
            "-print_final_stats=1",
        ]
        given += [f"-max_len={LONGEST}", f"-artifact_prefix={place}/found-", f"-rss_limit_mb={MEMORY}"]
        given += [f"-dict={words}"] if target.dictionary else []
        done = subprocess.run(
            [sys.executable, "-m", "tests.deep.fuzz", name, *given],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
            text=True,
            errors="replace",
            check=False,
        )
        news, edges = re.findall(r"#(\d+)\s+NEW ", done.stderr), re.findall(r"cov: (\d+)", done.stderr)
        coverage[:] = [int(edges[-1]) if edges else 0, int(news[-1]) if news else 0]
        print(f"{name}: {coverage[0]} edges, the last new one at input {coverage[1]}")
        counts = re.findall(r"stat::number_of_executed_units: (\d+)", done.stderr)
        found = [f"{path.name}: {path.read_bytes().hex()}" for path in Path(place).glob("found-*")]
        if done.returncode and not found:
            found = [done.stderr[-3000:]]
        elif found:
            found[-1] += f"\n{done.stderr[-6000:]}"
        store(name, [path.read_bytes() for path in corpus.iterdir()])
    return int(counts[-1]) if counts else 0, found


def _fuzz() -> None:
    import atheris

    with atheris.instrument_imports(include=["nic_cli"]):
        from tests.deep.targets import TARGETS

    target = TARGETS[sys.argv[1]]
    for data in target.seeds():  # what is loaded once is there before the clock runs
        target.run(data)
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.run)
    atheris.Fuzz()


if __name__ == "__main__":
    _fuzz()
