"""What a person reads of the choice among strategies."""

from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from tests import small
from topwork.backbones.base import Backbone
from topwork.cli.account import describe_ood, show_account, show_classes
from topwork.evaluation.intervals import wilson
from topwork.evaluation.metrics import evaluate
from topwork.evaluation.ood_scores import OODScores
from topwork.model.model import Model
from topwork.runs.train import train
from topwork.training.selection import Candidate, Selection

HEAD = Candidate(
    strategy="head",
    accuracy=wilson(0.9, 60),
    num_examples=60,
    gain=None,
    gain_error=None,
    seconds=3.4,
    verdict="",
)
DEEPER = replace(
    HEAD, strategy="last:2", accuracy=wilson(0.95, 60), incumbent=wilson(0.871, 60), gain=0.05,
    gain_error=0.021, seconds=95.6,
    verdict="taken",
)  # fmt: skip
DEEPEST = replace(
    HEAD, strategy="all", num_examples=0, seconds=0.0, verdict="not taken: it could not be trained"
)


@pytest.fixture
def model(tiny_backbone: Backbone) -> Model:
    return train(*small.colours(3, 3), backbone=tiny_backbone, num_repeats=1)


def shown(model: Model, selection: Selection) -> str:
    console = Console(width=140, highlight=False, no_color=True)
    with console.capture() as captured:
        show_account(console, Model(replace(model.parts, selection=selection)))
    return captured.get()


def test_a_head_is_described(model: Model) -> None:
    text = shown(model, Selection(strategy="head"))
    assert text.startswith("Features: ")
    assert "Head: " in text
    assert "chosen by cross-validation inside the training data" in " ".join(text.split())
    assert "What was tried" not in text


def test_one_row_is_no_table(model: Model) -> None:
    text = shown(
        model, Selection(strategy="head", reason="The head alone: so.", candidates=(HEAD,))
    )
    assert "What was tried" not in text
    assert text.startswith("The head alone: so.")


def test_what_was_tried_is_a_table(model: Model) -> None:
    selection = Selection(
        strategy="last:2",
        reason="last:2: it [b]pays[/b].",
        candidates=(HEAD, DEEPER, DEEPEST),
        trained="The last 2 of 9 blocks [and a head] were trained.",
    )
    text = shown(model, selection)
    rows = {line.split()[1]: line for line in text.splitlines() if line.startswith("│")}
    assert list(rows) == ["head", "last:2", "all"]
    for part in ("60", "0.900", "3"):
        assert part in rows["head"]
    assert "the best" in text
    for part in ("0.950", "0.871", "+5.0 ± 2.1 points", "96", "taken"):
        assert part in rows["last:2"]
    assert "not taken: it could not be trained" in rows["all"]
    assert "0.900" not in rows["all"]
    assert "last:2: it [b]pays[/b]." in text
    assert "The last 2 of 9 blocks [and a head] were trained." in text
    assert "Features: " not in text
    assert "Head: " not in text


def test_the_head_is_taken_where_nothing_else_is(model: Model) -> None:
    declined = replace(DEEPER, verdict="not taken: no sign of a gain")
    text = shown(model, Selection(strategy="head", reason="So.", candidates=(HEAD, declined)))
    rows = [line for line in text.splitlines() if line.startswith("│")]
    assert "taken" in rows[0]
    assert "not taken: no sign of a gain" in rows[1]
    assert "Features: " in text


def printed_classes(truth: list[int], answers: list[int], names: list[str]) -> list[str]:
    console = Console(width=120, highlight=False, no_color=True)
    probabilities = np.eye(len(names))[np.array(answers)]
    with console.capture() as captured:
        show_classes(console, evaluate(probabilities, np.array(truth), names, method="test"))
    return captured.get().splitlines()


def test_the_worst_class_comes_first() -> None:
    lines = printed_classes([0, 0, 1, 1, 1, 2], [0, 0, 1, 0, 0, 1], ["a", "[b]", "c", "unseen"])
    rows = [line.split() for line in lines if line.startswith("│")]
    assert [(row[1], row[3], row[5]) for row in rows] == [
        ("c", "1", "0.000"), ("[b]", "3", "0.333"), ("a", "2", "1.000"),
    ]  # fmt: skip
    assert "more" not in " ".join(lines)
    assert lines[-1] == (
        "Most often confused: '[b]' taken for 'a' (2 of 3); 'c' taken for '[b]' (1 of 1)."
    )


def test_of_many_classes_ten_are_named_and_three_pairs() -> None:
    names = [f"c{i:02}" for i in range(14)]
    truth = [i for i in range(14) for _ in range(4)]
    answers = [(i + 1) % 14 if j < i // 3 else i for i in range(14) for j in range(4)]
    lines = printed_classes(truth, answers, names)
    assert [line.split()[1] for line in lines if line.startswith("│")] == [
        "c12", "c13", "c09", "c10", "c11", "c06", "c07", "c08", "c03", "c04",
    ]  # fmt: skip
    assert "... and 4 more (all of them: --json)" in lines
    assert lines[-1].startswith("Most often confused: 'c12' taken for 'c13' (4 of 4); 'c13'")
    assert lines[-1].count("taken for") == 3


def test_where_nothing_is_confused_nothing_is_said_of_it() -> None:
    assert "confused" not in " ".join(printed_classes([0, 1], [0, 1], ["a", "b"]))


def test_what_would_be_let_through_is_said() -> None:
    scores = OODScores(
        auroc=0.8712, false_accept=wilson(0.25, 80), rate=0.05, num_own=300, num_ood=80,
        method="each of the 8 classes left out in turn",
    )  # fmt: skip
    assert describe_ood(scores) == (
        "Inputs of no class: where --reject 5% says `unknown`, 25% (17% to 35%) of them would "
        "still be given a class (AUROC 0.871; measured: each of the 8 classes left out in turn)."
    )


def test_it_is_said_where_it_was_measured(model: Model) -> None:
    assert ("Inputs of no class" in shown(model, Selection(strategy="head"))) == (
        model.ood is not None
    )
    scores = OODScores(
        auroc=0.9, false_accept=wilson(0.1, 10), rate=0.05, num_own=30, num_ood=10,
        method="made up",
    )  # fmt: skip
    measured = Model(replace(model.parts, ood=scores))
    assert "(AUROC 0.900; measured: made up)" in " ".join(
        shown(measured, Selection(strategy="head")).split()
    )
