"""What to do next: three commands that can be copied, the data's first."""

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.reports.made import answers, changed, gathered, scored
from tests.reports.test_opening import verdict
from topwork.evaluation.metrics import Evaluation, evaluate
from topwork.evidence.data.problem import Problem
from topwork.evidence.data.problems import Problems
from topwork.model.model import Model
from topwork.reports.next_steps import (
    FEW,
    MAX_STEPS,
    Commands,
    control,
    data_remarks,
    more,
    next_steps,
)
from topwork.reports.sections import Step

FOLDER = Path("/models/my pets")


def problems(*kinds: Any) -> Problems:
    items = tuple(
        Problem(kind=kind, name=str(i), digest=str(i), label="one", suggestion="", other=None,
                severity=0.5, reason="A reason.")
        for i, kind in enumerate(kinds)
    )  # fmt: skip
    return Problems(
        items=items, confusions=(), score_without_leaks=None, num_examples=30, num_looked=30
    )


def steps(model: Model, folder: Path | None = FOLDER, **parts: Any) -> list[Step]:
    given = gathered(model, **parts)
    return next_steps(given, model.test or model.evaluation, Commands(model, folder))


def there(model: Model) -> dict[str, Any]:
    """The data was found again."""
    from topwork.examples.example import ExampleSet

    return {"found": ExampleSet(examples=(), modality="image", origin="here")}


def test_there_are_three_and_each_is_a_command(tiny_model: Model) -> None:
    for parts in ({}, there(tiny_model), {"problems": problems("label"), **there(tiny_model)}):
        found = steps(tiny_model, **parts)
        assert len(found) == MAX_STEPS
        for one in found:
            words = shlex.split(one.command)
            assert words[0] == "topwork"
            assert any(word.startswith("/models/my pets") for word in words), one.command


def test_the_data_comes_first(tiny_model: Model) -> None:
    found = steps(tiny_model, problems=problems("label", "label", "leak"), **there(tiny_model))
    assert found[0].why.startswith(
        "The data has 1 copy of a training example in the test part and 2 labels that are likely"
    )
    assert found[0].href == "problems"
    assert shlex.split(found[0].command) == [
        "topwork", "train", "--recipe", "/models/my pets/recipe.toml", "--out", "/models/my pets",
        "--overwrite",
    ]  # fmt: skip
    remarked = changed(tiny_model, notes=("The labels 'a' and 'A' differ.",))
    first = steps(remarked, **there(tiny_model))[0]
    assert first.why.startswith("The data has 1 remark.")
    assert first.href == "remarks"


def test_what_is_no_remark_on_the_data_is_none(tiny_model: Model) -> None:
    notes = ("There is no cross-validated score: too few.", "A remark.")
    assert data_remarks(changed(tiny_model, notes=notes)) == ["A remark."]


def test_lost_data_is_asked_for_before_all_else(tiny_model: Model) -> None:
    first = steps(tiny_model, problems=problems("label"))[0]
    assert first.why.startswith("It is gone.")
    assert "report '/models/my pets' --data DATA --overwrite" in first.command


def test_a_head_that_is_often_wrong_may_go_deeper(tiny_model: Model) -> None:
    recipe = replace(tiny_model.recipe, train="head")
    poor = changed(tiny_model, recipe=recipe, evaluation=scored(200, 300))
    deeper = [one for one in steps(poor, **there(poor)) if "--train auto" in one.command]
    assert len(deeper) == 1
    assert "'/models/my pets-deeper'" in deeper[0].command
    assert "--overwrite" not in deeper[0].command, "the head is kept"
    good = changed(tiny_model, recipe=recipe, evaluation=scored(299, 300))
    assert not [one for one in steps(good, **there(good)) if "--train auto" in one.command]


def test_what_has_no_test_part_is_to_be_scored(tiny_model: Model) -> None:
    own = [one.why for one in steps(tiny_model, **there(tiny_model))]
    assert any("score it on photos as they will come" in why for why in own)
    tested = changed(tiny_model, test=scored(95, 100))
    assert not any("as they will come" in one.why for one in steps(tested, **there(tested)))


def test_where_all_is_well_what_spoke_for_an_answer_is_offered(tiny_model: Model) -> None:
    well = changed(tiny_model, test=scored(99, 100), evaluation=scored(99, 100))
    commands = [one.command.split()[1] for one in steps(well, **there(well))]
    assert commands == ["predict", "predict", "explain"]


def test_a_model_in_memory_has_a_name_to_fill_in(tiny_model: Model) -> None:
    model = changed(tiny_model, recipe=replace(tiny_model.recipe, data="photos"))
    found = steps(model, None, problems=problems("label"), **there(model))
    assert found[0].command == "topwork train photos --out MODEL"
    assert "topwork evaluate MODEL NEW" in [one.command for one in found]


def test_data_from_memory_has_no_command_to_train_again(tiny_model: Model) -> None:
    model = changed(tiny_model, recipe=replace(tiny_model.recipe, data=None))
    assert steps(model, problems=problems("label"), **there(model))[0].command == ""


@pytest.mark.parametrize(("limit", "offered"), [(None, True), (300.0, False)])
def test_a_control_is_offered_once(tiny_model: Model, limit: float | None, offered: bool) -> None:
    given = gathered(tiny_model, verdict=verdict((0.1, 0.05, 0.2), limit_seconds=limit))
    step = control(given, Commands(tiny_model, FOLDER))
    assert (step is not None) == offered
    if step is not None:
        assert step.command == "topwork report '/models/my pets' --control 5m --overwrite"
    assert control(gathered(tiny_model), Commands(tiny_model, FOLDER)) is None


def others(model: Model, best: Evaluation | None = None) -> str:
    return " ".join(more(gathered(model), best or model.evaluation))


def test_few_examples_are_named(tiny_model: Model) -> None:
    said = others(tiny_model)
    assert f"Every class has fewer than {FEW} examples (the fewest: 10 of 'one')" in said
    data = replace(tiny_model.data, per_class={"one": 50, "two": 5, "zero": 50})
    said = others(changed(tiny_model, data=data))
    assert "1 class has fewer than" in said
    assert "5 of 'two'" in said


def test_the_weakest_class_and_the_confused_pair_are_named(tiny_model: Model) -> None:
    truth = [0] * 40 + [1] * 40 + [2] * 40
    told = answers(truth, [0] * 40 + [0] * 30 + [1] * 10 + [2] * 40, 3)
    scores = evaluate(told.probabilities, told.truth, tiny_model.classes, method="a count")
    data = replace(tiny_model.data, per_class=dict.fromkeys(tiny_model.classes, 40))
    model = changed(tiny_model, evaluation=scores, oof_predictions=told, data=data)
    said = others(model)
    assert "'two' is the weakest class: 25.0% of them are found" in said
    assert "'one' and 'two' are taken for each other most often (30 of 80)" in said
