"""Bins of confidence, against a count by hand."""

import numpy as np
import pytest

from topwork.evaluation.intervals import wilson
from topwork.reports.reliability import MAX_BINS, reliability


def test_bins_are_those_of_a_count_by_hand() -> None:
    rng = np.random.default_rng(0)
    pays_probability = rng.dirichlet([1, 1, 1], size=57)
    truth = rng.integers(0, 3, 57)
    bins = reliability(pays_probability, truth)
    assert len(bins) == 5
    rows = sorted(range(57), key=lambda i: pays_probability[i].max())
    sizes = [12, 12, 11, 11, 11]
    assert [one.num_examples for one in bins] == sizes
    start = 0
    for one, size in zip(bins, sizes, strict=True):
        part = rows[start : start + size]
        start += size
        right = sum(pays_probability[i].argmax() == truth[i] for i in part)
        assert one.confidence == pytest.approx(np.mean([pays_probability[i].max() for i in part]))
        assert one.accuracy == wilson(right / size, size)


def test_few_answers_are_one_bin_and_many_no_more_than_fit() -> None:
    assert len(reliability(np.array([[0.9, 0.1]]), np.array([0]))) == 1
    many = np.tile([[0.6, 0.4]], (5_000, 1))
    assert len(reliability(many, np.zeros(5_000, np.intp))) == MAX_BINS
