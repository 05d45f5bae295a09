"""What tells foreign inputs: its threshold on examples left out, and what is measured."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.heads.data import labels_of, make
from topwork.evaluation import ood
from topwork.evaluation.crossval import cross_val_predict
from topwork.evaluation.ood import OODDetection, OODSample, detect_by_answers, detect_by_features
from topwork.evaluation.ood_scores import RATE, OODScores
from topwork.features.table import ArrayTable
from topwork.heads.base import Head
from topwork.heads.distances import ClassView, kernels_of
from topwork.heads.fit import fit_head
from topwork.heads.labels import Labels
from topwork.heads.ood import shares_of, terms_of


def names_of(labels: Labels, *, unknown: bool) -> tuple[str, ...]:
    names = [f"class {k}" for k in range(labels.num_classes)]
    return (*names[:-1], "Unknown") if unknown else tuple(names)


def cross_val(
    table: ArrayTable, labels: Labels, rows: np.ndarray, *, unknown: bool = False
) -> tuple[OODSample, Head]:
    found = cross_val_predict(table, labels, indices=rows, num_repeats=1)
    held = OODSample(
        indices=rows,
        labels=labels,
        classes=names_of(labels, unknown=unknown),
        probabilities=found.probabilities[0],
        folds=found.folds,
        method=found.method,
    )
    return held, fit_head(table, rows, labels)


@pytest.fixture(scope="module")
def four() -> tuple[ArrayTable, np.ndarray]:
    return make(260, 4, noise=1.5)


@pytest.fixture(scope="module")
def detected(four: tuple[ArrayTable, np.ndarray]) -> tuple[OODSample, Head, OODDetection]:
    table, classes = four
    held, head = cross_val(table, labels_of(classes[:160]), np.arange(160))
    found = detect_by_features(table, held, head)
    assert found is not None
    return held, head, found


def test_held_out_scores_are_of_views_that_had_not_seen_the_example(
    four: tuple[ArrayTable, np.ndarray], detected: tuple[OODSample, Head, OODDetection]
) -> None:
    table, classes = four
    held, head, found = detected
    kernels = kernels_of(table, head.blocks)
    distances = np.empty((160, len(kernels)))
    for fold in held.folds:
        rest = np.setdiff1d(np.arange(160), fold)
        for number, kernel in enumerate(kernels):
            view = ClassView.fit(table, rest, classes[rest], kernel, 0)
            distances[fold, number] = view.distances(table, fold)
    terms = terms_of(held.probabilities, distances)
    one = found.detector
    np.testing.assert_allclose(one.centre, terms.mean(0))
    np.testing.assert_allclose(one.spread, terms.std(0))
    np.testing.assert_allclose(one.held_out, np.sort(one.combine(terms, held.probabilities)))


def test_own_examples_are_rejected_as_often_as_was_said_and_foreign_ones_more(
    four: tuple[ArrayTable, np.ndarray], detected: tuple[OODSample, Head, OODDetection]
) -> None:
    table, _ = four
    _, head, found = detected
    away = ArrayTable(table.matrix[:, ::-1].copy(), table.segments)
    new = np.arange(160, 260)
    shares = [
        found.detector.shares(found.detector.score(head.predict(t, new), t, new))
        for t in (table, away)
    ]
    assert (shares[0] <= 0.2).mean() == pytest.approx(0.2, abs=0.12)  # 3 standard errors
    assert (shares[1] <= 0.2).mean() > 0.8


def test_each_class_is_left_out_in_turn(
    four: tuple[ArrayTable, np.ndarray], detected: tuple[OODSample, Head, OODDetection]
) -> None:
    _, _, found = detected
    scores = found.scores
    assert scores is not None
    assert scores.method == "each of the 4 classes left out in turn"
    assert scores.num_ood == 160
    assert scores.num_own == pytest.approx(4 * 24, abs=6)  # three classes of a fold, four times
    assert scores.auroc > 0.6
    assert scores.false_accept.low <= scores.false_accept.value <= scores.false_accept.high


def test_a_left_out_class_is_seen_by_neither_the_head_nor_the_views(
    four: tuple[ArrayTable, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, classes = four
    held, head = cross_val(table, labels_of(classes[:160]), np.arange(160))
    seen: list[tuple[np.ndarray, int]] = []

    def fit(table: ArrayTable, rows: np.ndarray, labels: Labels, **settings: object) -> Head:
        seen.append((rows, labels.num_classes))
        return fit_head(table, rows, labels, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(ood, "fit_head", fit)
    detect_by_features(table, held, head)
    left_out = []
    for rows, num_classes in seen:
        assert num_classes == 3
        (without,) = set(range(4)) - set(classes[rows].tolist())
        left_out.append(without)
    assert sorted(left_out) == [0, 1, 2, 3]


def test_many_classes_are_left_out_in_groups_of_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ood, "MEASURED", (10, 150))
    monkeypatch.setattr(ood, "MAX_EXAMPLES", 180)
    table, classes = make(240, 12)
    held, head = cross_val(table, labels_of(classes), np.arange(240))
    found = detect_by_features(table, held, head)
    assert found is not None
    assert found.scores is not None
    assert found.scores.method == "10 groups of the 12 classes left out in turn, of 150 examples"
    assert len(found.detector.held_out) == 180


def test_the_same_again_is_read_from_the_disk(
    four: tuple[ArrayTable, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    table, classes = four
    held, head = cross_val(table, labels_of(classes[:160], seed=3), np.arange(160))
    first = detect_by_features(table, held, head, features="some digest")
    monkeypatch.setattr(ood, "fit_head", None)  # nothing is fitted anew
    again = detect_by_features(table, held, head, features="some digest")
    assert first is not None
    assert again is not None
    assert again.scores == first.scores
    np.testing.assert_array_equal(again.detector.held_out, first.detector.held_out)


def test_a_class_unknown_is_what_is_foreign() -> None:
    table, classes = make(200, 4, noise=1.5)
    held, head = cross_val(table, labels_of(classes), np.arange(200), unknown=True)
    found = detect_by_features(table, held, head)
    assert found is not None
    assert found.scores is not None
    assert found.detector.unknown == 3
    assert len(found.detector.held_out) == 150
    assert all(len(view.means) == 3 for view in found.detector.views)
    assert found.scores.num_ood == 50
    assert found.scores.method == "50 examples of 'Unknown', by 5-fold cross-validation"
    named = held.probabilities.argmax(1) == 3
    assert np.isinf(found.detector.held_out).sum() == named[classes < 3].sum()
    assert found.scores.false_accept.value <= 1 - named[classes == 3].mean()


def test_a_trained_networks_answers_alone() -> None:
    table, classes = make(150, 3, noise=2)
    held, _ = cross_val(table, labels_of(classes), np.arange(150))
    found = detect_by_answers(held)
    assert found is not None
    assert found.scores is None
    assert found.detector.views == ()
    terms = terms_of(held.probabilities, np.empty((150, 0)))[:, 0]
    z = (terms - terms.mean()) / terms.std()
    np.testing.assert_allclose(found.detector.held_out, np.sort(z))
    renamed = replace(held, classes=("a", "neither", "b"))
    with_one = detect_by_answers(renamed)
    assert with_one is not None
    assert with_one.scores is not None
    assert with_one.scores.num_ood == 50


def test_too_few_examples_and_classes() -> None:
    table, classes = make(16, 2)
    held, head = cross_val(table, labels_of(classes), np.arange(16))
    found = detect_by_features(table, held, head)
    assert found is not None
    assert found.scores is None  # of two classes none can be left out
    few = replace(
        held,
        indices=held.indices[:8],
        labels=held.labels.take(np.arange(8)),
        probabilities=held.probabilities[:8],
        folds=(np.arange(4), np.arange(4, 8)),
    )
    assert detect_by_features(table, few, head) is None
    assert detect_by_answers(few) is None


def test_groups_stay_together() -> None:
    table, classes = make(120, 3)
    groups = np.array([f"g{i // 4}" for i in range(120)])
    labels = replace(labels_of(classes), groups=groups)
    held, head = cross_val(table, labels, np.arange(120))
    for fold in held.folds:
        assert not set(groups[fold]) & set(np.delete(groups, fold))
    assert detect_by_features(table, held, head) is not None


def test_the_scores_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    own, other = rng.normal(size=300).round(1), rng.normal(1.5, size=80).round(1)
    found = OODScores.of(own, other, None, "made up")
    truth = np.repeat([0, 1], [300, 80])
    assert found.auroc == pytest.approx(roc_auc_score(truth, np.concatenate([own, other])))
    accepted = (shares_of(np.sort(own), other) > RATE).mean()
    assert found.false_accept.value == pytest.approx(accepted)
    assert OODScores.from_dict(found.to_dict()) == found


def test_foreign_examples_of_few_groups_tell_less() -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(size=300)
    groups = np.repeat(["a", "b", "c", "d"], 20)
    other = rng.normal(size=80) + np.repeat([0, 0, 5, 5], 20)
    alone, grouped = (OODScores.of(own, other, g, "made up") for g in (None, groups))
    assert alone.false_accept.value == grouped.false_accept.value
    widths = [one.false_accept.high - one.false_accept.low for one in (alone, grouped)]
    assert widths[1] > 1.5 * widths[0]
