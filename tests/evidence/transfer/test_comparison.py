from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import small
from tests.evidence.transfer.test_layer_probe import head_on
from topwork.errors import TooFewError
from topwork.evidence.transfer.comparison import Comparison
from topwork.model.predictions import Predictions
from topwork.runs.head import HeadRun


@pytest.fixture(scope="module")
def head_run(digits: Path) -> HeadRun:
    return head_on(digits, small.SMALL)


def test_all_examples_are_compared_by_what_the_head_said(head_run: HeadRun) -> None:
    comparison = Comparison.of(head_run)
    assert head_run.cross_val is not None
    wanted = (head_run.cross_val.probabilities.argmax(2) == head_run.labels.classes).mean(0)
    assert np.array_equal(comparison.transferred.right, wanted)
    assert comparison.examples == comparison.head_run.examples
    assert comparison.examples == head_run.examples
    for mine, own in zip(comparison.drawn[0], head_run.cross_val.folds, strict=True):
        assert np.array_equal(mine, own)


def test_of_many_a_sample_is_compared_and_learned_from(head_run: HeadRun) -> None:
    comparison = Comparison.of(head_run, max_examples=18)
    assert len(comparison.examples) < len(comparison.head_run.examples)
    assert len(comparison.indices) == len(comparison.transferred.right) == 18
    assert np.array_equal(np.bincount(comparison.labels.classes), [6, 6, 6])
    assert sorted(np.concatenate(comparison.drawn[0])) == list(range(18))


def test_the_answers_of_another_model_take_the_heads_place(head_run: HeadRun) -> None:
    num = len(head_run.examples)
    order = np.random.default_rng(0).permutation(num)
    right = np.arange(num) % 3 != 0
    said = np.where(right, head_run.labels.classes, (head_run.labels.classes + 1) % 3)[order]
    predictions = Predictions.of(
        [head_run.examples[i] for i in order], head_run.labels.classes[order], np.eye(3)[said]
    )
    assert np.array_equal(Comparison.of(head_run, predictions=predictions).transferred.right, right)
    few = Predictions.of(head_run.examples[1:], head_run.labels.classes[1:], np.eye(3)[said[1:]])
    with pytest.raises(TooFewError, match="The answers lack 1 of 30 examples"):
        Comparison.of(head_run, predictions=few)


def test_without_a_score_there_is_nothing_to_compare(head_run: HeadRun) -> None:
    with pytest.raises(TooFewError, match="no cross-validated score: 1 group"):
        Comparison.of(
            replace(head_run, cross_val=None, notes=("no cross-validated score: 1 group",))
        )
    with pytest.raises(TooFewError, match="There is no score to compare"):
        Comparison.of(replace(head_run, cross_val=None, notes=()))
