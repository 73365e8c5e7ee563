"""Decoding one at a time, and the smallest first."""

from __future__ import annotations

import threading
import time

from nic_cli.view.kept import Kept
from nic_cli.view.turns import Turns


def waiting(turns: Turns, count: int) -> None:
    deadline = time.monotonic() + 5
    while len(turns._waiting) < count and time.monotonic() < deadline:
        time.sleep(0.001)


def test_a_large_one_gives_way_to_smaller_ones_and_no_two_work_at_once():
    turns, order, inside = Turns(), [], []

    def work(size: int) -> None:
        with turns.turn(size):
            inside.append(size)
            assert inside == [size]
            order.append(size)
            inside.clear()

    with turns.turn(100) as give_way:
        threads = [threading.Thread(target=work, args=(size,)) for size in (200, 7, 50)]
        for thread in threads:
            thread.start()
        waiting(turns, 3)
        give_way()
        order.append(100)
    for thread in threads:
        thread.join(5)
    assert order == [7, 50, 100, 200]


def test_an_error_ends_a_turn():
    turns = Turns()
    for _ in range(2):
        try:
            with turns.turn(1):
                raise ValueError
        except ValueError:
            pass
    assert not turns._busy


def test_what_is_kept_has_a_limit_and_the_latest_stay():
    kept = Kept(10)
    for key in range(5):
        kept[key] = b"1234"
    assert list(kept) == [3, 4]
    kept[4] = b"123456"
    assert list(kept) == [3, 4]
    kept[5] = b"more than ten bytes"
    assert list(kept) == []
    kept[6] = b"1234567890"
    assert list(kept) == [6]
