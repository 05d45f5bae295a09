from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests import small
from tests.evidence.transfer.test_layer_probe import frozen_on
from topwork.errors import TooFewError
from topwork.evidence.transfer.comparison import Compared
from topwork.model.predictions import Answers
from topwork.runs.head import Frozen


@pytest.fixture(scope="module")
def frozen(digits: Path) -> Frozen:
    return frozen_on(digits, small.SMALL)


def test_all_examples_are_compared_by_what_the_head_said(frozen: Frozen) -> None:
    compared = Compared.of(frozen)
    assert frozen.crossed is not None
    wanted = (frozen.crossed.probabilities.argmax(2) == frozen.labels.classes).mean(0)
    assert np.array_equal(compared.transferred.right, wanted)
    assert compared.is_whole
    assert compared.examples == frozen.examples
    for mine, own in zip(compared.drawn[0], frozen.crossed.folds, strict=True):
        assert np.array_equal(mine, own)


def test_of_many_a_sample_is_compared_and_learned_from(frozen: Frozen) -> None:
    compared = Compared.of(frozen, max_examples=18)
    assert not compared.is_whole
    assert len(compared.places) == len(compared.transferred.right) == 18
    assert np.array_equal(np.bincount(compared.labels.classes), [6, 6, 6])
    assert sorted(np.concatenate(compared.drawn[0])) == list(range(18))


def test_the_answers_of_another_model_take_the_heads_place(frozen: Frozen) -> None:
    num = len(frozen.examples)
    order = np.random.default_rng(0).permutation(num)
    right = np.arange(num) % 3 != 0
    said = np.where(right, frozen.labels.classes, (frozen.labels.classes + 1) % 3)[order]
    answers = Answers.of(
        [frozen.examples[i] for i in order], frozen.labels.classes[order], np.eye(3)[said]
    )
    assert np.array_equal(Compared.of(frozen, answers=answers).transferred.right, right)
    few = Answers.of(frozen.examples[1:], frozen.labels.classes[1:], np.eye(3)[said[1:]])
    with pytest.raises(TooFewError, match="The answers lack 1 of 30 examples"):
        Compared.of(frozen, answers=few)


def test_without_a_score_there_is_nothing_to_compare(frozen: Frozen) -> None:
    with pytest.raises(TooFewError, match="no cross-validated score: 1 group"):
        Compared.of(replace(frozen, crossed=None, notes=("no cross-validated score: 1 group",)))
    with pytest.raises(TooFewError, match="There is no score to compare"):
        Compared.of(replace(frozen, crossed=None, notes=()))
