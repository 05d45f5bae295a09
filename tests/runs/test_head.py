"""The head on frozen features, before it is a model."""

from pathlib import Path

import numpy as np
import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.core.options import RunOptions
from topwork.errors import SettingError, TooFewError
from topwork.examples.sources import examples_from, read_examples
from topwork.heads.kernel_head import KernelHead
from topwork.recipe import Recipe
from topwork.runs import head_features as module
from topwork.runs.head import HeadRun, run_head
from topwork.runs.head_features import usual_num_views
from topwork.training.selection import Selection

RECIPE = Recipe(train="head", num_repeats=1, seed=2)
ON_CPU = RunOptions(device="cpu")


@pytest.fixture(scope="module")
def head_run(digits: Path, tiny_backbone: Backbone) -> HeadRun:
    return run_head(read_examples(digits), RECIPE, tiny_backbone, ON_CPU)


def test_rows_examples_and_labels_go_together(head_run: HeadRun) -> None:
    assert head_run.classes == ("one", "two", "zero")
    assert len(head_run.examples) == len(head_run.train) == 30
    assert [head_run.classes[k] for k in head_run.labels.classes] == [
        e.label for e in head_run.examples
    ]
    assert head_run.labels.seed == 2
    assert head_run.cross_val is not None
    assert head_run.cross_val.probabilities.shape == (1, 30, 3)
    assert sorted(np.concatenate(head_run.cross_val.folds).tolist()) == list(range(30))
    assert head_run.seconds > 0
    assert not head_run.skipped


def test_the_model_has_the_head_and_its_score(head_run: HeadRun) -> None:
    model = head_run.parts()
    assert model.selection == Selection(strategy="head")
    assert model.head is head_run.head
    assert model.evaluation is not None
    assert model.evaluation.num_examples == 30
    assert model.test is None
    reasoned = Selection(strategy="head", reason="Nothing else paid.")
    assert head_run.parts(reasoned).selection == reasoned


def test_a_test_part_is_held_apart(tiny_backbone: Backbone, tmp_path: Path) -> None:
    for part, skip in (("train", 0), ("test", 6)):
        small.write_folder(tmp_path / "data" / part, small.digit_pictures(6, skip=skip))
    head_run = run_head(read_examples(tmp_path / "data"), RECIPE, tiny_backbone, ON_CPU)
    assert len(head_run.train) == len(head_run.test) == 18
    assert not set(head_run.train) & set(head_run.test)
    test = head_run.parts().test
    assert test is not None
    assert (test.num_examples, test.method) == (18, "test part, 18 examples")


def test_too_few_to_be_scored_is_a_note(tiny_backbone: Backbone) -> None:
    pictures = small.digit_pictures(1)
    inputs = [image for images in pictures.values() for image in images]
    found = examples_from(inputs, list(pictures), modality="image")
    head_run = run_head(found, RECIPE, tiny_backbone, ON_CPU)
    assert head_run.cross_val is None
    assert head_run.parts().evaluation is None
    assert [note for note in head_run.notes if note.startswith("There is no cross-validated score")]


def test_a_class_of_which_nothing_can_be_read(tiny_backbone: Backbone, tmp_path: Path) -> None:
    folder = small.write_folder(tmp_path / "data", small.digit_pictures(4))
    for path in (folder / "two").iterdir():
        path.write_bytes(path.read_bytes()[:70])
    with pytest.raises(TooFewError, match=r"No image .* of the classes: two"):
        run_head(read_examples(folder), RECIPE, tiny_backbone, ON_CPU)


def test_the_names_of_the_classes_stand_beside_a_few_texts(tmp_path: Path) -> None:
    found = read_examples(small.write_texts(tmp_path / "texts.csv"))
    head_run = run_head(found, RECIPE, small.tiny_text_backbone(), ON_CPU)
    names = head_run.labels.names
    assert names is not None
    assert [head_run.classes[k] for k in names.classes] == list(head_run.classes)
    assert not set(names.rows) & {*head_run.train, *head_run.test}
    assert len(head_run.examples) == len(head_run.train) == len(found.examples)
    assert head_run.cross_val is not None
    assert head_run.cross_val.probabilities.shape[1] == len(found.examples)


def test_names_are_of_no_use_to_many_texts_and_to_pictures(
    head_run: HeadRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert head_run.labels.names is None
    monkeypatch.setattr(module, "NAMES_UP_TO", 1)
    found = read_examples(small.write_texts(tmp_path / "texts.csv"))
    assert run_head(found, RECIPE, small.tiny_text_backbone(), ON_CPU).labels.names is None


def test_views_are_learned_from_beside_few_pictures(head_run: HeadRun) -> None:
    assert head_run.num_views == usual_num_views(30) == 3  # tests have few
    assert head_run.augment == ("zoom", "rotate", "shift", "colour")
    views = head_run.labels.views
    assert views is not None
    assert views.shape == (30, 2)
    assert head_run.table.num_rows == 30 * 3
    assert isinstance(head_run.head, KernelHead)
    assert head_run.head.num_views in (0, 2)


def test_fewer_views_of_more_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topwork.runs.head_features.MOST_VIEWS", 16)
    numbers = [usual_num_views(num) - 1 for num in (1, 50, 100, 200, 500, 1000, 1001, 20_000)]
    assert numbers == [16, 16, 11, 8, 3, 1, 0, 0]


def test_views_by_the_recipe(digits: Path, tiny_backbone: Backbone) -> None:
    found = read_examples(digits)
    for settings, num_views in (
        ({"num_views": 1}, 1),
        ({"augment": ()}, 1),
        ({"num_views": 3, "augment": ("rotate",)}, 3),
        ({"head": "nearest"}, 1),
    ):
        run = run_head(found, RECIPE.with_settings(settings), tiny_backbone, ON_CPU)
        assert run.num_views == num_views
        assert (run.labels.views is None) == (num_views == 1)
    with pytest.raises(SettingError, match="num_views is 3"):
        RECIPE.with_settings({"head": "nearest", "num_views": 3})
