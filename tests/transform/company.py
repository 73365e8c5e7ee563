"""Does a row of any layer of the model depend on the rows that are computed with it?

    python -m tests.transform.company [THREADS...]

Prints a line for each part of a plane that differs from the same part of the whole in any bit. What libraries
read when they are loaded (ONEDNN_MAX_CPU_ISA, ATEN_CPU_CAPABILITY, ...) has to be in the environment.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from nic_cli.transform.layers import Block, Dense
from nic_cli.transform.synthesis import Tail
from nic_cli.zoo.load import load

HEIGHT, WIDTH = 50, 101  # 5,050 positions
RUNS = (1, 2, 33, 64, 65, 70, 96, 129, 300, 511, 512, 513, 1025, 4999)
WINDOWS = ((1, 1), (1, 101), (3, 21), (5, 13), (8, 16), (2, 101), (17, 33), (23, 101), (48, 100))


def layers() -> dict[tuple, Callable[[Tensor], Tensor]]:
    """One layer of each kind and shape that sees strips: [1, h + 2, W, C] -> rows h of it; a Dense h + 2."""
    found = {}
    for module in load(None, "cpu").engine.network.modules():
        if isinstance(module, Dense) and module.multiply.__name__ == "product":
            found[("dense", *reversed(module.weight.shape))] = module
        elif isinstance(module, Block) and module.multiply.__name__ == "product":
            found[("block", module.depthwise.shape[0])] = lambda x, of=module: of.rows(x)[:, 2:-1]
        elif isinstance(module, Tail):
            found[("tail", module.weight.shape[1])] = module.rows_at(torch.zeros(1))
    return found


def differing(kind: str, layer: Callable[[Tensor], Tensor], plane: Tensor) -> Iterator[str]:
    """Parts of a plane [1, HEIGHT, WIDTH, C] whose values are not those of the whole."""
    whole = layer(plane)
    if kind == "dense":
        rows, wanted = plane.reshape(-1, plane.shape[3]), whole.reshape(HEIGHT * WIDTH, -1)
        for count in RUNS:
            for first in (0, random.randrange(len(rows) - count + 1)):
                if not torch.equal(layer(rows[first : first + count]), wanted[first : first + count]):
                    yield f"{count} positions from {first} on"
        return
    for height, width in WINDOWS:  # of what is wanted; a layer sees one position more to each side
        top, left = random.randrange(HEIGHT - 2 - height + 1), random.randrange(WIDTH - width + 1)
        first, end = max(0, left - 1), min(WIDTH, left + width + 1)
        part = layer(plane[:, top : top + height + 2, first:end].contiguous())
        part = part[:, :, left - first : left - first + width]
        if not torch.equal(part, whole[:, top : top + height, left : left + width]):
            yield f"{height} x {width} from {top}, {left} on"


@torch.inference_mode()
def main() -> int:
    random.seed(0)
    torch.manual_seed(0)
    faults = 0
    for (kind, inputs, *outputs), layer in layers().items():
        plane = torch.randn(1, HEIGHT, WIDTH, inputs)
        for threads in map(int, sys.argv[1:] or ("1", "2", "3", "8")):
            torch.set_num_threads(threads)
            # Without oneDNN MKL does the products, and nothing but slow code the depthwise layers.
            for enabled in (True, False) if kind == "dense" else (True,):
                torch._C._set_mkldnn_enabled(enabled)
                library = "oneDNN" if enabled else "without oneDNN"
                for part in differing(kind, layer, plane):
                    faults += 1
                    print(f"{kind} {inputs} {outputs}, {library}, {threads} threads: {part}")
                torch._C._set_mkldnn_enabled(True)
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
