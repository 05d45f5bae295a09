"""Settings to a file and back, and every value that is not accepted."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topwork.errors import SettingError
from topwork.recipe import Recipe
from topwork.training.settings import Training

FULL = Recipe(
    data="photos of Jürgen/",
    input_column="file",
    label_column="ICD 10",
    group_column='patient "number"',
    backbone="efficientnet-lite0?size=160&resize=squash",
    pools=("mean", "grid3"),
    head="mlp:256,128",
    dropout=0.5,
    label_smoothing=0.05,
    class_weight="balanced",
    num_folds=7,
    num_repeats=3,
    seed=12,
    strict=True,
)
DEEP = Recipe(
    train="last:3",
    fresh=True,
    time_limit="10m",
    head="mlp:64",
    training=Training(
        epochs=7, freeze=("stem", "blocks.0"), learning_rates={"blocks.3": 1e-5}, augment=()
    ),
)


@pytest.mark.parametrize("recipe", [Recipe(), FULL, DEEP])
def test_to_a_file_and_back(recipe: Recipe, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert Recipe.read(path) == Recipe.read(str(path)) == recipe


def test_what_is_left_open_is_not_written() -> None:
    assert "num_repeats" not in Recipe().to_toml()
    assert "data" not in Recipe().to_dict()


texts = st.text(st.characters(blacklist_categories=("Cs",)), max_size=20)


@given(
    data=st.none() | texts,
    label_column=st.none() | texts,
    pools=st.none() | st.lists(texts, max_size=3).map(tuple),
    num_folds=st.integers(2, 100),
    seed=st.integers(0, 2**40),
)
def test_any_settings_come_back(**settings: Any) -> None:
    import tomllib

    recipe = Recipe(**settings)
    assert Recipe.from_dict(tomllib.loads(recipe.to_toml())) == recipe


def test_changes_leave_the_rest() -> None:
    changed = FULL.changed(seed=3, data=None)
    assert (changed.seed, changed.data) == (3, FULL.data)
    assert FULL.seed == 12


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"class_weight": "even"}, "class_weight is 'even'.*'none' or 'balanced'"),
        ({"class_weight": ["none"]}, "class_weight is"),
        ({"num_folds": 1}, "num_folds is 1; accepted: .*2 or more"),
        ({"num_folds": 2.5}, "num_folds is 2.5"),
        ({"num_folds": True}, "num_folds is True"),
        ({"num_repeats": 0}, "num_repeats is 0; accepted: .*1 or more"),
        ({"num_repeats": "2"}, "num_repeats is '2'"),
        ({"seed": -1}, "seed is -1; accepted: .*0 or more"),
        ({"seed": 0.0}, "seed is 0.0"),
        ({"data": 3}, "data is 3; accepted: text"),
        ({"input_column": 3}, "input_column is 3"),
        ({"label_column": False}, "label_column is False"),
        ({"group_column": ["a"]}, "group_column is"),
        ({"backbone": 3}, "backbone is 3; accepted: the name"),
        ({"head": "mpl:256"}, "head is 'mpl:256'; .*kernel.* mlp:"),
        ({"head": 3}, "head is 3; accepted: kernel"),
        ({"dropout": 1}, "dropout is 1; accepted: .*less than 1"),
        ({"label_smoothing": "a"}, "label_smoothing is 'a'; .*a number"),
        ({"strict": 1}, "strict is 1; accepted: true or false"),
        ({"fresh": 1, "train": "last:1"}, "fresh is 1; accepted: true or false"),
        ({"fresh": True}, "fresh is True.*'last:K'.*train is 'auto'"),
        ({"train": "last:0"}, "train is 'last:0'; .*head, last:K"),
        ({"train": 3}, "train is 3; accepted: auto"),
        ({"time_limit": "soon"}, "limit is 'soon'; accepted: .*1h30m"),
        ({"time_limit": "0s"}, "The time limit is '0s'"),
        ({"time_limit": -1}, "The time limit is -1"),
        ({"train": "all", "head": "nearest"}, "head is 'nearest' .*'all'; .*linear"),
        ({"train": "scratch", "pools": ["std"]}, "pools is .*'std'.* 'scratch'.*head, auto"),
        ({"training": 3}, "training is 3; accepted: .*table"),
        (
            {"training": {"eras": 3}},
            r"\[training\] table has 'eras'; accepted",
        ),
        ({"training": {"epochs": 0}}, "epochs is 0; accepted: .*1 or more"),
        ({"pools": "mean"}, "pools is 'mean'; accepted: a list"),
        ({"pools": [3]}, r"pools is \[3\]"),
    ],
)
def test_values_that_are_not_accepted(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Recipe.from_dict(settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"train": "head", "training": {"epochs": 3}}, "epochs is 3 .*'head'.*auto, last:K"),
        (
            {"train": "head", "head": "nearest", "training": {"augment": ["flip"]}},
            "augment is .*'flip'.* 'head'",
        ),
        ({"train": "head", "training": {"optimiser": "sgd"}}, "optimiser is 'sgd' .*'head'"),
        ({"train": "head", "time_limit": "5m"}, "time_limit is '5m' .*'head'.*auto, last:K"),
        ({"train": "head", "dropout": 0.5}, "dropout is 0.5 .*'head'.*mlp"),
        ({"train": "head", "label_smoothing": 0.1}, "label_smoothing is 0.1 .*'head'.*mlp"),
        ({"train": "last:2", "num_repeats": 3}, "num_repeats is 3 .*'last:2'.*head, auto"),
        ({"train": "last:2", "pools": ["mean"]}, "pools is .*'mean'.* 'last:2'.*head, auto"),
        ({"train": "all", "fresh": True}, "fresh is True.*'last:K'.*train is 'all'"),
        ({"train": "scratch", "training": {"lora": 4}}, "lora .*random weights.*Remove"),
        ({"train": "scratch", "training": {"num_views": 4}}, "num_views .*random weights"),
        ({"train": "scratch", "training": {"freeze": ["stem"]}}, "freeze .*random weights"),
        ({"train": "scratch", "training": {"batch_norm": "frozen"}}, "batch_norm = 'frozen'"),
        ({"train": "last:2", "training": {"momentum": 0.5}}, "momentum .*sgd"),
    ],
)
def test_settings_that_the_strategy_does_not_use(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Recipe.from_dict(settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"train": "head", "head": "mlp:8", "dropout": 0.5, "label_smoothing": 0.1},
        {"train": "head", "pools": ["mean"], "num_repeats": 3},
        {"train": "head", "training": {"augment": ["rotate"], "num_views": 3}},
        {"train": "auto", "pools": ["mean"], "num_repeats": 3, "training": {"epochs": 3}},
        {"train": "scratch", "time_limit": "5m", "training": {"epochs": 3, "augment": []}},
        {"train": "last:2", "training": {"momentum": 0.5, "optimiser": "sgd", "lora": 4}},
    ],
)
def test_settings_that_the_strategy_uses(settings: dict[str, Any]) -> None:
    recipe = Recipe.from_dict(settings)
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_names_that_are_not_known() -> None:
    with pytest.raises(SettingError, match=r"'eras'; accepted: data, .*, strict"):
        Recipe.from_dict({"eras": 3})
    with pytest.raises(SettingError, match=r"Put epochs, lr below .*\[training\]"):
        Recipe.from_dict({"epochs": 3, "lr": 0.1, "seed": 1})


@pytest.mark.parametrize("content", [b"seed = ", b"\xff\xfe", None])
def test_files_that_are_no_recipe(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingError, match=r"recipe\.toml' cannot be read"):
        Recipe.read(path)
