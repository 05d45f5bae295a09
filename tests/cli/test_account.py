"""What a person reads of the choice among strategies."""

from dataclasses import replace

import pytest
from rich.console import Console

from tests import small
from topwork.backbones.base import Backbone
from topwork.cli.account import describe_ood, show_account
from topwork.evaluation.intervals import wilson
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
    HEAD, strategy="last:2", accuracy=wilson(0.95, 60), gain=0.05, gain_error=0.021, seconds=95.6,
    verdict="taken",
)  # fmt: skip
DEEPEST = replace(
    HEAD, strategy="all", num_examples=0, seconds=0.0, verdict="not taken: it could not be trained"
)


@pytest.fixture
def model(tiny_backbone: Backbone) -> Model:
    return train(*small.colours(3, 3), backbone=tiny_backbone, num_repeats=1)


def shown(model: Model, selection: Selection) -> str:
    console = Console(width=120, highlight=False, no_color=True)
    with console.capture() as captured:
        show_account(console, Model(replace(model.parts, selection=selection)))
    return captured.get()


def test_a_head_is_described(model: Model) -> None:
    text = shown(model, Selection(strategy="head"))
    assert text.startswith("Features: ")
    assert "Head: " in text
    assert "chosen by cross-validation inside the training data" in text
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
    for part in ("0.950", "+5.0 ± 2.1 points", "96", "taken"):
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
