"""Folds and samples are even, repeatable, and never cut a group in two."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from topwork.errors import SettingError, TooFewError
from topwork.examples.folds import choose_num_folds, kfold, stratified_sample

labels_of = st.lists(st.sampled_from("abcde"), min_size=2, max_size=60)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def grouped(draw):
    labels = draw(labels_of)
    names = st.sampled_from([None, *"pqrstuvw"])
    groups = draw(st.lists(names, min_size=len(labels), max_size=len(labels)))
    return labels, groups


def counts(labels, folds):
    """How many of each class each fold has [folds, classes]."""
    codes = np.unique(labels, return_inverse=True)[1]
    return np.array([np.bincount(codes[fold], minlength=codes.max() + 1) for fold in folds])


@given(labels_of, seeds, st.data())
def test_kfold_is_an_even_partition(labels, seed, data):
    num_folds = data.draw(st.integers(2, len(labels)))
    folds = kfold(labels, num_folds=num_folds, seed=seed)
    assert sorted(np.concatenate(folds)) == list(range(len(labels)))
    per_class = counts(labels, folds)
    assert (np.ptp(per_class, axis=0) <= 1).all()
    assert np.ptp(per_class.sum(axis=1)) <= 1
    again = kfold(labels, num_folds=num_folds, seed=seed)
    assert all(np.array_equal(a, b) for a, b in zip(folds, again, strict=True))


@given(grouped(), seeds)
@settings(max_examples=60)
def test_no_group_is_cut(case, seed):
    labels, groups = case
    num_groups = len({g for g in groups if g}) + groups.count(None)
    if num_groups < 2:
        return
    num_folds = min(4, num_groups)
    folds = kfold(labels, num_folds=num_folds, seed=seed, groups=groups)
    assert sorted(np.concatenate(folds)) == list(range(len(labels)))
    assert all(len(fold) for fold in folds)
    homes = {}
    for number, fold in enumerate(folds):
        for i in fold:
            if groups[i] is not None:
                assert homes.setdefault(groups[i], number) == number


def test_seeds_differ_and_leave_no_trace():
    labels = list("aabbccddee") * 4
    np.random.default_rng(0)
    one, two = (kfold(labels, num_folds=5, seed=seed) for seed in (1, 2))
    assert any(not np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    again = kfold(labels, num_folds=5, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    numbers = kfold([ord(x) for x in labels], num_folds=5, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(one, numbers, strict=True))


def imbalance(labels, folds):
    share = counts(labels, folds) / np.bincount(labels)
    return np.abs(share - 1 / len(folds)).mean()


def test_as_even_as_scikit_learn():
    ours, theirs = [], []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        n = int(rng.integers(60, 300))
        groups = rng.integers(0, n // 4, n)
        labels = np.where(rng.random(n) < 0.7, rng.integers(0, 4, n)[groups], rng.integers(0, 4, n))
        sizes = kfold(labels, num_folds=5, seed=seed)
        split = StratifiedKFold(5, shuffle=True, random_state=seed).split(labels, labels)
        reference = [test for _, test in split]
        assert np.ptp(counts(labels, sizes), axis=0).max() <= 1
        assert np.ptp(counts(labels, reference), axis=0).max() <= 1
        ours.append(imbalance(labels, kfold(labels, num_folds=5, seed=seed, groups=groups)))
        split = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(
            labels, labels, groups
        )
        theirs.append(imbalance(labels, [test for _, test in split]))
    assert np.mean(ours) <= np.mean(theirs) * 1.05


def test_kfold_refuses():
    with pytest.raises(SettingError, match="num_folds is 1; accepted: 2 or more"):
        kfold("ab", num_folds=1, seed=0)
    with pytest.raises(TooFewError, match=r"2 examples .* 3 folds"):
        kfold("ab", num_folds=3, seed=0)
    with pytest.raises(TooFewError, match=r"2 groups .* 3 folds; .*at most 2"):
        kfold("abab", num_folds=3, seed=0, groups=["p", "q", "p", "q"])
    with pytest.raises(SettingError, match="2 labels came with 1 groups"):
        kfold("ab", num_folds=2, seed=0, groups=["p"])


def test_choose_num_folds():
    assert choose_num_folds("aabbb") == 5
    assert choose_num_folds("aab") == 3
    assert choose_num_folds("aaaaaaab", wanted=4) == 4  # the single b can only be missed
    assert choose_num_folds("aaabbb", groups=list("pqrpqr")) == 3
    assert choose_num_folds("aaabbb", groups=[None] * 6) == 5


def test_too_few_to_cross_validate():
    with pytest.raises(TooFewError, match="1 groups cannot"):
        choose_num_folds("aabb", groups=["p"] * 4)
    with pytest.raises(TooFewError, match="0 examples cannot"):
        choose_num_folds([])
    with pytest.raises(TooFewError, match="in a single example"):
        choose_num_folds("abc")
    with pytest.raises(TooFewError, match="in a single group"):
        choose_num_folds("aabb", groups=list("ppqq"))


@given(grouped(), seeds, st.data())
def test_sample_is_stratified(case, seed, data):
    labels, groups = case
    size = data.draw(st.integers(1, len(labels)))
    chosen = stratified_sample(labels, size, seed, data.draw(st.sampled_from([None, groups])))
    assert len(set(chosen)) == len(chosen) == size
    assert (np.diff(chosen) > 0).all()
    names, totals = np.unique(labels, return_counts=True)
    got = np.array([sum(labels[i] == name for i in chosen) for name in names])
    if size >= len(names):
        assert (got >= 1).all()
    small = len(names)  # what the "at least one each" may take from the others
    assert (np.abs(got - totals * size / len(labels)) <= small).all()


def test_sample_takes_few_groups():
    groups = [f"patient {i // 10}" for i in range(100)]
    chosen = stratified_sample([i % 2 for i in range(100)], 20, 0, groups)
    assert len({groups[i] for i in chosen}) == 2


def test_sample_refuses():
    for size in (0, 3):
        with pytest.raises(SettingError, match=f"size is {size}; accepted: from 1 to 2"):
            stratified_sample("ab", size, 0)


def test_imports_nothing_heavy():
    code = (
        "import sys, topwork.examples.folds, topwork.examples.sources\n"
        "sys.exit(bool({'sklearn', 'scipy', 'pyarrow', 'torch', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
