"""Whole fits: exact against landmarks, odd data, weights, groups, seeds, and memory."""

import numpy as np
import numpy.typing as npt
import pytest

from topwork.executors.base import Segment
from topwork.features.table import ArrayTable, FeatureTable
from topwork.heads import exact as exact_module
from topwork.heads import fit as module
from topwork.heads.fit import fit_head
from topwork.heads.kernel import Kernel
from topwork.heads.kernel_head import KernelHead
from topwork.heads.labels import Labels
from topwork.heads.search import FULL, KernelChoice
from topwork.heads.settings import HeadKind, HeadSettings
from topwork.heads.softmax import log_loss

from .data import SEGMENTS, labels_of, make

RBF = Kernel(blocks=("middle", "late"), pools=("mean", "grid2"), gamma=0.3)
LINEAR = Kernel(blocks=("middle", "late"), pools=("mean", "grid2"))


def choose(monkeypatch: pytest.MonkeyPatch, kernel: Kernel, penalty: float = 1e-2) -> None:
    monkeypatch.setattr(module, "search", lambda *_: KernelChoice(kernel=kernel, penalty=penalty))


def test_it_learns() -> None:
    table, classes = make(500, 5, noise=1.5)
    head = fit_head(table, np.arange(150), labels_of(classes[:150]))
    probabilities = head.predict(table, np.arange(150, 500))
    assert (probabilities.argmax(1) == classes[150:]).mean() > 0.95
    assert log_loss(probabilities, np.eye(5)[classes[150:]]) < 0.2
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-9)


@pytest.mark.parametrize("kernel", [LINEAR, RBF])
def test_landmarks_that_are_all_examples_change_nothing(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, kernel)
    # one penalty, as the choice could differ: a penalty is a share of what is left in
    monkeypatch.setattr(module, "around", lambda *_: [1e-2])
    monkeypatch.setattr(exact_module, "around", lambda *_: [1e-2])
    table, classes = make(80, 3, noise=2)
    rows, labels = np.arange(80), labels_of(classes)
    exact = fit_head(table, rows, labels)
    task = exact_module.FitTask(
        table=table, indices=rows, labels=labels, choice=module.search(table, rows, labels),
        transform=exact.transform, units=exact.transform(table, rows),
    )  # fmt: skip
    found, expected = module._fit_landmarks(task), exact_module.fit_exact(task)
    values = kernel.apply(task.units @ task.units.T)
    np.testing.assert_allclose(
        values @ found.weights + found.constants,
        values @ expected.weights + expected.constants,
        atol=5e-3,
    )
    assert np.corrcoef(found.scores.ravel(), expected.scores.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("gamma", [None, 0.3])
def test_few_landmarks_are_enough_for_data_of_low_rank(
    gamma: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch, Kernel(blocks=("late",), pools=("mean",), gamma=gamma), 0.1)
    table, classes = make(400, 3, noise=2)
    rows, new = np.arange(300), np.arange(300, 400)
    labels = labels_of(classes[:300])
    exact = fit_head(table, rows, labels).predict(table, new)
    few = fit_head(table, rows, labels, max_landmarks=150)
    assert few.landmarks is None or len(few.landmarks) == 150
    # the standardiser is fitted on the landmarks alone, hence no smaller tolerance
    assert np.abs(few.predict(table, new) - exact).mean() < 0.03


def test_the_fit_sees_what_prediction_sees() -> None:
    choice = KernelChoice(kernel=RBF, penalty=1e-5)
    table, classes = make(40, 2)
    head = fit_head(table, np.arange(40), labels_of(classes), choice=choice)
    assert head.kernel == RBF
    units = head.transform(table, np.arange(40)).astype(np.float16)
    np.testing.assert_array_equal(head.landmarks, units)


@pytest.mark.parametrize(("width", "expected"), [(1, 4096), (19_531, 4096), (40_000, 2000)])
def test_landmarks_are_bounded_by_count_and_by_bytes(width: int, expected: int) -> None:
    assert module.choose_max_landmarks(width) == expected


def test_fewer_landmarks_where_an_example_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MODEL_BYTES", 2 * 25 * 122)
    table, classes = make(90, 3)  # "middle" and "late" hold 90 numbers
    head = fit_head(
        table, np.arange(90), labels_of(classes), choice=KernelChoice(kernel=RBF, penalty=1)
    )
    assert head.landmarks is not None
    assert head.landmarks.shape == (2 * 25 * 122 // (2 * 90), 90)


def test_a_wider_rbf_is_tried_where_landmarks_stand_for_the_rest_unless_one_was_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    choose(monkeypatch, RBF)
    monkeypatch.setattr(module, "best_of", lambda candidates, labels: candidates[-1])
    table, classes = make(90, 3)
    rows, labels = np.arange(90), labels_of(classes)
    assert fit_head(table, rows, labels, max_landmarks=30).kernel.gamma == pytest.approx(0.09)
    assert fit_head(table, rows, labels).kernel == RBF
    given = KernelChoice(kernel=RBF, penalty=1e-2)
    assert fit_head(table, rows, labels, max_landmarks=30, choice=given).kernel == RBF


def odd_tables() -> dict[str, tuple[ArrayTable, npt.NDArray[np.intp]]]:
    table, classes = make(40, 4)
    constant, flat_block = table.matrix.copy(), table.matrix.copy()
    constant[:, ::3] = 2.5
    flat_block[:, 30:70] = 1.0
    return {
        "3 examples in 2 classes": (table, np.array([0, 1, 0])),
        "2 examples": (table, np.array([0, 1])),
        "1 example a class": (table, np.arange(12)),
        "a class of one": (table, np.array([0, 1] * 19 + [2, 0])),
        "2 classes": (table, np.arange(40) % 2),
        "constant features": (ArrayTable(constant, SEGMENTS), classes),
        "a block without variance": (ArrayTable(flat_block, SEGMENTS), classes),
        "all zero": (ArrayTable(0 * constant, SEGMENTS), classes),
        "duplicate rows": (ArrayTable(np.tile(table.matrix[:4], (10, 1)), SEGMENTS), classes),
        "100 classes of 3": (make(300, 100)[0], make(300, 100)[1]),
        "all zero, 700 rows": (
            ArrayTable(np.zeros((700, 120), np.float16), SEGMENTS),
            np.arange(700) % 3,
        ),
    }


@pytest.mark.parametrize("name", odd_tables())
@pytest.mark.parametrize("max_landmarks", [2048, 10])
def test_odd_data_gives_probabilities(name: str, max_landmarks: int) -> None:
    table, classes = odd_tables()[name]
    head = fit_head(table, np.arange(len(classes)), labels_of(classes), max_landmarks=max_landmarks)
    probabilities = head.predict(table)
    assert probabilities.shape == (table.num_rows, classes.max() + 1)
    assert np.isfinite(probabilities).all()
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-9)


def test_what_tells_nothing_gives_the_classes_shares() -> None:
    table = ArrayTable(np.zeros((50, 120), np.float16), SEGMENTS)
    classes = (np.arange(50) % 5 == 0).astype(np.intp)
    head = fit_head(table, np.arange(50), labels_of(classes))
    np.testing.assert_allclose(head.predict(table)[0], [0.8, 0.2], atol=0.06)


@pytest.mark.parametrize("max_landmarks", [2048, 60])
def test_weights_move_the_balance(max_landmarks: int) -> None:
    table, classes = make(400, 2, noise=6)
    classes[np.arange(400) % 4 > 0] = 0  # what tells little of a rare class
    rows = np.arange(300)
    share = np.bincount(classes[:300]) / 300
    weights = (1 / (2 * share))[classes[:300]]
    found = [
        fit_head(
            table,
            rows,
            Labels(classes=classes[:300], num_classes=2, weights=w),
            max_landmarks=max_landmarks,
        ).predict(table, np.arange(300, 400))[:, 1].mean()
        for w in (None, weights)
    ]  # fmt: skip
    assert abs(found[0] - share[1]) < 0.06
    assert abs(found[1] - 0.5) < 0.1


def test_equal_weights_are_none() -> None:
    table, classes = make(60, 3)
    labels = labels_of(classes)
    ones = Labels(classes=classes, num_classes=3, weights=np.ones(60))
    first, second = (fit_head(table, np.arange(60), each).predict(table) for each in (labels, ones))
    np.testing.assert_allclose(first, second, atol=1e-4)


@pytest.mark.parametrize("max_landmarks", [2048, 40])
def test_the_same_seed_gives_the_same_bits(max_landmarks: int) -> None:
    table, classes = make(90, 3, noise=3)
    first, second = (
        fit_head(table, np.arange(90), labels_of(classes, seed=5), max_landmarks=max_landmarks)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.predict(table), second.predict(table))


def test_groups_do_not_leak() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(60), 3)  # each a vector of its own, and a class at random
    classes = rng.permutation(np.arange(60) % 2)[groups]
    features = rng.normal(size=(60, 120))[groups] + 0.01 * rng.normal(size=(180, 120))
    table = ArrayTable(features.astype(np.float32), SEGMENTS)
    new = ArrayTable(rng.normal(size=(200, 120)).astype(np.float32), SEGMENTS)
    labels = Labels(classes=classes, num_classes=2, groups=groups.astype(np.str_))
    sure = fit_head(table, np.arange(180), labels).predict(new).max(1).mean()
    leaky = fit_head(table, np.arange(180), labels_of(classes)).predict(new).max(1).mean()
    assert sure < min(leaky, 0.7)


class Generated(FeatureTable):
    """Rows made when they are read, and a note of how many were asked for at once."""

    def __init__(self, num_rows: int, num_classes: int) -> None:
        self.segments = tuple(Segment(block=f"b{i}", pool="mean", size=100) for i in range(5))
        self.num_rows = num_rows
        self.classes = np.random.default_rng(0).integers(num_classes, size=num_rows)
        self.means = np.random.default_rng(1).normal(size=(num_classes, 100))
        self.most = 0

    def read(
        self, rows: npt.NDArray[np.intp], segments: list[int] | tuple[int, ...]
    ) -> npt.NDArray[np.float32]:
        self.most = max(self.most, len(rows))
        parts = []
        for i in segments:
            # a hash of the row's number in place of noise, so that each read gives the same
            noise = np.sin(1e3 * np.sin(rows[:, None] * 12.9898 + np.arange(100) * 78.233 + i))
            parts.append(self.means[self.classes[rows]] * i / 8 + 2 * noise)
        return np.concatenate(parts, axis=1).astype(np.float32)


def test_many_rows_are_never_read_at_once() -> None:
    table = Generated(12_000, 4)
    rows = np.arange(10_000)
    head = fit_head(table, rows, labels_of(table.classes[rows]), max_landmarks=300)
    right = head.predict(table, np.arange(10_000, 12_000)).argmax(1) == table.classes[10_000:]
    assert right.mean() > 0.9
    assert table.most <= FULL


def test_linear_is_the_kernel_head_that_may_not_bend() -> None:
    table, classes = make(60, 3, noise=2)
    rows, labels = np.arange(60), labels_of(classes)
    head = fit_head(table, rows, labels, settings=HeadSettings(kind="linear"))
    assert isinstance(head, KernelHead)
    assert head.landmarks is None
    choice = module.search(table, rows, labels, ())
    assert choice.kernel == head.kernel
    given = fit_head(table, rows, labels, choice=choice)
    np.testing.assert_array_equal(given.predict(table), head.predict(table))


@pytest.mark.parametrize("kind", ["kernel", "linear", "nearest", "mlp"])
def test_what_remembers_a_search_is_asked(kind: HeadKind) -> None:
    table, classes = make(30, 3)
    asked = []

    def memo(*arguments: object) -> KernelChoice:
        asked.append(arguments[3])
        return KernelChoice(kernel=Kernel(blocks=("late",), pools=("mean",)), penalty=0.1)

    settings = HeadSettings(kind=kind, units=(4,) if kind == "mlp" else ())
    head = fit_head(table, np.arange(30), labels_of(classes), settings=settings, choose=memo)
    assert asked == [kind]
    assert (head.blocks, head.pools) == (("late",), ("mean",))
