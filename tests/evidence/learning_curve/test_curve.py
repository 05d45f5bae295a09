"""The learning curve of a head on small seeded features: its points, its sentence, its errors."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.heads.data import labels_of, make
from topwork.core.progress import listening
from topwork.errors import SettingError, TooFewError
from topwork.evaluation.crossval import cross_val_predict
from topwork.evidence.learning_curve import curve as curve_module
from topwork.evidence.learning_curve import points as curve_points
from topwork.evidence.learning_curve.curve import LearningCurve, curve_of, learning_curve
from topwork.evidence.learning_curve.points import choose_sizes, measure
from topwork.heads.fit import fit_head
from topwork.heads.labels import Labels
from topwork.heads.settings import HeadSettings


@pytest.fixture(scope="module", autouse=True)
def one_repeat() -> Iterator[None]:
    """Five folds, drawn once, each size fitted in all of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve_points, "WORK", 13_500)
        patch.setattr(curve_points, "MIN_REPEATS", 1)
        patch.setattr(curve_points, "choose_num_repeats", lambda _: 1)
        yield


@pytest.fixture(scope="module")
def curve(one_repeat: None) -> LearningCurve:
    table, classes = make(120, 3, noise=3.0)
    return learning_curve(table, np.arange(120), labels_of(classes))


def test_its_points_rise_and_its_line_goes_on_from_them(curve: LearningCurve) -> None:
    assert curve.sizes[-1] == 96
    assert len(curve.sizes) == len(curve.accuracy) == len(curve.num_repeats)
    assert min(curve.num_repeats) >= 1
    assert curve.accuracy[-1].value > curve.accuracy[0].value + 0.1
    assert all(a.low < a.value < a.high for a in curve.accuracy)
    sizes, values, lows, highs = np.array(curve.line).T
    assert sizes[0] == curve.sizes[0]
    assert sizes[-1] == pytest.approx(1200)
    assert (np.diff(sizes) > 0).all()
    assert (np.diff(values) >= -1e-3).all()
    assert ((lows <= values) & (values <= highs)).all()
    assert curve.predict(curve.sizes[-1]).value == pytest.approx(curve.accuracy[-1].value, abs=0.05)
    assert curve.twice == curve.predict(240)
    assert curve.tenfold == curve.predict(1200)
    assert curve.tenfold.high - curve.tenfold.low > curve.now.high - curve.now.low


def test_its_past_saw_half_of_the_examples_alone(curve: LearningCurve) -> None:
    past = curve.past
    assert past is not None
    assert (past.num_from, past.num_at) == (48, 96)
    assert past.came_true == curve.accuracy[-1]
    assert past.predicted.low <= past.came_true.value <= past.predicted.high
    assert "predicted from half of the data: " in str(past)


def test_what_twice_the_examples_give_comes_true() -> None:
    """The curve of 120 examples, against heads of all 240 and 1,000 others: within the band."""
    table, classes = make(1240, 3, noise=3.0, seed=5)
    labels = labels_of(classes)
    rows = np.arange(120)
    curve = learning_curve(table, rows, labels.take(rows))
    more, others = np.arange(240), np.arange(240, 1240)
    head = fit_head(table, more, labels.take(more))
    came_true = (head.predict(table, others).argmax(1) == classes[others]).mean()
    assert curve.twice.low <= came_true <= curve.twice.high
    assert curve.twice.value == pytest.approx(came_true, abs=0.05)
    assert abs(curve.twice.value - came_true) < abs(curve.accuracy[-1].value - came_true)


def test_it_comes_back_from_json(curve: LearningCurve) -> None:
    back = LearningCurve.from_dict(json.loads(json.dumps(curve.to_dict())))
    assert back == curve
    assert back.predict(300) == curve.predict(300)
    with pytest.raises(KeyError):
        LearningCurve.from_dict({"sizes": [1]})


@pytest.mark.parametrize(
    ("pays_probability", "words"), [(0.9, "pays"), (0.1, "brings little"), (0.5, "does not tell")]
)
def test_its_sentence(curve: LearningCurve, pays_probability: float, words: str) -> None:
    sentence = replace(curve, pays_probability=pays_probability).sentence
    assert sentence.endswith(f"{words}.")
    assert "all 120 examples" in sentence
    assert "(240)" in sentence
    assert "(1,200)" in sentence
    assert f"{curve.twice.value:.1%}" in sentence
    grouped = replace(curve, num_groups=6).sentence
    assert grouped.endswith("That is for more of the same 6 groups; new groups may bring more.")


def test_sizes_are_halves_of_each_other() -> None:
    for largest in (8, 24, 96, 954, 1650, 2250, 4096):
        for num_classes in (2, 10, 77):
            sizes = choose_sizes(largest, num_classes)
            assert 3 <= len(sizes) <= 8
            assert sizes[-1] == largest
            assert sizes[0] >= curve_points.MIN_SIZE
            assert any(abs(2 * size - largest) <= 1 for size in sizes)


def test_no_group_is_on_both_sides_and_samples_have_their_size() -> None:
    table, classes = make(160, 2, noise=3.0)
    for num_groups, thins in ((8, False), (40, True)):
        groups = np.array([f"g{i % num_groups}" for i in range(160)])
        labels = Labels(classes=classes, num_classes=2, groups=groups)
        run = curve_points._CurveRun(table, np.arange(160), labels, None, None)
        assert run.thins_groups == thins
        seen: list[tuple[np.ndarray, Labels]] = []

        def fake(_table, rows, own, *, seen=seen, run=run, **_):  # type: ignore[no-untyped-def]
            seen.append((rows, own))
            raise InterruptedError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(curve_points, "fit_head", fake)
            for size in range(len(run.sizes)):
                with pytest.raises(InterruptedError):
                    run.fit(size, 1)
        fold = run.units[1][1]
        for (rows, own), size in zip(seen, run.sizes, strict=True):
            assert not set(groups[rows]) & set(groups[fold])
            assert (own.classes == classes[rows]).all()
            assert len(rows) == size or size == run.sizes[-1]
        few = len(set(groups[seen[1][0]]))
        assert few <= 8


def test_the_plan_is_by_the_work_of_a_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    table, classes = make(30, 2, noise=3.0)
    rows, labels = np.arange(30), labels_of(classes)
    done: list[tuple[int, int]] = []
    with listening(lambda stage, now, all_: done.append((now, all_))):
        assert set(measure(table, rows, labels).num_repeats) == {5}
    assert done[-1][0] == done[-1][1] == 5 * len(choose_sizes(24, 2))
    monkeypatch.setattr(curve_points, "WORK", 3 * (24 + curve_points.WORK_PER_FIT))
    assert measure(table, rows, labels).num_repeats[-2:] == (3, 3)
    monkeypatch.setattr(curve_points, "WORK", 1)
    points = measure(table, rows, labels)
    assert set(points.num_repeats) == {1}
    curve_of(points)  # one fit of each size is enough for a curve


def test_the_plan_of_many_examples_is_bounded() -> None:
    table, classes = make(4000, 2, noise=3.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(curve_points, "MIN_REPEATS", 3)
        run = curve_points._CurveRun(table, np.arange(4000), labels_of(classes), None, None)
    first, rest = run.plan()
    assert [size for size, _ in first] == list(range(len(run.sizes)))
    assert len({*first, *rest}) == len(first) + len(rest)
    for number, size in enumerate(run.sizes):
        times = sum(one == number for one, _ in (*first, *rest))
        assert times == min(15, 13_500 // (size + 100))
        assert times >= 4


def test_a_busy_machine_gives_the_same_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fits end in another order, one at a time, and each takes long."""
    table, classes = make(300, 3, noise=3.0)
    labels, rows = labels_of(classes), np.arange(300)
    idle = curve_of(measure(table, rows, labels))
    fit = curve_points._CurveRun.fit

    def slow(self: curve_points._CurveRun, size: int, unit: int) -> curve_points.Fit:
        time.sleep(0.02 * ((size + unit) % 3))
        return fit(self, size, unit)

    monkeypatch.setattr(curve_points._CurveRun, "fit", slow)
    monkeypatch.setattr(curve_points, "num_workers", lambda _num: 3)
    assert curve_of(measure(table, rows, labels)) == idle
    assert max(idle.sizes) == 240 < curve_points.FRESH_UP_TO
    monkeypatch.setattr(curve_points, "FRESH_UP_TO", 50)  # one search serves the fits of a size
    again = [curve_of(measure(table, rows, labels)) for _ in range(2)]
    assert again[0] == again[1]


def test_folds_that_are_kept_are_the_largest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    table, classes = make(60, 2, noise=3.0)
    rows, labels = np.arange(60), labels_of(classes)
    monkeypatch.setattr(curve_points, "WORK", 1)
    features = "of test_learning_curve"
    without = measure(table, rows, labels, features=features)  # nothing is kept yet
    cross_val = cross_val_predict(table, labels, features=features, num_repeats=1)
    fitted: list[int] = []

    def counted(table, rows, *more, **named):  # type: ignore[no-untyped-def]
        fitted.append(len(rows))
        return fit_head(table, rows, *more, **named)

    monkeypatch.setattr(curve_points, "fit_head", counted)
    points = measure(table, rows, labels, features=features)
    assert points.num_repeats == (*(1,) * (len(points.sizes) - 1), 5)
    assert 48 not in fitted
    for fit in points.fits:
        if fit.size == len(points.sizes) - 1:
            expected = cross_val.probabilities[0, fit.test].argmax(1) == classes[fit.test]
            np.testing.assert_array_equal(fit.right, expected)
    assert curve_of(points) == curve_of(without)  # a disk makes no difference


def test_it_is_kept_under_what_it_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    table, classes = make(40, 2, noise=3.0)
    rows, labels = np.arange(40), labels_of(classes)
    asked: list[str | None] = []

    def counted(*more, features=None, **named):  # type: ignore[no-untyped-def]
        asked.append(features)
        return measure(*more, features=features, **named)

    monkeypatch.setattr(curve_module, "measure", counted)

    def ask(labels: Labels = labels, **named: Any) -> LearningCurve:
        return learning_curve(table, rows, labels, **{"features": "of kept", **named})

    first = ask()
    assert ask() == first
    assert asked == ["of kept"]
    for change in (
        lambda: ask(features="others"),
        lambda: ask(replace(labels, seed=3)),
        lambda: ask(replace(labels, classes=labels.classes[::-1].copy())),
        lambda: ask(replace(labels, groups=np.array([f"g{i // 2}" for i in range(40)]))),
        lambda: ask(settings=HeadSettings(kind="linear")),
        lambda: ask(features=None),
        lambda: ask(features=None),
    ):
        before = len(asked)
        change()
        assert len(asked) == before + 1
    monkeypatch.setattr(curve_points, "WORK", 1)
    ask()
    assert asked[-1] == "of kept"
    assert len(asked) == 9


@pytest.mark.parametrize("counts", [(15, 15), (28, 2), (8, 2), (10, 9, 1)])
def test_few_examples(counts: tuple[int, ...]) -> None:
    table, _ = make(sum(counts), len(counts))
    classes = np.repeat(np.arange(len(counts)), counts)
    curve = learning_curve(table, np.arange(len(classes)), labels_of(classes))
    assert 3 <= len(curve.sizes) <= 8
    assert curve.twice.high - curve.twice.low > 0.05
    assert curve.sentence


def test_too_few() -> None:
    table, classes = make(9, 2)
    with pytest.raises(TooFewError, match=r"9 examples are too few.*10 or more"):
        learning_curve(table, np.arange(9), labels_of(classes))
    table, classes = make(20, 2)
    groups = np.where(classes == 0, "a", "b")
    alone = Labels(classes=classes, num_classes=2, groups=groups)
    with pytest.raises(TooFewError, match="Every class stands in a single group"):
        learning_curve(table, np.arange(20), alone)


def test_what_is_not_accepted(curve: LearningCurve) -> None:
    with pytest.raises(SettingError, match="size is 1201; accepted: from"):
        curve.predict(1201)
    with pytest.raises(SettingError, match="10 times the examples"):
        curve.predict(1)
