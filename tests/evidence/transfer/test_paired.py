import numpy as np
import pytest

from topwork.evaluation.intervals import accuracy, wilson
from topwork.evidence.transfer.paired import gain


def test_accuracy_is_wilsons_of_independent_examples() -> None:
    right = np.array([1.0] * 80 + [0.0] * 20)
    assert accuracy(right, None) == wilson(0.8, 100)
    assert accuracy(np.empty(0), None).high == 1.0


def test_gain_as_bonett_and_price_by_hand() -> None:
    # 30 examples only the first got right, 10 only the second, of 100: p12 = 31/102, p21 = 11/102
    more = np.array([1.0] * 30 + [-1.0] * 10 + [0.0] * 60)
    found = gain(more, None)
    first, second = 31 / 102, 11 / 102
    error = np.sqrt((first + second - (first - second) ** 2) / 102)
    assert found.value == pytest.approx(0.2)
    # Student's 97.5% point with 99 degrees of freedom is 1.98422
    assert found.low == pytest.approx(first - second - 1.98422 * error, abs=1e-6)
    assert found.high == pytest.approx(first - second + 1.98422 * error, abs=1e-6)


def test_gain_holds_its_level() -> None:
    """Of 2,000 draws of 60 pairs, about 95% of the intervals hold the true difference."""
    rng = np.random.default_rng(0)
    draws = rng.choice([1.0, -1.0, 0.0], size=(2000, 60), p=[0.25, 0.1, 0.65])
    held = [one.low <= 0.15 <= one.high for one in (gain(more, None) for more in draws)]
    assert 0.935 <= np.mean(held) <= 0.975


def test_gain_of_alike_models_still_has_a_width() -> None:
    found = gain(np.zeros(200), None)
    assert found.value == 0.0
    assert found.low == pytest.approx(-found.high)
    assert 0.005 < found.high < 0.02


def test_examples_of_one_group_are_one_piece_of_evidence() -> None:
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(8), 25)
    of_group = rng.choice([1.0, 0.0, -1.0], size=8)
    alike = gain(of_group[groups], groups)
    apart = gain(of_group[groups], None)
    assert alike.high - alike.low > 3 * (apart.high - apart.low)
    # as wide as one example a group would be, by the same formula
    alone = gain(of_group, None)
    assert alike.high - alike.low == pytest.approx(alone.high - alone.low, rel=0.15)


def test_one_group_says_nothing() -> None:
    found = gain(np.ones(10), np.zeros(10, np.intp))
    assert (found.low, found.high) == (-1.0, 1.0)
