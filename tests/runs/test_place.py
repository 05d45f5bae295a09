"""What a run may put its model in place of."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.errors import ModelError
from topwork.examples.example import Example, ExampleSet
from topwork.model.model import Model, load
from topwork.recipe import Recipe
from topwork.runs.place import ModelPlace, digest_run, unfinished_run
from topwork.runs.train import train
from topwork.training.selection import Selection

HEAD = Selection(strategy="head", reason="Not finished.", unfinished="run 1")


@pytest.fixture(scope="module")
def model(digits: Path) -> Model:
    return train(digits, backbone=small.SMALL, train="head", num_repeats=1)


def place(folder: Path, *, overwrite: bool = False) -> ModelPlace:
    return ModelPlace(folder, overwrite=overwrite, weights=False)


def test_the_head_gives_way_to_its_own_run(
    model: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "m"
    assert unfinished_run(folder) == ""
    head = replace(model.parts, selection=HEAD)
    first = place(folder)
    first.claim("run 1")
    first.write(head, "run 1")
    assert load(folder).selection == HEAD
    assert "Not finished." in (folder / "README.md").read_text()
    again = place(folder)
    with caplog.at_level(logging.INFO, "topwork"):
        again.claim("run 1")
        again.claim("run 1", resume=False)
    assert "m holds the head of this run, which was stopped: it goes on." in caplog.text
    assert "which was stopped: it begins anew." in caplog.text
    again.write(head, "run 1")
    again.write(model.parts, "run 1")
    assert load(folder).selection == model.selection
    assert unfinished_run(folder) == ""
    with pytest.raises(ModelError, match=r"holds a model already.*--overwrite"):
        place(folder)


def test_another_run_must_say_overwrite(model: Model, tmp_path: Path) -> None:
    folder = tmp_path / "m"
    place(folder).write(replace(model.parts, selection=HEAD), "run 1")
    other = place(folder)
    with pytest.raises(
        ModelError, match=r"m' holds the head of a run that was stopped, of other.*--overwrite"
    ):
        other.claim("run 2")
    with pytest.raises(ModelError, match="holds a model already"):
        other.write(model.parts, "run 2")
    wanted = place(folder, overwrite=True)
    wanted.claim("run 2")
    wanted.write(model.parts, "run 2")
    assert unfinished_run(folder) == ""


def test_what_came_in_between_is_left_alone(model: Model, tmp_path: Path) -> None:
    mine = place(tmp_path / "m")
    place(tmp_path / "m").write(model.parts, "another")
    with pytest.raises(ModelError, match="holds a model already"):
        mine.write(model.parts, "run 1")


def test_a_damaged_folder_is_of_no_run(model: Model, tmp_path: Path) -> None:
    place(tmp_path / "m").write(replace(model.parts, selection=HEAD), "run 1")
    path = tmp_path / "m" / "model.json"
    path.write_text(path.read_text().replace("run 1", "run 2"))  # its digest does not fit now
    assert unfinished_run(tmp_path / "m") == ""
    with pytest.raises(ModelError, match="holds a model already"):
        place(tmp_path / "m")


def test_a_run_is_its_examples_network_and_settings(tiny_backbone: Backbone) -> None:
    def examples(**changes: str) -> ExampleSet:
        made = [
            Example(name=f"{k}", digest=f"{k}", read=lambda: "", label="a", split=None)
            for k in range(3)
        ]
        made[1] = replace(made[1], **changes)
        return ExampleSet(examples=made, modality="image", origin="somewhere")

    recipe = Recipe(data="here", num_folds=3)
    own = digest_run(examples(), recipe, tiny_backbone)
    assert own == digest_run(examples(name="z"), recipe, tiny_backbone)
    moved = replace(recipe, data="there", time_limit="2h", strict=True)
    assert own == digest_run(examples(), moved, tiny_backbone)
    others = [
        digest_run(examples(digest="x"), recipe, tiny_backbone),
        digest_run(examples(label="b"), recipe, tiny_backbone),
        digest_run(examples(group="g"), recipe, tiny_backbone),
        digest_run(examples(), replace(recipe, num_folds=4), tiny_backbone),
        digest_run(examples(), recipe.with_settings({"epochs": 3}), tiny_backbone),
        digest_run(examples(), recipe, small.tiny_sound_backbone()),
    ]
    assert len({own, *others}) == 7
