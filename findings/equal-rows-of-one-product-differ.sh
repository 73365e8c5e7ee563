#!/bin/sh
# numpy 2.4.6 (PyPI), whose wheel holds OpenBLAS 0.3.31.188; CPython 3.11, Linux x86-64 with AVX2.
#
# A matrix of 96 equal rows is multiplied by another one, with OpenBLAS's kernel for AVX2 (its core Haswell, which it
# takes on Intel's processors without AVX-512 and on Zen 1 to 3) on one thread. All sums have the same terms, and
# blocks of one size are how programs keep a part of something equal to the same part of the whole; so one would expect
# 96 equal rows, as the kernels for AVX-512, AVX and SSE4 give them.
# Seen: two kinds of rows, in turns of six and six. They differ in the last digits of the first and the last eight
# columns of each panel that the other matrix is cut into. Columns of zeros at these edges make all rows equal.
set -eu
grep -q avx2 /proc/cpuinfo || { echo "needs a processor with AVX2"; exit 0; }
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q numpy==2.4.6
cat >"$place/rows.py" <<'PYTHON'
import numpy as np

draw = np.random.RandomState(0)
weight = draw.standard_normal((256, 256)).astype(np.float32)
rows = np.tile(draw.standard_normal(256).astype(np.float32), (96, 1))


def kinds(matrix):
    """A letter for each row of the product, the same for equal ones."""
    seen = {}
    return "".join(seen.setdefault(row.tobytes(), "ABCDEFGH"[len(seen)]) for row in rows @ matrix)


found = kinds(weight)
columns = np.flatnonzero((rows @ weight)[0] != (rows @ weight)[11])
print(found[:24], "columns that differ:", columns.tolist())
assert found == "AAAAAABBBBBB" * 8
assert set(columns) <= {*range(8), *range(248, 256)}

product = (rows @ np.pad(weight, ((0, 0), (8, 8))))[:, 8:-8]
assert (product == product[0]).all(), "zeros at the edges no longer help"
PYTHON
OPENBLAS_CORETYPE=Haswell OPENBLAS_NUM_THREADS=1 "$place/venv/bin/python" "$place/rows.py"
