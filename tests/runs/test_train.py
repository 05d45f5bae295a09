"""Training from end to end, with a tiny backbone."""

import csv
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests import small
from topwork.backbones.base import Backbone
from topwork.errors import (
    BackboneError,
    ColumnError,
    DataError,
    ExampleError,
    ModelError,
    SettingError,
    SourceError,
    StoreError,
    TooFewError,
)
from topwork.model.model import Model, load
from topwork.runs.train import train


def write_split(root: Path, parts: dict[str, int], classes: tuple[str, ...] = small.NAMES) -> Path:
    skip = 0
    for part, count in parts.items():
        pictures = small.digit_pictures(count, skip=skip)
        small.write_folder(root / part, {name: pictures[name] for name in classes})
        skip += count
    return root


def write_table(root: Path, rows: list[dict[str, str]], name: str = "labels.csv") -> Path:
    with (root / name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return root / name


def test_a_folder_per_class(tiny_model: Model) -> None:
    model = tiny_model
    assert model.classes == small.NAMES
    assert model.data.per_class == {"one": 10, "two": 10, "zero": 10}
    assert (model.data.num_train, model.data.num_test) == (30, 0)
    assert model.evaluation is not None
    assert model.evaluation.accuracy.value > 0.8
    assert model.evaluation.num_examples == 30
    assert model.evaluation.method == "5-fold cross-validation"
    assert model.test is None
    assert model.notes == ()
    assert model.backbone.name == "tiny"
    assert model.blocks == ("1", "3")


def test_the_same_run_gives_the_same_model(
    digits: Path, tiny_backbone: Backbone, tiny_model: Model
) -> None:
    again = train(str(digits), backbone=tiny_backbone, num_repeats=1)
    assert again.evaluation == tiny_model.evaluation
    for name, tensor in tiny_model.head.tensors().items():
        np.testing.assert_array_equal(again.head.tensors()[name], tensor)


@pytest.mark.parametrize("head", ["kernel", "linear", "nearest", "mlp:16,8"])
def test_heads(head: str, digits: Path, tiny_backbone: Backbone, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"train": "head", "head": head, "num_repeats": 1}
    model = train(digits, backbone=tiny_backbone, out=tmp_path / "model", **settings)
    assert model.evaluation is not None
    assert model.evaluation.accuracy.value > 0.7
    loaded = load(tmp_path / "model")
    assert loaded.recipe.head == head
    assert type(loaded.head) is type(model.head)
    pictures = sorted(digits.rglob("*.png"))
    np.testing.assert_allclose(
        loaded.predict_proba(pictures), model.predict_proba(pictures), atol=1e-6
    )
    again = train(digits, backbone=tiny_backbone, **settings)
    assert again.evaluation == model.evaluation
    for name, tensor in model.head.tensors().items():
        np.testing.assert_array_equal(again.head.tensors()[name], tensor)


def test_another_seed_deals_other_folds(
    digits: Path, tiny_backbone: Backbone, tiny_model: Model
) -> None:
    other = train(digits, backbone=tiny_backbone, num_repeats=1, seed=1)
    assert other.evaluation is not None
    assert tiny_model.evaluation is not None
    assert other.evaluation.log_loss != tiny_model.evaluation.log_loss


def test_progress_names_the_stages(digits: Path, tiny_backbone: Backbone) -> None:
    last: dict[str, tuple[int, int]] = {}

    def told(stage: str, done: int, total: int) -> None:
        last[stage] = (done, total)

    train(digits, backbone=tiny_backbone, num_folds=3, num_repeats=2, on_progress=told)
    assert last == {
        "read": (30, 30),
        "features of altered views": (30, 30),
        "features": (30, 30),
        "cross-validate": (6, 6),
    }


def test_a_table_with_groups(digits: Path, tiny_backbone: Backbone) -> None:
    rows = [
        {"file": f"{name}/{i}.png", "label": name, "patient": f"p{i // 2}"}
        for name in small.NAMES
        for i in range(10)
    ]
    table = write_table(digits, rows)
    try:
        model = train(table, backbone=tiny_backbone, group_column="patient", num_repeats=1)
        with pytest.raises(ColumnError, match="hospital"):
            train(table, backbone=tiny_backbone, group_column="hospital")
    finally:
        table.unlink()
    assert model.evaluation is not None
    assert model.evaluation.num_groups == 5
    assert model.evaluation.method == "each of 5 groups left out in turn"
    assert model.recipe.group_column == "patient"


def test_one_group_a_class_has_no_score(digits: Path, tiny_backbone: Backbone) -> None:
    images, labels = small.colours(2, 6)
    model = train(images, labels, groups=labels, backbone=tiny_backbone)
    assert model.evaluation is None
    assert "2 classes have all examples in one group" in model.notes[0]
    assert "Every class stands in a single group" in model.notes[-1]
    predictions = model.predict(images)
    assert isinstance(predictions, list)
    assert [p.label for p in predictions] == labels


def test_inputs_in_memory(tiny_backbone: Backbone, tmp_path: Path) -> None:
    images, labels = small.colours(2, 6)
    Image.fromarray(images[0]).save(tmp_path / "first.png")
    inputs: list[object] = [*images]
    inputs[0] = str(tmp_path / "first.png")
    inputs[1] = Image.fromarray(images[1])
    inputs[2] = (tmp_path / "first.png").read_bytes()  # the first once more
    model = train(inputs, labels, backbone=tiny_backbone, num_repeats=1)
    assert model.classes == ("c000", "c001")
    assert model.data.per_class == {"c000": 5, "c001": 6}
    assert model.data.num_duplicates == 1
    assert model.recipe.data is None


def test_train_and_test(tmp_path: Path, tiny_backbone: Backbone) -> None:
    root = write_split(tmp_path, {"train": 8, "test": 4})
    model = train(root, backbone=tiny_backbone, num_repeats=1)
    assert (model.data.num_train, model.data.num_test) == (24, 12)
    assert model.evaluation is not None
    assert model.test is not None
    assert (model.evaluation.num_examples, model.test.num_examples) == (24, 12)
    assert model.test.method == "test part, 12 examples"
    assert model.evaluate(root).accuracy == model.test.accuracy
    alone = train(root / "train", backbone=tiny_backbone, num_repeats=1)
    assert alone.evaluation == model.evaluation  # the test part taught nothing
    np.testing.assert_array_equal(alone.head.weights, model.head.weights)


def test_validation_is_the_test_where_there_is_no_other(
    tmp_path: Path, tiny_backbone: Backbone
) -> None:
    root = write_split(tmp_path, {"train": 6, "val": 3})
    model = train(root, backbone=tiny_backbone, num_repeats=1)
    assert (model.data.num_train, model.data.num_test) == (18, 9)
    assert model.test is not None
    assert model.notes == ("There is no test part: the validation part was kept for testing.",)


def test_validation_joins_the_training_where_there_is_a_test(
    tmp_path: Path, tiny_backbone: Backbone
) -> None:
    root = write_split(tmp_path, {"train": 6, "valid": 3, "test": 2})
    model = train(root, backbone=tiny_backbone, num_repeats=1)
    assert (model.data.num_train, model.data.num_test) == (27, 6)
    assert "The validation part (9 examples) was trained on too" in model.notes[0]


def test_a_class_that_only_the_test_has(tmp_path: Path, tiny_backbone: Backbone) -> None:
    write_split(tmp_path, {"train": 3}, ("one", "two"))
    small.write_folder(tmp_path / "test", small.digit_pictures(2, skip=3))
    with pytest.raises(DataError, match="the training part lacks: zero"):
        train(tmp_path, backbone=tiny_backbone)


def test_one_class(tmp_path: Path, tiny_backbone: Backbone) -> None:
    root = small.write_folder(tmp_path, {"cat": small.digit_pictures(3)["one"]})
    with pytest.raises(TooFewError, match="'cat'; accepted: 2 classes or more"):
        train(root, backbone=tiny_backbone)


def test_an_empty_training_part(tmp_path: Path, tiny_backbone: Backbone) -> None:
    root = write_split(tmp_path, {"test": 2})
    (root / "train").mkdir()
    with pytest.raises(TooFewError, match=r"no labelled examples.*2 classes"):
        train(root, backbone=tiny_backbone)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """Two classes of four; one image of the second is cut short, one is text."""
    pictures = small.digit_pictures(4)
    root = small.write_folder(tmp_path / "broken", {n: pictures[n] for n in ("one", "two")})
    whole = (root / "two" / "0.png").read_bytes()
    (root / "two" / "0.png").write_bytes(whole[: len(whole) // 2])
    (root / "two" / "1.png").write_bytes(b"this is text")
    return root


def test_a_broken_image_is_skipped_and_named(broken: Path, tiny_backbone: Backbone) -> None:
    model = train(broken, backbone=tiny_backbone, num_repeats=1)
    assert model.data.per_class == {"one": 4, "two": 2}
    names = [one.name for one in model.data.skipped]
    assert len(names) == 2
    assert all(name.endswith(end) for name, end in zip(names, ("0.png", "1.png"), strict=True))
    assert all(one.reason for one in model.data.skipped)
    again = train(broken, backbone=tiny_backbone, num_repeats=1)
    assert again.data.skipped == model.data.skipped


def test_strict_stops_at_a_broken_image(broken: Path, tiny_backbone: Backbone) -> None:
    small.write_folder(broken / "more", small.digit_pictures(6, skip=4))
    for name in ("one", "two"):  # so that there are no small classes to stop at
        (broken / "more" / name).rename(broken / name / "more")
    shutil.rmtree(broken / "more")
    with pytest.raises(ExampleError, match=r"two.[01]\.png"):
        train(broken, backbone=tiny_backbone, strict=True)


def test_a_class_with_no_readable_image(broken: Path, tiny_backbone: Backbone) -> None:
    for path in (broken / "two").iterdir():
        path.write_bytes(b"text, number " + path.name.encode())
    with pytest.raises(TooFewError, match=r"No image .* of the classes: two\. The first"):
        train(broken, backbone=tiny_backbone)


def test_the_same_image_under_two_labels(tmp_path: Path, tiny_backbone: Backbone) -> None:
    pictures = small.digit_pictures(4)
    pictures["two"].append(pictures["one"][0])
    model = train(small.write_folder(tmp_path, pictures), backbone=tiny_backbone, num_repeats=1)
    assert model.data.per_class == {"one": 3, "two": 4, "zero": 4}
    assert [one.name for one in model.data.skipped] == ["one/0.png", "two/4.png"]
    assert "one/0.png has the same content" in model.data.skipped[1].reason


def test_class_weights_lift_the_rare_class(tiny_backbone: Backbone) -> None:
    rng = np.random.default_rng(0)
    images = [np.clip(rng.normal(120, 40, (8, 8, 3)), 0, 255).astype(np.uint8) for _ in range(66)]
    labels = ["common"] * 60 + ["rare"] * 6
    plain, balanced = (
        train(
            images, labels, backbone=tiny_backbone, train="head", num_repeats=1, class_weight=kind
        )
        for kind in ("none", "balanced")
    )
    rare = [model.predict_proba(images)[:, 1].mean() for model in (plain, balanced)]
    assert rare[0] == pytest.approx(0.1, abs=0.1)
    assert rare[1] > rare[0] + 0.2
    assert balanced.recipe.class_weight == "balanced"


def test_three_examples(tiny_backbone: Backbone) -> None:
    images, _ = small.colours(3, 1)
    model = train(images, ["a", "a", "b"], backbone=tiny_backbone)
    assert model.evaluation is not None
    assert model.evaluation.method == "leave-one-out cross-validation"
    assert model.evaluation.accuracy.high - model.evaluation.accuracy.low > 0.5
    assert [p.label for p in model.predict(images)] == ["a", "a", "b"]  # type: ignore[union-attr]


def test_one_example_a_class(tiny_backbone: Backbone) -> None:
    images, labels = small.colours(4, 1)
    model = train(images, labels, backbone=tiny_backbone)
    assert model.evaluation is None
    assert model.notes[-1].startswith("There is no cross-validated score: Every class stands in")
    assert [p.label for p in model.predict(images)] == labels  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_hundred_classes_of_two(tiny_backbone: Backbone) -> None:
    images, labels = small.colours(100, 2, noise=4)
    model = train(images, labels, backbone=tiny_backbone, num_repeats=1)
    assert len(model.classes) == 100
    assert model.evaluation is not None
    assert model.evaluation.accuracy.value > 0.3
    np.testing.assert_allclose(model.predict_proba(images[:5]).sum(1), 1, atol=1e-6)


def test_labels_that_are_numbers_stand_in_their_order(tiny_backbone: Backbone) -> None:
    images, _ = small.colours(12, 1)
    model = train(images, list(range(12)), backbone=tiny_backbone)
    assert model.classes == tuple(str(i) for i in range(12))


def test_a_recipe_makes_the_same_run(
    digits: Path, tiny_backbone: Backbone, tiny_model: Model, tmp_path: Path
) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(tiny_model.recipe.to_toml(), encoding="utf-8")
    again = train(recipe=path, backbone=tiny_backbone)
    assert again.evaluation == tiny_model.evaluation
    assert again.recipe == tiny_model.recipe
    other = train(recipe=tiny_model.recipe, backbone=tiny_backbone, num_folds=3)
    assert other.evaluation is not None
    assert other.evaluation.method == "3-fold cross-validation"
    assert other.recipe == tiny_model.recipe.changed(num_folds=3)


def test_a_recipe_on_other_inputs_does_not_name_its_own(
    tiny_backbone: Backbone, tiny_model: Model
) -> None:
    images, labels = small.colours(2, 3)
    model = train(images, labels, recipe=tiny_model.recipe, backbone=tiny_backbone)
    assert tiny_model.recipe.data is not None
    assert model.recipe.data is None
    assert model.data.num_train == 6


def test_pools_can_be_chosen(digits: Path, tiny_backbone: Backbone) -> None:
    model = train(digits, backbone=tiny_backbone, num_repeats=1, pools=("mean",))
    assert model.pools == ("mean",)
    assert {segment.pool for segment in model.head.segments} == {"mean"}
    with pytest.raises(SettingError, match="The pools are"):
        train(digits, backbone=tiny_backbone, pools=("median",))


def test_the_place_for_the_model_is_looked_at_before_the_work(
    tmp_path: Path, tiny_backbone: Backbone
) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ModelError, match="is not empty, and holds no Topwork model"):
        train("nowhere", backbone=tiny_backbone, out=tmp_path)


def test_the_model_is_saved(digits: Path, tiny_backbone: Backbone, tmp_path: Path) -> None:
    import topwork

    model = train(digits, backbone=tiny_backbone, num_repeats=1, out=tmp_path / "m")
    loaded = topwork.load(tmp_path / "m")
    np.testing.assert_array_equal(
        loaded.predict_proba([digits / "one" / "0.png"]),
        model.predict_proba([digits / "one" / "0.png"]),
    )


def test_nothing_to_learn_from(tiny_backbone: Backbone, tmp_path: Path) -> None:
    images, labels = small.colours(2, 2)
    with pytest.raises(SettingError, match="No data was given"):
        train(backbone=tiny_backbone)
    with pytest.raises(SettingError, match="The data is a list without labels"):
        train(images, backbone=tiny_backbone)
    with pytest.raises(SettingError, match="4 inputs came with 3 labels"):
        train(images, labels[:3], backbone=tiny_backbone)
    with pytest.raises(SettingError, match="4 inputs came with 2 groups"):
        train(images, labels, groups=["a", "b"], backbone=tiny_backbone)
    with pytest.raises(SourceError, match="There is no folder or file"):
        train(tmp_path / "nowhere", backbone=tiny_backbone)
    with pytest.raises(SettingError, match=r"train\(\) got eras; accepted.*lr"):
        train(images, labels, backbone=tiny_backbone, eras=3)
    with pytest.raises(SettingError, match="num_folds is 1"):
        train(images, labels, backbone=tiny_backbone, num_folds=1)
    with pytest.raises(SettingError, match="The device is 'abacus'"):
        train(images, labels, backbone=tiny_backbone, device="abacus")
    with pytest.raises(BackboneError, match="efficientnet-lite0"):
        train(images, labels, backbone="efficientnet-lite1")


@pytest.mark.parametrize("given", ["labels", "groups"])
def test_labels_and_groups_with_a_path_are_refused(
    given: str, digits: Path, tiny_backbone: Backbone
) -> None:
    with pytest.raises(SettingError, match="given for a folder or table"):
        train(digits, backbone=tiny_backbone, **{given: ["a", "b"]})


def test_a_log_of_a_head_alone_is_refused(tiny_backbone: Backbone, tmp_path: Path) -> None:
    images, labels = small.colours(2, 2)
    with pytest.raises(SettingError, match=r"log is .* train = 'head'.*auto, last:K"):
        train(images, labels, backbone=tiny_backbone, train="head", log=tmp_path)
    with pytest.raises(SettingError, match=r"epochs is 3 .* train = 'head'.*auto, last:K"):
        train(images, labels, backbone=tiny_backbone, train="head", epochs=3)


def test_labels_without_data_are_refused(tiny_backbone: Backbone) -> None:
    with pytest.raises(SettingError, match="No data was given"):
        train(labels=["one", "two"], backbone=tiny_backbone)


def test_a_recipe_without_its_own_backbone_says_so(tiny_model: Model) -> None:
    with pytest.raises(BackboneError, match="tiny"):
        train(recipe=tiny_model.recipe)


def test_a_group_on_both_sides_of_the_authors_split_is_said(
    digits: Path, tiny_backbone: Backbone
) -> None:
    files = sorted(digits.rglob("*.png"))
    rows = [
        {
            "file": str(file),
            "label": file.parent.name,
            "patient": f"p{i % 5}" if i % 2 else f"q{i}",
            "split": "test" if i % 3 == 0 else "train",
        }
        for i, file in enumerate(files)
    ]
    model = train(write_table(digits.parent, rows), backbone=tiny_backbone, num_repeats=1)
    assert any("5 groups stand in the training part and in the test part" in n for n in model.notes)


def test_two_runs_with_one_place(digits: Path, tiny_backbone: Backbone, tmp_path: Path) -> None:
    seen = []

    def second(stage: str, done: int, total: int) -> None:
        if not seen:
            seen.append(stage)
            with pytest.raises(StoreError, match=r"Another run is about to write to .*model"):
                train(digits, backbone=tiny_backbone, out=tmp_path / "model", train="head")

    train(digits, backbone=tiny_backbone, out=tmp_path / "model", train="head", on_progress=second)
    assert seen
    train(digits, backbone=tiny_backbone, out=tmp_path / "model", train="head", overwrite=True)


def test_a_recipe_works_from_anywhere(
    tmp_path: Path, tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.write_folder(tmp_path / "here" / "photos", small.digit_pictures(6))
    monkeypatch.chdir(tmp_path / "here")
    made = train("photos", backbone=small.SMALL, train="head", out="models/digits")
    assert made.recipe.data == "photos"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    recipe = tmp_path / "here" / "models" / "digits" / "recipe.toml"
    assert f'data = "{Path("../../photos")}"' in recipe.read_text()
    again = train(recipe=recipe)
    assert again.data.per_class == made.data.per_class
    assert Path(load(recipe.parent).recipe.data or "").resolve() == tmp_path / "here" / "photos"
    (tmp_path / "here" / "photos").rename(tmp_path / "moved")
    with pytest.raises(SourceError, match=r"names the data .*photos.*topwork train DATA --recipe"):
        train(recipe=recipe)
    assert train(tmp_path / "moved", recipe=recipe).data.per_class == made.data.per_class
