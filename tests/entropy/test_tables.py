"""Tables are what the coder can code with, or a model error; what they cost is what is written."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nic_cli.entropy.coder import encode
from nic_cli.entropy.tables import MIN_ESCAPE, TOTAL, Tables, cost, from_probabilities, gaussian, pack_tables
from nic_cli.errors import ModelError, NicError, UsageError

from .samples import GAUSSIANS, SMALL, gaussian_part, random_part, random_table


def fields(**changed):
    sound = {
        "lows": np.array([0, -1], np.int32),
        "sizes": np.array([1, 2], np.int32),
        "frequencies": np.array([TOTAL, TOTAL - 1, 1], np.uint32),
    }
    return sound | changed


@pytest.mark.parametrize(
    "changed",
    [
        {"lows": np.array([0], np.int32)},
        {"lows": np.array([0, -1])},
        {"lows": np.array([0, 1 << 21], np.int32)},
        {"lows": np.array([0, -(1 << 31)], np.int32)},
        {"lows": [0, -1]},
        {"lows": np.array([1, -1], np.int32)},
        {"sizes": np.array([0, 3], np.int32)},
        {"sizes": np.array([-1, 4], np.int32)},
        {"sizes": np.array([1, 1], np.int32)},
        {"sizes": np.array([2, 1], np.int32)},
        {"sizes": np.array([1, 1 << 17], np.int32)},
        {"sizes": np.array([[1, 2]], np.int32)},
        {
            "lows": np.empty(0, np.int32),
            "sizes": np.empty(0, np.int32),
            "frequencies": np.empty(0, np.uint32),
        },
        {"frequencies": np.array([TOTAL, TOTAL, 0], np.uint32)},
        {"frequencies": np.array([TOTAL, TOTAL, 1], np.uint32)},
        {"frequencies": np.array([TOTAL, 2**32 - 1, TOTAL + 1], np.uint32)},
        {"frequencies": np.array([TOTAL, TOTAL - 1, 1], np.float64)},
    ],
    ids=str,
)
def test_tables_that_cannot_be_coded_with_are_a_model_error(changed):
    Tables(**fields())
    with pytest.raises(ModelError):
        Tables(**fields(**changed))


def test_tables_cannot_be_changed_afterwards():
    source = fields()
    tables = Tables(**source)
    source["frequencies"][1:] = 0
    assert list(tables.table(1)[1]) == [TOTAL - 1, 1]
    with pytest.raises(ValueError):
        tables.frequencies[0] = 1


def test_table_gives_back_what_was_packed():
    rng = np.random.default_rng(0)
    rows = [random_table(rng) for _ in range(20)]
    tables = pack_tables(rows)
    for i, (low, frequencies) in enumerate(rows):
        assert tables.table(i)[0] == low and np.array_equal(tables.table(i)[1], frequencies)
    with pytest.raises(ModelError):
        pack_tables([])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(0, 1e6, allow_subnormal=True), min_size=1, max_size=300))
def test_any_probabilities_make_a_table(p):
    if sum(p) == 0:
        return
    low, frequencies = from_probabilities(-3, np.array(p))
    assert low == -3 and frequencies.size == len(p) + 1
    assert (
        frequencies.sum(dtype=np.int64) == TOTAL and frequencies.min() >= 1 and frequencies[-1] >= MIN_ESCAPE
    )
    pack_tables([(low, frequencies)])


def test_frequencies_follow_the_probabilities():
    p = np.array([0.5, 0.25, 0.125, 0.0])
    _, frequencies = from_probabilities(0, p)
    assert np.abs(frequencies / TOTAL - [*p, 0.125]).max() < 1e-6


@pytest.mark.parametrize("p", [[], [0.0], [-0.1, 1.1], [np.nan], [np.inf], [1e308, 1e308], [[1.0]]], ids=str)
def test_wrong_probabilities_are_a_model_error(p):
    with pytest.raises(ModelError), np.errstate(over="ignore"):
        from_probabilities(0, np.array(p))


@pytest.mark.parametrize("sigma", [1e-9, 0.01, 0.1, 0.15, 1, 2.5, 30, 1000])
def test_gaussian_spans_4_9_sigma_and_is_a_gaussian(sigma):
    low, frequencies = gaussian(sigma)
    values = np.arange(low, -low + 1)
    assert frequencies.size == values.size + 1 and -low >= max(1, 4.9 * sigma) and -low < 4.9 * sigma + 1.01
    p = frequencies[:-1] / TOTAL
    assert np.abs(p - p[::-1]).max() <= 1 / TOTAL
    if sigma >= 1:
        assert np.sum(p * values**2) == pytest.approx(sigma**2 + 1 / 12, rel=5e-3)


@pytest.mark.parametrize("sigma", [0.0, -1.0, float("nan"), float("inf"), 1e5])
def test_wrong_sigma_is_a_model_error(sigma):
    with pytest.raises(ModelError):
        gaussian(sigma)


@pytest.mark.parametrize("n", [0, 1, 30, 1000, 200_000])
def test_cost_is_the_length_to_the_byte(n):
    rng = np.random.default_rng(n)
    for tables, part in (
        (GAUSSIANS, gaussian_part(rng, (n,))),
        (GAUSSIANS, random_part(rng, GAUSSIANS, n)),
        (SMALL, random_part(rng, SMALL, n, wild=0.3)),
    ):
        bits = cost(tables, *part)
        assert 0 <= len(encode([part], tables)) - bits / 8 <= 4.2


def test_cost_refuses_what_encode_refuses():
    one = np.ones(1, np.int32)
    for indices, values in (
        (one * 3, one),
        (-one, one),
        (one * 0, one),
        (one, one * 200_000),
        (one, np.ones(2, np.int32)),
        (one, np.ones(1)),
    ):
        for call in (lambda i, v: cost(SMALL, i, v), lambda i, v: encode([(i, v)], SMALL)):
            with pytest.raises((UsageError, ModelError)) as caught:
                call(indices, values)
            assert isinstance(caught.value, NicError) and "\n" not in str(caught.value)
