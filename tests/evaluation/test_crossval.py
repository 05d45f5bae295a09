"""Cross-validation against a loop by hand, and what must not leak."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from tests.heads.data import labels_of, make
from topwork.core.memo import memo_folder
from topwork.core.progress import listening
from topwork.errors import TooFewError
from topwork.evaluation import crossval
from topwork.evaluation.crossval import choose_num_repeats, cross_val_predict, num_workers
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.examples.folds import kfold
from topwork.heads.fit import fit_head
from topwork.heads.labels import Labels
from topwork.heads.settings import HeadKind, HeadSettings

NAMES = ("a", "b", "c")


def cross_validate(table: Any, labels: Labels, classes: Any, **settings: Any) -> Evaluation:
    return cross_val_predict(table, labels, **settings).evaluate(labels, classes)


def by_hand(table: object, labels: Labels, *, num_folds: int, num_repeats: int) -> Evaluation:
    out = np.zeros((num_repeats, len(labels.classes), labels.num_classes))
    groups = None if labels.groups is None else labels.groups.tolist()
    for repeat in range(num_repeats):
        seed = labels.seed + repeat
        for fold in kfold(labels.classes, num_folds=num_folds, seed=seed, groups=groups):
            rest = np.array([i for i in range(len(labels.classes)) if i not in set(fold)])
            head = fit_head(table, rest, replace(labels.take(rest), seed=seed))  # type: ignore[arg-type]
            out[repeat, fold] = head.predict(table, fold)  # type: ignore[arg-type]
    return evaluate(out, labels.classes, NAMES, method="by hand", groups=groups, seed=labels.seed)


def test_it_is_the_plain_loop() -> None:
    table, classes = make(45, 3, noise=3)
    labels = labels_of(classes, seed=4)
    found = cross_validate(table, labels, NAMES, num_folds=3, num_repeats=2)
    expected = by_hand(table, labels, num_folds=3, num_repeats=2)
    assert found.method == "3-fold cross-validation, drawn 2 times"
    assert 0.4 < found.accuracy.value < 1
    assert found.confusion == expected.confusion
    for name in ("accuracy", "log_loss", "macro_f1", "calibration_error"):
        mine, other = getattr(found, name), getattr(expected, name)
        assert (mine.value, mine.low, mine.high) == pytest.approx(
            (other.value, other.low, other.high), abs=1e-5
        ), name


def test_it_is_the_plain_loop_with_groups_and_weights() -> None:
    table, classes = make(48, 3, noise=3)
    groups = np.array([f"g{i // 3}" for i in range(48)])
    weights = np.where(classes == 0, 2.0, 0.5)
    labels = replace(labels_of(classes), groups=groups, weights=weights)
    found = cross_validate(table, labels, NAMES, num_folds=4, num_repeats=1)
    expected = by_hand(table, labels, num_folds=4, num_repeats=1)
    assert found.method == "4-fold cross-validation, groups kept together"
    assert found.num_groups == 16
    assert found.log_loss.value == pytest.approx(expected.log_loss.value, abs=1e-5)
    assert found.confusion == expected.confusion


@pytest.mark.parametrize("kind", ["linear", "nearest", "mlp"])
def test_other_heads_are_fitted_in_every_fold(
    kind: HeadKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topwork.heads.mlp.MIN_STEPS", 20)
    table, classes = make(45, 3, noise=3)
    settings = HeadSettings(kind=kind, units=(8,) if kind == "mlp" else ())
    found = cross_validate(table, labels_of(classes), NAMES, num_repeats=1, settings=settings)
    out = np.zeros((1, 45, 3))
    for fold in kfold(classes, num_folds=5, seed=0):
        rest = np.setdiff1d(np.arange(45), fold)
        out[0, fold] = fit_head(table, rest, labels_of(classes[rest]), settings=settings).predict(
            table, fold
        )
    expected = evaluate(out, classes, NAMES, method="by hand", groups=None, seed=0)
    assert found.confusion == expected.confusion
    assert found.log_loss.value == pytest.approx(expected.log_loss.value, abs=1e-5)


def test_rows_choose_from_the_table() -> None:
    table, classes = make(60, 3)
    rows = np.arange(60)[::2]
    part = cross_validate(table, labels_of(classes[rows]), NAMES, indices=rows, num_repeats=1)
    from topwork.features.table import ArrayTable

    alone = ArrayTable(table.matrix[rows], table.segments)
    expected = cross_validate(alone, labels_of(classes[rows]), NAMES, num_repeats=1)
    assert part == expected


def test_no_group_is_ever_split(monkeypatch: pytest.MonkeyPatch) -> None:
    table, classes = make(48, 2)
    groups = np.array([f"speaker {i % 12}" for i in range(48)])
    labels = replace(labels_of(classes), groups=groups)
    seen = []

    def watched(table: object, rows: np.ndarray, own: Labels, **_: object) -> object:
        seen.append(set(rows.tolist()))
        return fit_head(table, rows, own)  # type: ignore[arg-type]

    monkeypatch.setattr(crossval, "fit_head", watched)
    cross_validate(table, labels, NAMES[:2], num_repeats=2)
    assert len(seen) == 10
    for kept in seen:
        left = set(range(48)) - kept
        assert left
        assert not {groups[i] for i in kept} & {groups[i] for i in left}


def test_a_few_groups_are_left_out_one_by_one() -> None:
    table, classes = make(40, 2)
    groups = np.array([f"speaker {i % 8}" for i in range(40)])
    labels = replace(labels_of(classes), groups=groups)
    steps = []
    with listening(lambda _stage, _done, total: steps.append(total)):
        found = cross_validate(table, labels, NAMES[:2], num_repeats=2)
    assert found.method == "each of 8 groups left out in turn"
    assert set(steps) == {8}  # there is one way to draw them


def test_shuffled_labels_score_chance() -> None:
    values = []
    for seed in range(6):
        table, classes = make(120, 2, seed=seed)
        shuffled = np.random.default_rng(seed).permutation(classes)
        found = cross_validate(table, labels_of(shuffled), NAMES[:2], num_repeats=1)
        assert found.accuracy.low - 0.03 <= 0.5 <= found.accuracy.high + 0.03
        assert found.log_loss.value > 0.6
        values.append(found.accuracy.value)
    assert 0.43 < np.mean(values) < 0.57  # of 12 draws: 0.51, give or take 0.02


def test_speakers_that_give_themselves_away_score_chance() -> None:
    """A speaker's features are the speaker's own, and so is the label: only groups tell."""
    rng = np.random.default_rng(0)
    table, _ = make(120, 2)
    speakers = np.repeat(np.arange(12), 10)
    table.matrix[:] = (rng.normal(size=(12, table.matrix.shape[1]))[speakers]
                       + 0.01 * rng.normal(size=table.matrix.shape))  # fmt: skip
    classes = speakers % 2
    blind = cross_validate(table, labels_of(classes), NAMES[:2], num_repeats=1)
    groups = np.array([f"s{s}" for s in speakers])
    labels = replace(labels_of(classes), groups=groups)
    honest = cross_validate(table, labels, NAMES[:2], num_repeats=1)
    assert blind.accuracy.value > 0.98
    assert honest.accuracy.low <= 0.5 <= honest.accuracy.high
    assert honest.accuracy.value < 0.8


def test_the_same_again_is_the_same() -> None:
    table, classes = make(40, 3, noise=3)
    first, second, other = (
        cross_validate(table, labels_of(classes, seed=seed), NAMES, num_repeats=1)
        for seed in (0, 0, 1)
    )
    assert first == second
    assert first.log_loss != other.log_loss


def test_kept_folds_give_the_same(cache: Path) -> None:
    table, classes = make(40, 3, noise=3)
    before = set(memo_folder().glob("*.arrays")) if memo_folder().is_dir() else set()
    plain = cross_validate(table, labels_of(classes), NAMES, num_repeats=2)
    fresh = cross_validate(table, labels_of(classes), NAMES, num_repeats=2, features="mine")
    files = sorted(set(memo_folder().glob("*.arrays")) - before)
    assert len(files) == 10
    again = cross_validate(table, labels_of(classes), NAMES, num_repeats=2, features="mine")
    assert plain == fresh == again
    assert not set(memo_folder().glob("*.arrays")) - before - set(files)


def test_kept_folds_are_not_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    table, classes = make(30, 3)
    labels = labels_of(classes)
    fits = []

    def counted(*arguments: object, **settings: object) -> object:
        fits.append(1)
        return fit_head(*arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(crossval, "fit_head", counted)
    first = cross_validate(table, labels, NAMES, num_repeats=1, features="counted")
    assert len(fits) == 5
    assert cross_validate(table, labels, NAMES, num_repeats=1, features="counted") == first
    assert len(fits) == 5
    for changed in (
        replace(labels, weights=np.linspace(0.5, 1.5, 30)),
        replace(labels, seed=1),
        replace(labels, classes=np.roll(classes, 1)),
    ):
        fits.clear()
        cross_validate(table, changed, NAMES, num_repeats=1, features="counted")
        assert len(fits) == 5
    fits.clear()
    cross_validate(table, labels, NAMES, num_repeats=1, features="other")
    assert len(fits) == 5
    for settings in (HeadSettings(kind="linear"), HeadSettings(kind="nearest")):
        fits.clear()
        cross_validate(table, labels, NAMES, num_repeats=1, features="counted", settings=settings)
        assert len(fits) == 5


def test_damaged_folds_are_computed_anew(caplog: pytest.LogCaptureFixture) -> None:
    table, classes = make(30, 3)
    labels = labels_of(classes)
    before = set(memo_folder().glob("*.arrays")) if memo_folder().is_dir() else set()
    first = cross_validate(table, labels, NAMES, num_repeats=1, features="damaged")
    files = sorted(set(memo_folder().glob("*.arrays")) - before)
    files[0].write_bytes(files[0].read_bytes()[:100])
    files[1].write_bytes(b"")
    files[2].write_bytes(b"of another kind")
    files[3].write_bytes(safetensors.numpy.save({"probabilities": np.zeros((2, 2))}))
    files[4].write_bytes(safetensors.numpy.save({"other": np.zeros((6, 3))}))
    assert cross_validate(table, labels, NAMES, num_repeats=1, features="damaged") == first
    assert "computed anew" in caplog.text


def test_progress_ends_at_all() -> None:
    table, classes = make(30, 3)
    told: list[tuple[str, int, int]] = []
    with listening(lambda *step: told.append(step)):
        cross_validate(table, labels_of(classes), NAMES, num_repeats=2)
    assert told == [("cross-validate", i, 10) for i in range(11)]


def test_an_error_in_a_fold_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    table, classes = make(30, 3)

    def broken(*arguments: object, **settings: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(crossval, "fit_head", broken)
    with pytest.raises(OSError, match="the disk is gone"):
        cross_validate(table, labels_of(classes), NAMES, num_repeats=1)


def test_leaving_one_out_is_drawn_once() -> None:
    table, classes = make(5, 2)
    found = cross_validate(table, labels_of(classes), NAMES[:2], num_repeats=7)
    assert found.method == "leave-one-out cross-validation"
    assert found.num_examples == 5


@pytest.mark.parametrize("classes", [[0], [0, 1], [0, 1, 2]])
def test_too_few(classes: list[int]) -> None:
    table, _ = make(len(classes), 1)
    labels = Labels(classes=np.array(classes), num_classes=3)
    message = "cannot be cross-validated" if len(classes) == 1 else "in a single"
    with pytest.raises(TooFewError, match=message):
        cross_validate(table, labels, NAMES)


def test_one_group_a_class_is_too_few() -> None:
    table, classes = make(12, 2)
    groups = np.array([f"g{k}" for k in classes])
    with pytest.raises(TooFewError, match="in a single group"):
        cross_validate(table, replace(labels_of(classes), groups=groups), NAMES[:2])


@pytest.mark.parametrize(
    ("num", "repeats"), [(0, 10), (10, 10), (100, 5), (250, 2), (499, 2), (500, 1), (9999, 1)]
)
def test_fewer_examples_are_dealt_more_often(num: int, repeats: int) -> None:
    assert choose_num_repeats(num) == repeats


def test_there_is_always_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 1 <= num_workers(100) <= crossval.MAX_WORKERS
    many = crossval.MAX_LANDMARKS + 1
    monkeypatch.setattr(crossval, "_free_bytes", lambda: 0)
    assert num_workers(many) == 1  # however little memory there is
    monkeypatch.setattr(crossval, "_free_bytes", lambda: 10**12)
    assert num_workers(many) == num_workers(100)
