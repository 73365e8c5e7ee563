"""Rows through layers of products by blocks, each of one size and the work of one thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

BLOCK = 512
"""Positions of every product on a CPU, each of them the work of one thread.

Libraries choose their kernel, and how threads share the work, by the size of a product, and another choice
adds up in another order. So a row had another last digit in oneDNN 3.12 among 64 or 65 than among 96 on a
Zen 4, among up to 129 on any processor held to SSE 4.1, and in MKL 2024.2 among up to 128 with 8 threads;
in bfloat16 with AMX, products over 512 channels or more had with 3 threads others than with 2. With one size
and one thread there is one choice. 512 leave what lies between two products in the cache, which is
faster than whole strips at a time; 256 pay more for each call, 1024 for more rows computed twice.
"""
BLOCK_ELSEWHERE = 4096  # a GPU wants more for each call; none was there to choose by


def by_blocks(layer: Callable[..., object], out: Tensor, *inputs: Tensor) -> None:
    """Rows through a layer of products, always `BLOCK` at a time, so that no row depends on its company.

    out, inputs: [n, C] each, n the same. layer(room, *parts) writes what follows from blocks of the inputs.
    The last block begins early enough to be whole, in a room of its own; too few rows are padded.
    """
    count, block = len(out), BLOCK if out.device.type == "cpu" else BLOCK_ELSEWHERE
    if count < block:
        room = out.new_empty(block, out.shape[1])
        padded = [F.pad(x, (0, 0, 0, block - count)) for x in inputs]
        on_threads(lambda _: layer(room, *padded), 1, out.device.type)
        out.copy_(room[:count])
        return
    whole, rest = divmod(count, block)

    def work(number: int) -> None:
        if number < whole:
            at = number * block
            layer(*(x[at : at + block] for x in (out, *inputs)))
        else:
            room = out.new_empty(block, out.shape[1])
            layer(room, *(x[count - block :] for x in inputs))
            out[count - rest :] = room[block - rest :]

    on_threads(work, whole + (rest > 0), out.device.type)


def on_threads(work: Callable[[int], object], count: int, device: str) -> None:
    """Call work(0) to work(count - 1), on a CPU each on one thread and as many at once as torch has."""
    threads = torch.get_num_threads() if device == "cpu" else 1
    if threads == 1:
        for number in range(count):
            work(number)
        return
    waiting, inference = deque(range(count)), torch.is_inference_mode_enabled()

    def drain() -> None:
        with torch.inference_mode(inference):
            while waiting:
                try:
                    number = waiting.popleft()
                except IndexError:  # another thread took the last one
                    return
                work(number)

    helpers = _crew(threads)
    try:
        for done in [helpers.submit(drain) for _ in range(min(threads, count))]:
            done.result()
    finally:
        waiting.clear()


@lru_cache(maxsize=4)
def _crew(count: int) -> ThreadPoolExecutor:
    """Threads whose operations have one thread each: torch's number is each thread's own."""
    return ThreadPoolExecutor(count, "nic", torch.set_num_threads, (1,))
