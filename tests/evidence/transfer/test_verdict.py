from pathlib import Path

import numpy as np
import pytest

from tests import small
from tests.evidence.transfer.test_layer_probe import head_on
from topwork.backbones.base import Backbone
from topwork.evidence.transfer.comparison import ComparedPredictions, Comparison
from topwork.evidence.transfer.conditions import Condition
from topwork.evidence.transfer.paired import gain
from topwork.evidence.transfer.verdict import Verdict, cheap_controls, weigh

Places = np.ndarray


@pytest.fixture(scope="module")
def comparison(digits: Path) -> Comparison:
    return Comparison.of(head_on(digits, small.SMALL))


def one(name: str, right: Places, rows: Places | None = None) -> ComparedPredictions:
    own = np.arange(len(right)) if rows is None else rows
    return ComparedPredictions(name=name, indices=own, right=right.astype(float), seconds=3.0)


class Made:
    """As much of `Compared` as the verdict looks at: transfer is right on some of `num`."""

    def __init__(self, right: Places, groups: Places | None = None) -> None:
        class Found:
            modality = "image"

        class HeadRun:
            found = Found
            examples = range(len(right))

        self.head_run, self.groups = HeadRun, groups
        self.transferred = one("transfer", right)


def verdict(own: Places, *controls: ComparedPredictions, groups: Places | None = None) -> Verdict:
    return weigh(Made(own, groups), controls, limit_seconds=60.0)  # type: ignore[arg-type]


def some(num: int, share: float, seed: int = 0) -> Places:
    return np.random.default_rng(seed).random(num) < share


def test_a_gain_is_paired_and_said_in_points() -> None:
    own, other = some(200, 0.94), some(200, 0.6, 1)
    found = verdict(own, one("training from scratch", other))
    assert found.worth == gain(own.astype(float) - other, None)
    assert found.worth.value == pytest.approx(own.mean() - other.mean())
    assert found.expects_gain
    assert found.message.startswith(f"Transfer is worth {100 * found.worth.value:+.1f} points (")
    assert "over training from scratch on your 200 images" in found.message
    assert (found.limit_seconds, found.seconds) == (60.0, 3.0)


def test_the_best_without_transfer_is_the_control() -> None:
    own = some(200, 0.95)
    good, bad = one("good", some(200, 0.8, 1)), one("bad", some(200, 0.5, 2))
    assert verdict(own, bad, good).control_name == "good"
    assert [x.name for x in verdict(own, bad, good).without] == ["bad", "good"]


def test_which_is_best_is_asked_on_examples_that_all_answered() -> None:
    """On its 40 examples the trained one is best, though the other's share of all is higher."""
    rows = np.arange(40)
    others = np.concatenate([np.zeros(20), np.ones(180)])
    trained = one("trained", np.concatenate([np.ones(30), np.zeros(10)]), rows)
    found = verdict(np.ones(200), one("cheap", others), trained)
    assert found.control_name == "trained"
    assert (found.num_examples, found.num_all) == (40, 200)
    assert found.worth.value == pytest.approx(0.25)
    assert "on 40 of your 200 images" in found.message


def test_no_gain_where_the_interval_touches_nothing() -> None:
    own = some(2000, 0.9)
    other = own.copy()
    other[np.flatnonzero(own)[:12]] = False
    other[np.flatnonzero(~own)[:8]] = True
    found = verdict(own, one("training from scratch", other))
    assert not found.expects_gain
    assert found.message.startswith("Transfer would not hurt, but do not expect a gain: ")
    assert "which chance alone may give" in found.message


def test_a_sure_gain_below_a_point_is_not_promised() -> None:
    own = np.ones(5000, bool)
    other = own.copy()
    other[:30] = False
    found = verdict(own, one("training from scratch", other))
    assert found.worth.low > 0
    assert not found.expects_gain
    assert "less than a point" in found.message


def test_transfer_may_cost() -> None:
    found = verdict(some(300, 0.5), one("training from scratch", some(300, 0.9, 1)))
    assert found.worth.high < 0
    assert not found.expects_gain
    assert found.message.startswith(f"Transfer costs you {-100 * found.worth.value:.1f} points (")


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.6, "Transfer may help, but that is not sure"), (0.5, "Do not expect a gain from transfer")],
)
def test_of_few_examples_in_groups_little_is_said(share: float, words: str) -> None:
    own, groups = np.arange(40) / 40 < share, np.arange(40) % 4
    found = verdict(own, one("raw pixels", np.arange(40) % 2 == 0), groups=groups)
    assert not found.expects_gain
    assert found.message.startswith(words)
    assert "40 examples in 4 groups are too few to tell" in found.message


def test_verdicts_go_through_plain_data() -> None:
    verdict = weigh(
        Made(some(50, 0.9)),  # type: ignore[arg-type]
        [one("training from scratch", some(50, 0.5, 1))],
        conditions=[Condition(question="Are both images?", answer=None, because="Both are.")],
        notes=["It was not trained."],
    )
    assert Verdict.from_dict(verdict.to_dict()) == verdict


def test_random_weights_and_raw_inputs_learn_from_the_same_folds(comparison: Comparison) -> None:
    """`small.SMALL` is the random network of seed 0 itself: as a control it is as right."""
    random, raw = cheap_controls(comparison)
    assert random.name == "a new head on random weights"
    assert raw.name == "a head on raw pixels"
    assert np.array_equal(random.indices, np.arange(30))
    assert abs(random.right.mean() - comparison.transferred.right.mean()) <= 0.1
    assert raw.right.mean() > 0.8


def test_a_module_of_ones_own_has_the_raw_inputs(digits: Path, tiny_backbone: Backbone) -> None:
    (raw,) = cheap_controls(Comparison.of(head_on(digits, tiny_backbone)))
    assert raw.name == "a head on raw pixels"
