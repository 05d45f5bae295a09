"""Intervals against scipy's, in simulation, and their properties."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from topwork.evaluation.intervals import (
    Estimate,
    difference,
    effective_share,
    mean_of,
    wilson,
)

shares = st.floats(0, 1)
counts = st.floats(0, 1e6)


@pytest.mark.parametrize(
    ("right", "count"), [(0, 1), (1, 1), (0, 30), (30, 30), (7, 9), (50, 100), (990, 1000)]
)
def test_wilson_is_scipys(right: int, count: int) -> None:
    expected = binomtest(right, count).proportion_ci(method="wilson")
    found = wilson(right / count, count)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found.value == right / count


def test_nothing_tested_is_nothing_known() -> None:
    assert wilson(0.0, 0) == Estimate(value=0.0, low=0.0, high=1.0)


@given(share=shares, count=counts)
def test_wilson_holds_its_value_within_0_and_1(share: float, count: float) -> None:
    found = wilson(share, count)
    assert 0 <= found.low <= found.value <= found.high <= 1
    if count < 1e5:
        assert found.low < found.high


@given(st.lists(st.tuples(shares, counts), min_size=1, max_size=20))
def test_the_mean_holds_its_value_within_0_and_1(parts: list[tuple[float, float]]) -> None:
    found = mean_of([wilson(share, count) for share, count in parts])
    assert 0 <= found.low <= found.value <= found.high <= 1
    assert found.value == pytest.approx(np.mean([share for share, _ in parts]))


def test_the_mean_of_one_is_that_one() -> None:
    one = wilson(0.8, 50)
    found = mean_of([one])
    assert (found.low, found.high) == pytest.approx((one.low, one.high))


def test_the_mean_of_many_is_surer() -> None:
    one = wilson(0.5, 40)
    found = mean_of([one] * 4)
    assert found.high - found.low == pytest.approx((one.high - one.low) / 2)


def test_estimates_read_well() -> None:
    assert str(Estimate(value=0.9, low=0.85, high=0.9312)) == "0.900 (0.850 to 0.931)"


def test_an_interval_is_widened_to_hold_its_value() -> None:
    assert Estimate.around(0.5, 0.6, 0.4) == Estimate(value=0.5, low=0.5, high=0.5)


@given(shares, shares, st.integers(1, 10_000))
def test_a_difference_turns_round(first: float, second: float, count: int) -> None:
    a, b = wilson(first, count), wilson(second, count)
    found = difference(a, b)
    value, low, high = found.value, found.low, found.high
    assert low <= value <= high
    other = difference(b, a)
    assert (other.value, other.low, other.high) == pytest.approx((-value, -high, -low))


def test_a_difference_is_newcombes() -> None:
    # Newcombe 1998, table II, (a): 56/70 - 48/80, method 10 without continuity correction
    found = difference(wilson(56 / 70, 70), wilson(48 / 80, 80))
    value, low, high = found.value, found.low, found.high
    assert (value, low, high) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_without_groups_each_example_counts() -> None:
    assert effective_share(np.array([1.0, 0.0, 1.0]), None) == 1.0


def test_copies_are_no_evidence() -> None:
    right = np.repeat([1.0, 1, 1, 1, 1, 1, 1, 0, 0, 0], 20)
    groups = np.repeat(np.arange(10), 20)
    share = effective_share(right, groups)
    assert len(right) * share == pytest.approx(9, abs=1.1)  # of 10 speakers
    own = wilson(0.7, 10)
    found = wilson(float(right.mean()), len(right) * share)
    assert found.high - found.low == pytest.approx(own.high - own.low, rel=0.1)


def test_groups_that_say_nothing_take_little_away() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(50):
        right = (rng.random(1000) < 0.8).astype(float)
        shares.append(effective_share(right, rng.integers(0, 100, 1000)))
    assert np.mean(shares) > 0.85


def test_where_nothing_varies_each_group_counts_once() -> None:
    assert effective_share(np.ones(100), np.repeat(np.arange(5), 20)) == pytest.approx(0.05)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=1, max_size=60),
)
def test_an_example_is_worth_at_most_one(rows: list[tuple[bool, int]]) -> None:
    right = np.array([float(answer) for answer, _ in rows])
    codes = np.unique([group for _, group in rows], return_inverse=True)[1]
    share = effective_share(right, codes)
    assert 1 / len(rows) <= share <= 1
    assert math.isfinite(share)
