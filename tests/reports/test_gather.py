"""Gathering: each piece by itself, and one that fails stops none of the others."""

import shutil
from pathlib import Path

import pytest

from tests import small
from tests.reports.made import changed
from topwork.backbones.base import Backbone
from topwork.errors import ModalityError, SourceError, TooFewError
from topwork.model.model import Model, load
from topwork.reports import gather as room
from topwork.reports.gather import attempt, gather
from topwork.reports.parts import Missing
from topwork.runs.train import train


def test_all_of_it_is_gathered(saved: Path) -> None:
    found = gather(load(saved))
    for part in (found.found, found.head_run, found.curve, found.depth, found.verdict,
                 found.problems):  # fmt: skip
        assert not isinstance(part, Missing), part
    assert len(found.examples) == 30
    assert found.remark == ""


def test_data_that_is_gone_leaves_the_rest(
    digits: Path, tiny_backbone: Backbone, tmp_path: Path
) -> None:
    data = shutil.copytree(digits, tmp_path / "digits")
    model = train(data, backbone=tiny_backbone, num_repeats=1)
    shutil.rmtree(data)
    found = gather(model)
    assert isinstance(found.found, Missing)
    assert "not where it lay when the model was trained" in found.found.why
    assert "`topwork report MODEL --data DATA`" in found.found.remedy
    assert found.curve is found.head_run is found.found
    again = gather(model, data=digits)
    assert not isinstance(again.head_run, Missing)
    assert again.remark == "", "it is the same data, in another place"


def test_examples_that_are_gone_are_counted(
    digits: Path, tiny_backbone: Backbone, tmp_path: Path
) -> None:
    data = shutil.copytree(digits, tmp_path / "digits")
    model = train(data, backbone=tiny_backbone, num_repeats=1)
    for path in sorted((data / "one").iterdir())[:3]:
        path.unlink()
    found = gather(model)
    assert "Of the 30 examples" in found.remark
    assert "3 are not in" in found.remark
    assert not isinstance(found.problems, Missing), "the answers to the rest are still there"


def test_a_list_of_inputs_cannot_be_found_again(tiny_backbone: Backbone) -> None:
    pictures, labels = small.colours(2, 6)
    found = gather(train(pictures, labels, backbone=tiny_backbone, num_repeats=1))
    assert isinstance(found.found, Missing)
    assert "a list of inputs in memory" in found.found.why


def test_data_that_was_named_must_be_there(tiny_model: Model, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="There is no folder"):
        gather(tiny_model, data=tmp_path / "nowhere")
    with pytest.raises(ModalityError):
        gather(tiny_model, data=small.write_texts(tmp_path / "texts.csv"))


def test_one_piece_that_fails_stops_none_of_the_others(
    tiny_model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError("there is none left")

    monkeypatch.setattr(room, "probe_layers", fail)
    monkeypatch.setattr(room, "head_curve", fail)
    found = gather(tiny_model)
    assert isinstance(found.depth, Missing)
    assert found.depth.why == "there is none left."
    assert isinstance(found.curve, Missing)
    assert not isinstance(found.verdict, Missing)
    assert not isinstance(found.problems, Missing)


def test_a_model_without_answers_says_so(tiny_model: Model) -> None:
    found = gather(changed(tiny_model, oof_predictions=None))
    assert isinstance(found.problems, Missing)
    assert "no answers to examples left out" in found.problems.why


def test_an_attempt_says_why_it_failed() -> None:
    def fail() -> int:
        raise TooFewError("There are\ntoo few")

    assert attempt(fail, "Add some.") == Missing(why="There are too few.", remedy="Add some.")
    assert attempt(lambda: 3, "") == 3
    with pytest.raises(KeyboardInterrupt):
        attempt(lambda: (_ for _ in ()).throw(KeyboardInterrupt), "")


@pytest.mark.slow
def test_a_control_is_trained_where_it_is_asked_for(saved: Path) -> None:
    found = gather(load(saved), control_seconds=4)
    assert not isinstance(found.verdict, Missing)
    assert found.verdict.limit_seconds == 4
    assert "trained from random weights" in " ".join(found.verdict.notes)
    again = gather(load(saved))
    assert not isinstance(again.verdict, Missing)
    assert again.verdict.limit_seconds == 4, "what was trained is found again"
