#!/bin/sh
# torch 2.13.0, CPython 3.11, Linux x86-64.
#
# A network is often built under torch.device("meta") so that nothing is computed for weights that a file will
# fill anyway. One would expect that a tensor there costs microseconds, whatever is done with it.
# Seen: torch.empty, zeros and ones import nothing, torch.randn imports sympy with 486 modules in half a second,
# and one product of an empty tensor with a number imports torch's compiler as well, 822 modules in 1.7 s, once
# in each process. A network whose constructors draw and scale random weights pays that at its start.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install -q torch==2.13.0 numpy
"$place/venv/bin/python" - <<'PYTHON'
import subprocess
import sys

CODE = """
import sys, time, torch
before = set(sys.modules)
started = time.perf_counter()
x = {}
seconds = time.perf_counter() - started
new = set(sys.modules) - before
print(len(new), int("sympy" in new), int("torch._dynamo" in new), f"{{seconds:.2f}}")
"""
MADE = ("torch.empty(4, device='meta')", "torch.zeros(4, device='meta')", "torch.randn(4, device='meta')",
        "torch.empty(4, device='meta') * 2")
found = []
for made in MADE:
    out = subprocess.run([sys.executable, "-c", CODE.format(made)], capture_output=True, text=True, check=True)
    count, sympy, dynamo, seconds = out.stdout.split()
    found.append((int(count) > 20, int(sympy), int(dynamo)))
    print(f"{made:34} {count:>4} modules imported, sympy {sympy}, torch._dynamo {dynamo}, {seconds} s")
if found != [(False, 0, 0), (False, 0, 0), (True, 1, 0), (True, 1, 1)]:
    sys.exit("this has changed")
PYTHON
