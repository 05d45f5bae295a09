"""Typed settings are those of the recipe, name by name and type by type."""

import dataclasses
import inspect
from typing import Any, get_type_hints

from topwork.recipe import Recipe
from topwork.runs.train import train
from topwork.runs.train_settings import TrainSettings
from topwork.training.settings import Training

LISTS_TOO = {"freeze", "augment"}
"""Of these, `Recipe.with_settings` makes tuples."""


def test_names_are_those_of_recipe_and_training() -> None:
    arguments = set(inspect.signature(train).parameters)
    own = {one.name for one in dataclasses.fields(Recipe)} - arguments
    deeper = {one.name for one in dataclasses.fields(Training)}
    assert set(TrainSettings.__annotations__) == own | deeper
    assert not own & deeper


def test_types_are_those_of_recipe_and_training() -> None:
    expected: dict[str, Any] = {**get_type_hints(Recipe), **get_type_hints(Training)}
    for name, kind in get_type_hints(TrainSettings).items():
        if name in LISTS_TOO:
            assert kind == expected[name] | list[str] | None
        else:
            assert kind == expected[name] | None, name


def test_train_takes_them() -> None:
    (settings,) = (
        one for one in inspect.signature(train).parameters.values() if one.kind is one.VAR_KEYWORD
    )
    assert settings.annotation == "Unpack[TrainSettings]"
