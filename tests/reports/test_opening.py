"""What the page says first: true, in plain words, and what to do next."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.reports.made import changed, gathered, scored
from topwork.evaluation.intervals import Estimate
from topwork.evidence.transfer.conditions import Condition
from topwork.evidence.transfer.verdict import Verdict
from topwork.model.model import Model
from topwork.reports.headline import rounded_span
from topwork.reports.opening import best_scores, opening, worth
from topwork.reports.pictures import Album
from topwork.reports.sections import Opening


def verdict(gain: tuple[float, float, float], **changes: Any) -> Verdict:
    value, low, high = gain
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


def said(model: Model, folder: Path | None = None, **parts: Any) -> Opening:
    return opening(gathered(model, **parts), Album([], "image"), folder=folder)


def test_the_figures_are_the_models(tiny_model: Model) -> None:
    found = said(tiny_model)
    assert tiny_model.evaluation is not None
    assert found.headline.startswith("Right for ")
    assert found.interval == rounded_span(tiny_model.evaluation.accuracy)
    assert {one.label for one in found.classes.shown} == {"one", "two", "zero"}


def test_the_test_part_is_what_it_begins_with(tiny_model: Model) -> None:
    model = changed(tiny_model, test=scored(81, 100))
    assert best_scores(model) is model.test
    found = said(model)
    assert (found.headline, found.interval) == (
        "Right for 8 of 10 photos it has not seen", "72% to 88%"
    )  # fmt: skip
    assert {one.of for one in found.classes.shown} != {"found"}, "the classes are the test's"


def test_what_transfer_was_worth_comes_after(tiny_model: Model) -> None:
    found = worth(gathered(tiny_model, verdict=verdict((0.353, 0.323, 0.382))))
    assert found.gain is not None
    assert (found.gain.value, found.gain.interval) == ("+35.3 points", "+32.3 to +38.2")
    assert found.sentence == "Transfer is worth it."
    assert found.against == ""
    assert found.conditions == [("Same input?", "In part, or not known.", "They are grey.")]
    assert found.notes == ("Not trained from scratch.",)


def test_what_was_compared_on_a_sample_says_so(tiny_model: Model) -> None:
    part = worth(gathered(tiny_model, verdict=verdict((0.1, 0.05, 0.2), num_examples=20)))
    assert "Compared on 20 examples of 30, with heads that learned from these" in part.against


def test_what_is_not_known_says_why(tiny_model: Model) -> None:
    found = worth(gathered(tiny_model))
    assert (found.gain, found.against) == (None, "Not known. It is gone.")


def test_the_commands_hold_the_real_path(tiny_model: Model, tmp_path: Path) -> None:
    found = said(tiny_model, tmp_path / "pets")
    assert all(str(tmp_path / "pets") in one.command for one in found.next_steps)
    assert found.mail.startswith("pets sorts photos")
    assert not any("lies in memory" in one for one in found.remarks)
    assert any("MODEL stands for the folder" in one for one in said(tiny_model).remarks)


def test_remarks_on_the_data_are_shown(tiny_model: Model, tmp_path: Path) -> None:
    model = changed(tiny_model, notes=("Two labels are alike.",))
    found = said(model, tmp_path, remark="3 are gone.")
    assert found.remarks == ["Two labels are alike.", "3 are gone."]
    assert said(changed(tiny_model, notes=()), tmp_path).remarks == []
