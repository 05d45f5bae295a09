"""What the page says first: true, in plain words, and what to do next."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.reports.made import answers, changed
from topwork.evaluation.intervals import Estimate
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.evidence.transfer.conditions import Condition
from topwork.evidence.transfer.verdict import Verdict
from topwork.model.model import Model
from topwork.reports.gather import Gathered
from topwork.reports.opening import FEW, opening
from topwork.reports.parts import Missing, Opening
from topwork.reports.words import percent

GONE = Missing(why="It is gone.", remedy="Say where it is.")


def scored(right: int, num: int, common: int = 10) -> Evaluation:
    """Scores of this many right answers; `common` of the examples are of the first class."""
    truth = np.array([0] * common + [1 + k % 2 for k in range(num - common)])
    said = np.where(np.arange(num) < right, truth, (truth + 1) % 3)
    return evaluate(np.eye(3)[said] * 0.9 + 0.03, truth, ("one", "two", "zero"), method="a count")


def verdict(worth: tuple[float, float, float], **changes: Any) -> Verdict:
    value, low, high = worth
    made = Verdict(
        worth=Estimate(value=value, low=low, high=high),
        transferred=Estimate(value=0.9, low=0.8, high=0.95),
        control=Estimate(value=0.6, low=0.5, high=0.7),
        control_name="a new head on random weights",
        num_examples=30,
        num_all=30,
        limit_seconds=None,
        seconds=1.0,
        without=(),
        expects_gain=low > 0,
        message="Transfer is worth it.",
        conditions=(Condition(question="Same input?", answer=None, because="They are grey."),),
        notes=("Not trained from scratch.",),
    )
    return replace(made, **changes)


def said(model: Model, **parts: Any) -> Opening:
    given = {"found": GONE, "head_run": GONE, "curve": GONE, "depth": GONE, "verdict": GONE,
             "problems": GONE, "remark": "", "seconds": 1.0, **parts}  # fmt: skip
    return opening(Gathered(model=model, **given))


def test_the_figures_are_the_models(tiny_model: Model) -> None:
    found = said(tiny_model, verdict=verdict((0.353, 0.323, 0.382)))
    assert tiny_model.evaluation is not None
    accuracy = tiny_model.evaluation.accuracy
    assert found.score is not None
    assert found.score.value == percent(accuracy)
    assert found.baseline is not None
    assert found.baseline.value == "33.3%"
    assert found.worth is not None
    assert (found.worth.value, found.worth.interval) == ("+35.3 points", "+32.3 to +38.2")
    assert found.worth_text.startswith("more right answers than a new head on random weights")
    assert found.sentence.startswith("Transfer is worth it.")
    assert found.conditions == [("Same input?", "In part, or not known.", "They are grey.")]
    assert "Not trained from scratch." in found.notes


def test_what_was_compared_on_a_sample_says_so(tiny_model: Model) -> None:
    whole = said(tiny_model, verdict=verdict((0.1, 0.05, 0.2)))
    assert "The model is right" not in whole.sentence, "the verdict has said so already"
    part = said(tiny_model, verdict=verdict((0.1, 0.05, 0.2), num_examples=20))
    assert "The model is right" in part.sentence
    assert "heads that learned from these alone" in part.worth_text


def test_no_better_than_chance_is_said(tiny_model: Model) -> None:
    assert (
        "has not been shown to have learned anything"
        in said(changed(tiny_model, evaluation=scored(11, 30))).sentence
    )
    good = said(changed(tiny_model, evaluation=scored(29, 30))).sentence
    assert good.startswith("The model is right 96.7% of the time; always naming")


@pytest.mark.parametrize(
    ("own", "test", "words"),
    [(590, 300, "clearly less"), (300, 590, "clearly more"), (590, 588, "of the test part")],
)
def test_the_test_part_is_set_beside_it(tiny_model: Model, own: int, test: int, words: str) -> None:
    model = changed(tiny_model, evaluation=scored(own, 600), test=scored(test, 600))
    assert words in said(model).sentence.lower()
    if words == "of the test part":
        assert "clearly" not in said(model).sentence


def test_without_any_score_it_says_why(tiny_model: Model) -> None:
    found = said(changed(tiny_model, evaluation=None, notes=("There are too few.",)))
    assert found.score is None
    assert found.method == "There are too few."
    assert "is not known" in found.sentence
    assert found.worth_text == "not known. It is gone."


def test_the_first_step_is_to_find_the_data(tiny_model: Model) -> None:
    assert said(tiny_model).next_steps[0].startswith("Say where it is.")


def test_few_examples_are_named(tiny_model: Model) -> None:
    steps = " ".join(said(tiny_model).next_steps)
    assert f"Every class has fewer than {FEW} examples (the fewest: 10 of 'one')" in steps
    data = replace(tiny_model.data, per_class={"one": 50, "two": 5, "zero": 50})
    steps = " ".join(said(changed(tiny_model, data=data)).next_steps)
    assert "1 class has fewer than" in steps
    assert "5 of 'two'" in steps


def test_the_weakest_class_and_the_confused_pair_are_named(tiny_model: Model) -> None:
    truth = [0] * 40 + [1] * 40 + [2] * 40
    told = answers(truth, [0] * 40 + [0] * 30 + [1] * 10 + [2] * 40, 3)
    scores = evaluate(told.probabilities, told.truth, tiny_model.classes, method="a count")
    data = replace(tiny_model.data, per_class=dict.fromkeys(tiny_model.classes, 40))
    model = changed(tiny_model, evaluation=scores, oof_predictions=told, data=data)
    steps = " ".join(said(model).next_steps)
    assert "'two' is the weakest class: 25.0% of them are found" in steps
    assert "'one' and 'two' are taken for each other most often (30 of 80)" in steps


def test_a_remark_on_the_data_is_shown(tiny_model: Model) -> None:
    assert "3 are gone." in said(tiny_model, remark="3 are gone.").notes
