"""Files decode to the same symbols in every arithmetic, and to the same pixels within one level."""

from __future__ import annotations

import numpy as np

from nic_cli import codec
from nic_cli.container import file
from nic_cli.image.reading import from_array
from tests.bench.exactness import VARIANTS, compare

TRIED = (
    "numpy, 2 threads",
    "numpy, 1 thread",
    "numpy, OpenBLAS for Nehalem",
    "numpy, one row at a time",
    "torch, 2 threads",
    "oneDNN off",
    "ATen default kernels",
    "float64",
    "torch, one row at a time",
)


def test_no_arithmetic_changes_a_symbol(model, photographs, tmp_path):
    for name in ("astronaut", "rocket"):
        for q in (0.0, 3.0):
            picture = from_array(np.ascontiguousarray(photographs[name][:128, :192]))
            data = file.pack(codec.encode(picture, model, q=q, b=0.0))
            (tmp_path / f"{name}-{q:g}.nic").write_bytes(data)
    results = compare(tmp_path, {name: VARIANTS[name] for name in TRIED})
    assert all(wrong == 0 and apart <= 1 for wrong, apart in results.values()), results
