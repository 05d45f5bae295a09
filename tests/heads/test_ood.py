"""How strange an example is: against its formula, and what may be asked of it."""

import numpy as np
import pytest

from tests.heads.data import labels_of, make
from topwork.errors import SettingError
from topwork.heads.distances import ClassView, kernels_of
from topwork.heads.fit import fit_head
from topwork.heads.ood import (
    DISTANCE_WEIGHT,
    FAR_OFF,
    NUM_LARGEST,
    Detector,
    generalised_entropy,
    rate_of,
    shares_of,
    terms_of,
)


def detector(unknown: int | None = None, held_out: np.ndarray | None = None) -> Detector:
    held = np.linspace(-2, 2, 39) if held_out is None else held_out
    return Detector(views=(), centre=np.array([1.0]), spread=np.array([0.5]), held_out=held,
                    unknown=unknown)  # fmt: skip


def test_the_entropy_is_that_of_liu_et_al() -> None:
    chances = np.random.default_rng(0).dirichlet(np.ones(25), size=6)
    expected = [
        sum((p * (1 - p)) ** 0.1 for p in sorted(row, reverse=True)[:NUM_LARGEST])
        for row in chances.tolist()
    ]
    np.testing.assert_allclose(generalised_entropy(chances), expected, rtol=1e-12)
    sure, unsure = np.array([[1.0, 0.0, 0.0]]), np.full((1, 3), 1 / 3)
    assert generalised_entropy(sure) == 0
    assert generalised_entropy(unsure) > generalised_entropy(np.array([[0.6, 0.3, 0.1]]))


def test_the_score_weighs_its_terms() -> None:
    one = Detector(views=(), centre=np.array([0.0, 1.0, 2.0]), spread=np.array([1.0, 2.0, 4.0]),
                   held_out=np.zeros(1))  # fmt: skip
    chances = np.full((3, 2), 0.5)
    terms = np.array([[0.5, 1.0, 2.0], [0.5, 3.0, -2.0], [0.5, 7.0, 22.0]])
    z = np.array([[0, 0], [1, -1], [3, 5]])
    expected = 0.5 + DISTANCE_WEIGHT / 2 * z.sum(1) + np.maximum(z - FAR_OFF, 0).sum(1)
    np.testing.assert_allclose(one.combine(terms, chances), expected)


def test_the_class_unknown_is_left_out_of_the_entropy_and_always_strange() -> None:
    chances = np.array([[0.1, 0.6, 0.3], [0.6, 0.1, 0.3], [0.2, 0.0, 0.8]])
    terms = terms_of(chances, np.empty((3, 0)), unknown=1)
    known = np.array([[0.25, 0.75], [2 / 3, 1 / 3], [0.2, 0.8]])
    np.testing.assert_allclose(terms[:, 0], np.log(generalised_entropy(known)))
    scores = detector(unknown=1).combine(terms, chances)
    np.testing.assert_array_equal(np.isinf(scores), [True, False, False])


def test_shares_count_the_example_itself() -> None:
    held = np.array([1.0, 2.0, 2.0, 5.0])
    found = shares_of(held, np.array([0.0, 2.0, 2.5, 6.0]))
    np.testing.assert_allclose(found, [1.0, 4 / 5, 2 / 5, 1 / 5])


def test_no_more_of_the_own_examples_are_rejected_than_was_said() -> None:
    rng = np.random.default_rng(0)
    rejected = []
    for _ in range(20_000):
        scores = rng.gamma(2, size=40)  # 39 held out, and one that comes later
        rejected.append(shares_of(np.sort(scores[:39]), scores[39:])[0] <= 0.1)
    assert np.mean(rejected) == pytest.approx(4 / 40, abs=0.0064)  # 3 standard errors


def test_a_rate_that_cannot_be_promised_is_refused() -> None:
    one = detector()
    assert one.least_rate == 1 / 40
    assert rate_of(one, 0.025) == 0.025
    assert rate_of(one, None) is None
    assert rate_of(None, None) is None
    with pytest.raises(SettingError, match=r"39 own examples .*1/40 \(0\.025\)"):
        rate_of(one, 0.02)
    for wrong in (0, 1, -0.1, 5, True, "5%"):
        with pytest.raises(SettingError, match=r"accepted: .*between 0 and 1"):
            rate_of(one, wrong)
    with pytest.raises(SettingError, match=r"reject is 0.05.* Train it again"):
        rate_of(None, 0.05)


def test_it_comes_back_from_its_tensors() -> None:
    table, classes = make(60, 3)
    rows = np.arange(60)
    head = fit_head(table, rows, labels_of(classes))
    views = tuple(
        ClassView.fit(table, rows, classes, kernel, 0) for kernel in kernels_of(table, head.blocks)
    )
    held = np.append(np.linspace(-2, 2, 30), np.inf)
    one = Detector(views=views, centre=np.zeros(1 + len(views)), spread=np.ones(1 + len(views)),
                   held_out=held, unknown=2)  # fmt: skip
    again = Detector.restore(one.settings(), one.tensors(), head)
    chances = head.predict(table, rows)
    np.testing.assert_array_equal(
        again.score(chances, table, rows), one.score(chances, table, rows)
    )
    assert again.unknown == 2
    for change, message in (
        ({"held_out": held[::-1]}, "scores are not in order"),
        ({"spread": np.zeros(1 + len(views))}, "scores are not in order"),
        ({"centre": np.zeros(7)}, "do not fit each other"),
        ({"held_out": np.zeros(0)}, "do not fit each other"),
    ):
        with pytest.raises(ValueError, match=message):
            Detector.restore(one.settings(), {**one.tensors(), **change}, head)
    with pytest.raises(ValueError, match="`unknown` is class 3 of 3"):
        Detector.restore({**one.settings(), "neither": 3}, one.tensors(), head)
    with pytest.raises(ValueError, match="of the kind 'knn'"):
        Detector.restore({**one.settings(), "kind": "knn"}, one.tensors(), head)
