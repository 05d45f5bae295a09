"""Log-odds of altered inputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np

from topwork.core.shapes import Doubles, Float64
from topwork.errors import ExampleError, ModalityError, SettingError
from topwork.evaluation.binary import decide
from topwork.examples.example import Example
from topwork.examples.images.preprocessing import ImageInput
from topwork.examples.sounds.preprocessing import SoundInput
from topwork.examples.texts.preprocessing import TextInput
from topwork.model.model import Model

LEAST = 1e-12
"""Probabilities below it count as it: log-odds stay within 28 of 0."""


SHOWN = {"image": "regions", "sound": "moments", "text": "words"}
"""What can be asked of each modality."""

T = TypeVar("T", ImageInput, SoundInput, TextInput)


def example_of(model: Model, given: object, kind: type[T]) -> tuple[Example, T]:
    """Return an `Example`, or what `model.predict` takes as one, and the model's own input.

    Raises ModalityError where the model takes another kind of input.
    """
    preprocessing = model.backbone.input
    if not isinstance(preprocessing, kind):
        others = [f"{what} (of {one}s)" for one, what in SHOWN.items() if one != kind.modality]
        raise ModalityError(
            f"{SHOWN[kind.modality].capitalize()} are those of {kind.modality}s, and this model "
            f"takes {preprocessing.modality}s. Ask for {' or '.join(others)}."
        )
    return given if isinstance(given, Example) else model.read([given])[0], preprocessing


def probabilities(model: Model, examples: Iterable[Example]) -> Float64[np.ndarray, "n k"]:
    """Return the probabilities [N, K] of examples, in the order of the model's classes.

    Where one cannot be read (a text of which nothing is left), those of a guess: all the same.
    Raises ExampleError where the first cannot be read.
    """
    rows: list[list[float]] = []
    num_classes = len(model.classes)
    for prediction in model.stream(examples):
        if prediction.error is None:
            rows.append([prediction.probabilities[name] for name in model.classes])
        elif rows:
            rows.append([1 / num_classes] * num_classes)
        else:
            raise ExampleError(f"{prediction.name}: {prediction.error}")
    return np.array(rows, np.float64)


def chosen_class(model: Model, row: Float64[np.ndarray, " k"], label: str | None) -> int:
    """Return the position of a label; of None, that of the class that the model names.

    Raises SettingError where the model has no such class.
    """
    if label is None:
        return int(decide(row, model.classes, model.decision))
    if label not in model.classes:
        raise SettingError(
            f"The label is {label!r}; accepted: {', '.join(model.classes[:20])}. Take one of the "
            "model's classes, or None for the one that it names."
        )
    return model.classes.index(label)


def log_odds(rows: Float64[np.ndarray, "n k"], position: int) -> Float64[np.ndarray, " n"]:
    """Return log(p / (1 - p)) of a class, [N], of probabilities [N, K].

    1 - p is taken as the sum of the others: where p is near 1, the difference has no digits left.
    """
    others = np.delete(rows, position, axis=1).sum(1)
    odds: Doubles = np.log(np.maximum(rows[:, position], LEAST)) - np.log(np.maximum(others, LEAST))
    return odds


def odds_of(
    model: Model, examples: Iterable[Example], label: str | None
) -> tuple[Float64[np.ndarray, " n"], dict[str, Any]]:
    """Return the log-odds of a class for each example; and `label` and `probability` of the first.

    A label of None stands for the class that is the most probable of the first. Raises as
    `probabilities` and `chosen_class` do.
    """
    found = probabilities(model, examples)
    position = chosen_class(model, found[0], label)
    said = {"label": model.classes[position], "probability": float(found[0, position])}
    return log_odds(found, position), said
