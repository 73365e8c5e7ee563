"""Do files decode to the same symbols, and to the same pixels within one level, in every arithmetic?

    python -m tests.bench.exactness FOLDER [-m MODEL] [-q 0,2,4] [-b 0] [-e 1] [--limit N]

Encodes each picture once, then verifies and decodes the files in processes of their own with other
threads, kernels, precision and grouping of rows. Prints mismatches and exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

TORCH = {"engine": "torch"}
VARIANTS = {  # name: (environment, options of the worker)
    "numpy, 2 threads": ({}, {}),
    "numpy, 1 thread": ({}, {"threads": 1}),
    "numpy, 8 threads": ({}, {"threads": 8}),
    "numpy, OpenBLAS for Haswell": ({"OPENBLAS_CORETYPE": "Haswell"}, {}),
    "numpy, OpenBLAS for Nehalem": ({"OPENBLAS_CORETYPE": "Nehalem"}, {}),
    "numpy, one row at a time": ({}, {"positions": 1}),
    "numpy, all rows at once": ({}, {"positions": 1 << 30}),
    "torch, 2 threads": ({}, TORCH),
    "torch, 1 thread": ({}, {**TORCH, "threads": 1}),
    "torch, 8 threads": ({}, {**TORCH, "threads": 8}),
    "torch in bfloat16": ({}, {"engine": "torch in bfloat16"}),
    "oneDNN off": ({}, {**TORCH, "onednn": False}),
    "oneDNN with AVX2": ({"ONEDNN_MAX_CPU_ISA": "AVX2"}, TORCH),
    "oneDNN with SSE 4.1": ({"ONEDNN_MAX_CPU_ISA": "SSE41"}, TORCH),
    "ATen default kernels": ({"ATEN_CPU_CAPABILITY": "default"}, TORCH),
    "ATen avx2 kernels": ({"ATEN_CPU_CAPABILITY": "avx2"}, TORCH),
    "MKL without AVX-512": ({"MKL_ENABLE_INSTRUCTIONS": "AVX2"}, TORCH),
    "float64": ({}, {**TORCH, "float64": True}),
    "torch, one row at a time": ({}, {**TORCH, "positions": 1}),
    "torch, all rows at once": ({}, {**TORCH, "positions": 1 << 30}),
}

OF_NATIVE = {"float64", "positions"}  # options; imported models have neither, nor numpy
SETS = ("sse4_1", "avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile")


def processor() -> str:
    """Maker, family, model and name of this processor, and which of the instructions that matter it has."""
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return platform.processor() or platform.machine()
    said = {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())
    }
    if "vendor_id" not in said:  # not an x86
        return f"{platform.machine()} {said.get('CPU implementer', '')} {said.get('CPU part', '')}".rstrip()
    sets = " ".join(name for name in SETS if name in said["flags"].split())
    family, model = said["cpu family"], said["model"]
    return f"{said['vendor_id']} family {family} model {model} ({said['model name']}; {sets})"


def worker(folder: Path, options: dict) -> None:
    """Decode all files of a folder; write checksums and pixels beside them as `out.npz`."""
    import torch

    from nic_cli import codec
    from nic_cli.container import file
    from nic_cli.transform import native
    from nic_cli.transform.plain import engine as plain
    from nic_cli.transform.plain.threads import set_threads
    from nic_cli.zoo.load import load
    from tests.engines import by

    torch.set_num_threads(options.get("threads", 2))
    set_threads(options.get("threads", 2))
    model = load(options.get("model"), options.get("device", "cpu"))
    if model.exact and "device" not in options:
        model = by(options.get("engine", "numpy"), model) or model
    if options.get("onednn") is False:
        torch._C._set_mkldnn_enabled(False)
    if options.get("float64"):
        integers = model.engine.integers.to(np.float64)
        double = native.Native(model.engine.network, integers, "cpu", torch.float64)
        object.__setattr__(model, "engine", double)
    native.POSITIONS = plain.POSITIONS = options.get("positions", native.POSITIONS)
    sums, pixels = {}, {}
    for path in sorted(folder.glob("*.nic")):
        container = file.unpack(path.read_bytes())
        sums[path.name] = codec.verify(container, model)
        pixels[path.name] = codec.decode(container, model).pixels
    np.savez(folder / "out.npz", sums=json.dumps(sums), **pixels)


def run(folder: Path, environment: dict, options: dict):
    """(symbol checksums, pixels) of all files of a folder in one variant; a failure counts as neither."""
    (folder / "out.npz").unlink(missing_ok=True)
    command = [sys.executable, "-m", "tests.bench.exactness", str(folder), "--worker", json.dumps(options)]
    subprocess.run(command, env={**os.environ, **environment}, check=True)
    with np.load(folder / "out.npz") as found:
        pixels = {name: found[name] for name in found.files if name != "sums"}
        return json.loads(str(found["sums"])), pixels


def compare(folder: Path, variants=None, model=None, told=lambda *_: None) -> dict[str, tuple[int, int]]:
    """For each variant: files whose symbols differ from the first's, and the largest pixel difference.

    told: called with the name and these two as soon as a variant is done.
    """
    variants = variants or VARIANTS
    results, base = {}, None
    for name, (environment, options) in variants.items():
        sums, pixels = run(folder, environment, {"model": model, **options})
        base = base or (sums, pixels)
        wrong = sum(base[0][key] != sums[key] for key in base[0])
        apart = max(int(np.abs(pixels[key].astype(int) - base[1][key]).max()) for key in base[1])
        results[name] = wrong, apart
        told(name, wrong, apart)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-m", "--model")
    parser.add_argument("-q", default="0,2,4")
    parser.add_argument("-b", default="0")
    parser.add_argument("-e", "--effort", type=int, default=1)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--device", action="append", default=[], help="cuda or mps, decoding there as well")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        worker(given.folder, json.loads(given.worker))
        return 0
    import torch

    from nic_cli import codec
    from nic_cli.container import file
    from nic_cli.image.reading import read
    from nic_cli.zoo.load import load

    model = load(given.model, "cpu")
    rates = {min(float(q), model.config.q_top) for q in given.q.split(",")}
    with tempfile.TemporaryDirectory() as place:
        paths = sorted(given.folder.glob("*.png"))[: given.limit]
        for path in paths:
            picture = read(path, path.name)
            for q, b in product(sorted(rates), map(float, given.b.split(","))):
                data = file.pack(codec.encode(picture, model, q=q, b=b, effort=given.effort))
                (Path(place) / f"{path.stem}-{q:g}-{b:g}.nic").write_bytes(data)
        known = {
            name: (environment, options)
            for name, (environment, options) in VARIANTS.items()
            if model.exact or not (options.keys() & OF_NATIVE or name.startswith("numpy"))
        }
        variants = known | {device: ({}, {"device": device}) for device in given.device}
        count = len(list(Path(place).glob("*.nic")))
        print(f"{processor()}, torch {torch.__version__}", flush=True)

        def told(name, wrong, apart):
            print(
                f"{name:24} symbols differ in {wrong} of {count} files; pixels by at most {apart} of 255",
                flush=True,
            )

        results = compare(Path(place), variants, given.model, told)
    return int(any(wrong or apart > 1 for wrong, apart in results.values()))


if __name__ == "__main__":
    sys.exit(main())
