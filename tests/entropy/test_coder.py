"""Symbols come back; the bytes are those of the integer coder; bad bytes and values are refused."""

import contextlib
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nic_cli.entropy import coder
from nic_cli.entropy.coder import Decoder, encode
from nic_cli.entropy.grouping import group
from nic_cli.entropy.tables import TOTAL, pack_tables
from nic_cli.errors import DamagedFile, ModelError, NicError, UsageError

from . import integer_ans
from .samples import GAUSSIANS, SMALL, gaussian_part, plain, random_part, random_table


def decode(data, shapes_of_indices, tables):
    decoder = Decoder(data, tables)
    parts = [decoder.take(indices) for indices in shapes_of_indices]
    decoder.finish()
    return parts


def assert_round_trip(parts, tables) -> bytes:
    data = encode(parts, tables)
    for (_, values), decoded in zip(parts, decode(data, [i for i, _ in parts], tables), strict=True):
        assert decoded.dtype == np.int32 and decoded.shape == values.shape
        assert np.array_equal(decoded, values)
    return data


def test_words_are_those_of_the_integer_coder_on_300_random_models():
    rng = np.random.default_rng(7)
    for _ in range(300):
        tables = pack_tables([random_table(rng) for _ in range(rng.integers(1, 5))])
        parts = [random_part(rng, tables, int(rng.integers(0, 60))) for _ in range(rng.integers(0, 4))]
        data = assert_round_trip(parts, tables)
        lists = [(indices.tolist(), values.tolist()) for indices, values in parts]
        assert data == integer_ans.encode(lists, plain(tables))
        assert integer_ans.decode(data, [i for i, _ in lists], plain(tables)) == [v for _, v in lists]


GOLDEN = {
    "narrow": ([1, 1, 1, 1, 1, 1, 1, 1], [0, -1, 1, 0, 0, 1, -1, 0], "409c406e12"),
    "mixed": ([2, 1, 0, 1, 2, 1], [5, 1, 0, -1, 5, 0], "0021c084"),
    "escapes": ([1, 2, 1, 2, 2], [-2, 6, 40000, -30000, 4], "007e00479a2a8083e1ffffffff1f0001"),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_stream_format_does_not_move(name):
    indices, values, stored = GOLDEN[name]
    data = assert_round_trip([(np.array(indices), np.array(values, np.int32))], SMALL)
    assert data.hex() == stored


def test_shapes_types_and_order_of_memory_do_not_matter():
    rng = np.random.default_rng(1)
    indices, values = gaussian_part(rng, (12, 10, 6))
    data = assert_round_trip([(indices, values)], GAUSSIANS)
    for kind in (np.int8, np.uint16, np.int32, np.intp, np.uint64):
        assert assert_round_trip([(indices.astype(kind), values)], GAUSSIANS) == data
    turned = np.asfortranarray(indices), np.asfortranarray(values)
    assert assert_round_trip([turned], GAUSSIANS) == data
    assert assert_round_trip([(indices.reshape(-1), values.reshape(-1))], GAUSSIANS) == data


def test_more_than_256_tables():
    rng = np.random.default_rng(2)
    tables = pack_tables([random_table(rng) for _ in range(700)])
    assert_round_trip([random_part(rng, tables, 20_000)], tables)


def test_tables_of_one_entry_cost_nothing():
    nothing = np.zeros((40, 40), np.intp), np.zeros((40, 40), np.int32)
    assert assert_round_trip([nothing], SMALL) == b""
    assert assert_round_trip([], SMALL) == b""
    assert assert_round_trip([(np.empty((0, 3), np.intp), np.empty((0, 3), np.int32))], SMALL) == b""
    some = np.array([1, 2, 1]), np.array([0, 5, 1], np.int32)
    between = np.array([1, 0, 2, 0, 1]), np.array([0, 0, 5, 0, 1], np.int32)
    assert encode([some], SMALL) == encode([nothing, between], SMALL)


def test_values_that_the_lowest_entry_gives_for_free_are_still_counted():
    """A stack that starts empty would code any number of lowest values in no bytes, and not miss one."""
    lowest = np.ones(3, np.intp), np.full(3, -1, np.int32)
    data = assert_round_trip([lowest], SMALL)
    assert data
    for n in (0, 2, 4, 100):
        with pytest.raises(DamagedFile):
            decode(data, [np.ones(n, np.intp)], SMALL)


@pytest.mark.parametrize("far", [1, 2, 3, 1000, 32_767, 65_535])
def test_escapes_up_to_the_limit(far):
    indices = np.array([1, 1, 2, 2, 1])
    values = np.array([-1 - far, 1 + far, 5 - far, 5 + far, 0], np.int32)
    assert_round_trip([(indices, values)], SMALL)


@pytest.mark.parametrize("value", [-65_538, 65_537, 10**6, 2**31 - 1, -(2**31)])
def test_values_beyond_the_limit_are_refused(value):
    with pytest.raises(UsageError, match="too far"):
        encode([(np.ones(1, np.intp), np.array([value], np.int32))], SMALL)


@pytest.mark.parametrize("value", [2**31 - 1, -(2**31)])
def test_differences_that_wrap_around_are_refused(value):
    tables = pack_tables([(low, np.array([TOTAL - 64, 64], np.uint32)) for low in (-(1 << 20), 1 << 20)])
    for index in (0, 1):
        with pytest.raises(UsageError, match="too far"):
            encode([(np.full(1, index), np.array([value], np.int32))], tables)


@pytest.mark.parametrize(
    ("indices", "values", "error"),
    [
        ([3], np.zeros(1, np.int32), ModelError),
        ([-1], np.zeros(1, np.int32), ModelError),
        ([0.0], np.zeros(1, np.int32), ModelError),
        ([0], np.ones(1, np.int32), UsageError),
        ([1], np.zeros(2, np.int32), UsageError),
        ([1], np.zeros((1, 1), np.int32), UsageError),
        ([1], np.zeros(1), UsageError),
        ([1], np.zeros(1, np.int64), UsageError),
    ],
)
def test_wrong_arguments_are_refused(indices, values, error):
    with pytest.raises(error):
        encode([(np.array(indices), values)], SMALL)


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 6), st.lists(st.integers(0, 50), max_size=4), st.floats(0, 1)
)
def test_any_symbols_come_back(seed, n_tables, sizes, wild):
    rng = np.random.default_rng(seed)
    tables = pack_tables([random_table(rng) for _ in range(n_tables)])
    assert_round_trip([random_part(rng, tables, n, wild) for n in sizes], tables)


def outcome(data, indices, tables):
    """The values, or None if they were refused; anything but a NicError fails the test."""
    try:
        return decode(data, [indices], tables)[0]
    except NicError:
        return None


def test_garbage_is_refused_and_never_crashes():
    rng = np.random.default_rng(3)
    models = [SMALL, GAUSSIANS, pack_tables([random_table(rng) for _ in range(3)])]
    accepted = 0
    for i in range(2000):
        tables = models[i % 3]
        n = int(rng.choice([0, 1, 5, 200, 5000]))
        indices = rng.integers(0, len(tables), n)
        accepted += outcome(rng.bytes(int(rng.integers(1, 60))), indices, tables) is not None
    assert accepted == 0


def test_cut_streams_and_wrong_counts_are_refused():
    rng = np.random.default_rng(4)
    indices, values = gaussian_part(rng, (400,))
    data = encode([(indices, values)], GAUSSIANS)
    assert outcome(data, indices, GAUSSIANS) is not None
    for n in range(len(data)):
        assert outcome(data[:n], indices, GAUSSIANS) is None
        assert outcome(data[n + 1 :], indices, GAUSSIANS) is None
    for n in (0, 1, 399):
        assert outcome(data, indices[:n], GAUSSIANS) is None
    assert outcome(data, np.append(indices, indices[:1]), GAUSSIANS) is None
    assert outcome(data, np.tile(indices, 1000), GAUSSIANS) is None
    for extra in (b"\0", b"\1", b"\0\0\0\0", b"\0\0\0\1"):
        assert outcome(data + extra, indices, GAUSSIANS) is None


def test_an_escape_of_impossible_length_is_refused():
    table = (0, np.array([1 << 23, 1 << 23], np.uint32))
    data = integer_ans.encode([([0, 0], [0, 1 + (1 << 17)])], [(table[0], table[1].tolist())])
    with pytest.raises(DamagedFile, match="escaped symbol"):
        decode(data, [np.zeros(2, np.intp)], pack_tables([table]))


class PanicException(BaseException):
    """What constriction raises: by this name, and no Exception."""


class Panicking:
    def __init__(self, fault):
        self.fault = fault

    def encode_reverse(self, *args):
        raise self.fault

    def decode(self, *args):
        raise self.fault

    def pos(self):
        return 1, coder.SEED


def test_the_real_panic_is_caught():
    """Control for the name: constriction still raises what the guard looks for."""
    with pytest.raises(DamagedFile), coder._guarded(DamagedFile, "caught"):
        coder.constriction.stream.model.QuantizedGaussian(10, -10, 0.0, 1.0)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [(PanicException("x"), NicError), (KeyError(3), NicError), (KeyboardInterrupt(), KeyboardInterrupt),
     (MemoryError(), MemoryError)],
)  # fmt: skip
def test_panics_become_errors_and_interrupts_stay(monkeypatch, fault, expected):
    monkeypatch.setattr(coder, "AnsCoder", lambda words: Panicking(fault))
    one = np.ones(1, np.intp)
    with pytest.raises(expected):
        encode([(one, one.astype(np.int32))], SMALL)
    with pytest.raises(DamagedFile if expected is NicError else expected):
        Decoder(b"\1", SMALL).take(one)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3000))
def test_the_cheapest_symbols_are_never_taken_for_too_many(seed, n):
    rng = np.random.default_rng(seed)
    tables = pack_tables([random_table(rng) for _ in range(3)])
    indices = rng.integers(0, 3, n)
    cheapest = [
        int(low + f.argmax()) if f.argmax() < len(f) - 1 else int(low)
        for low, f in map(tables.table, range(3))
    ]
    assert_round_trip([(indices, np.array(cheapest, np.int32)[indices])], tables)


def test_nothing_has_one_form_only():
    """Found by fuzzing: the state that an encoder begins with, alone, was read as no symbols too."""
    nothing = [np.zeros(0, np.intp)]
    assert encode([(nothing[0], np.zeros(0, np.int32))], SMALL) == b"" and decode(b"", nothing, SMALL)
    with pytest.raises(DamagedFile, match="no symbols"):
        decode(b"\0\0\0\1", nothing, SMALL)


def test_symbols_that_a_stream_cannot_hold_take_no_memory(monkeypatch):
    """Control: with the guard off they are sorted before that shows."""
    indices = np.full(100_000, len(GAUSSIANS) - 1, np.uint8)
    with pytest.raises(DamagedFile, match="ends before its symbols"):
        Decoder(b"\1" * 40, GAUSSIANS).take(indices)
    sorted_ = []
    monkeypatch.setattr(coder, "affords", lambda *_: True)
    monkeypatch.setattr(coder, "group", lambda *given: sorted_.append(given) or group(*given))
    with contextlib.suppress(DamagedFile):
        Decoder(b"\1" * 40, GAUSSIANS).take(indices)
    assert sorted_


def test_a_million_symbols_take_no_time():
    """Over 30 M symbols a second and core on an idle machine; a tenth of that here, for busy ones."""
    indices, values = gaussian_part(np.random.default_rng(5), (1_000_000,))
    encode([(indices[:1000], values[:1000])], GAUSSIANS)
    start = time.process_time()
    assert_round_trip([(indices, values)], GAUSSIANS)
    assert time.process_time() - start < 0.6
