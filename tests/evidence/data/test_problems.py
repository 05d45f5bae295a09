import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tests.evidence.tables import one_block
from topwork.core.progress import listening
from topwork.errors import DataError
from topwork.evidence.data import problems as module
from topwork.evidence.data.duplicates import DuplicatePair
from topwork.evidence.data.problem import Problem, in_order, of_copies
from topwork.evidence.data.problems import Problems, find_problems
from topwork.examples.example import Example
from topwork.heads.labels import Labels

NUM = 80


def example(name: str, text: str, label: str) -> Example:
    return Example(name=name, digest=f"digest of {name}", read=lambda: text, label=label)


def found(**changed: object) -> Problems:
    """Two classes of texts; 5 has the wrong label, 9 is far out, 12 and a test text are copies."""
    rng = np.random.default_rng(0)
    truth = np.arange(NUM) % 2
    points = rng.normal(0, 1, (NUM + 3, 30))
    points[:NUM, 0] += 6 * truth
    texts = [" ".join(f"w{n}" for n in rng.integers(0, 500, 12)) for _ in range(NUM + 3)]
    points[9] += rng.normal(0, 30, 30)
    points[12], texts[12] = points[4] + 0.01, texts[4].upper()
    points[NUM], texts[NUM] = points[6] + 0.01, texts[6] + "!"
    texts[20] = "x"
    chances = np.where(truth[:, None] == np.arange(2), 0.95, 0.05)
    chances[5] = chances[5, ::-1]
    names = np.array(["no", "yes"])
    values: dict[str, object] = {
        "examples": [example(f"train/{i}", texts[i], str(names[truth[i]])) for i in range(NUM)],
        "labels": Labels(classes=truth, num_classes=2),
        "classes": ("no", "yes"),
        "oof_predictions": chances,
        "table": one_block(points),
        "indices": np.arange(NUM),
        "test_examples": [example(f"test/{i}", texts[NUM + i], "no") for i in range(3)],
        "test_indices": np.arange(NUM, NUM + 3),
        "test_probabilities": np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8]]),
    }
    return find_problems(**{**values, **changed})  # type: ignore[arg-type]


def test_every_kind_is_found() -> None:
    problems = found()
    assert {(item.kind, item.name) for item in problems.items} == {
        ("label", "train/5"),
        ("leak", "test/0"),
        ("duplicate", "train/12"),
        ("outlier", "train/9"),
        ("odd", "train/20"),
    }
    by_kind = {item.kind: item for item in problems.items}
    assert by_kind["label"].suggestion == "may be 'no'"
    assert by_kind["leak"].other == "train/6"
    assert by_kind["duplicate"].suggestion == "the same as train/4"
    assert by_kind["odd"].digest == "digest of train/20"
    assert problems.counts == {"leak": 1, "label": 1, "duplicate": 1, "odd": 1, "outlier": 1}
    leaks = problems.score_without_leaks
    assert leaks is not None
    assert (leaks.score.value, leaks.without.value) == pytest.approx((2 / 3, 1 / 2))
    assert "1 copy of a training example" in problems.sentences[0]


def test_without_a_test_part_copies_are_told_of_cross_validation() -> None:
    problems = found(test_examples=(), test_indices=None, test_probabilities=None)
    assert problems.score_without_leaks is not None
    assert problems.score_without_leaks.part == "cross-validation"
    assert problems.score_without_leaks.num_leaked == 2


def test_without_probabilities_labels_are_not_judged() -> None:
    problems = found(oof_predictions=None, test_probabilities=None)
    assert problems.counts["label"] == 0
    assert problems.counts["leak"] == 1
    assert problems.score_without_leaks is None


def test_the_list_is_written_and_comes_back(tmp_path: Path) -> None:
    problems = found()
    assert Problems.from_dict(json.loads(json.dumps(problems.to_dict()))) == problems
    problems.to_csv(tmp_path / "problems.csv")
    with (tmp_path / "problems.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [item.name for item in problems.items]
    assert set(rows[0]) == set(Problem.__dataclass_fields__)


def test_lengths_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(DataError, match=r"80 examples, and 79 indices"):
        found(indices=np.arange(NUM - 1))
    with pytest.raises(DataError, match=r"3 test_examples, and 2 probabilities"):
        found(test_probabilities=np.ones((2, 2)))


def test_progress_is_told() -> None:
    told: list[tuple[str, int, int]] = []
    with listening(lambda *values: told.append(values)):
        found()
    assert told[-1] == ("look", NUM + 3, NUM + 3)


def test_what_is_decoded_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LOOKED", 10)
    pairs = [
        DuplicatePair(first=4, second=12, alike=0.9),
        DuplicatePair(first=6, second=80, alike=0.8),
    ]
    wanted = module._to_look_at(pairs, np.array([9, 3, 2]), 83, "image")
    assert wanted[:5] == [4, 12, 6, 80, 9]
    assert len(wanted) == len(set(wanted)) == 10
    assert len(module._to_look_at(pairs, np.array([9]), 83, "text")) == 83


def test_a_copy_under_another_label_is_the_worst() -> None:
    examples = [example(name, "", label) for name, label in (("a", "x"), ("b", "y"), ("c", "x"))]
    pairs = [
        DuplicatePair(first=0, second=1, alike=0.9),
        DuplicatePair(first=0, second=2, alike=0.9),
    ]
    items = in_order(of_copies(pairs, examples, 3))
    assert [(item.name, item.severity) for item in items] == [("b", 1.0), ("c", 0.5)]
    assert "'x', this one 'y'" in items[0].reason


def test_a_family_names_the_copy_that_is_nearest() -> None:
    examples = [example(name, "", "x") for name in "abc"]
    pairs = [
        DuplicatePair(first=0, second=1, alike=0.9),
        DuplicatePair(first=1, second=2, alike=0.95),
    ]
    items = of_copies(pairs, examples, 3)
    assert [(item.name, item.other) for item in items] == [("b", "c"), ("c", "b")]
    leaks = of_copies(pairs, examples, 1)
    assert [(item.kind, item.other) for item in leaks] == [("leak", "a"), ("leak", "a")]


def test_many_of_one_kind_do_not_hide_the_first_of_another() -> None:
    def problem(kind: str, name: str, severity: float) -> Problem:
        return Problem(
            kind=kind,  # type: ignore[arg-type]
            name=name,
            digest="",
            label="",
            suggestion="",
            other=None,
            severity=severity,
            reason="",
        )

    leaks = [problem("leak", f"{i:03}", 0.9) for i in range(100)]
    ordered = in_order([*leaks, problem("odd", "odd", 0.6)])
    assert ordered[0].kind == "leak"
    assert 5 < [item.kind for item in ordered].index("odd") < 30
    assert [item.name for item in ordered if item.kind == "leak"] == [p.name for p in leaks]
