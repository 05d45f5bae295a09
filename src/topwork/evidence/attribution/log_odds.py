"""Log-odds of altered inputs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from topwork.core.shapes import Doubles, Float64
from topwork.errors import ExampleError, SettingError
from topwork.examples.example import Example
from topwork.model.model import Model

LEAST = 1e-12
"""Probabilities below it count as it: log-odds stay within 28 of 0."""


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
    """Return the position of a label; of None, that of the most probable class.

    Raises SettingError where the model has no such class.
    """
    if label is None:
        return int(row.argmax())
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


def answer(model: Model, row: Float64[np.ndarray, " k"], position: int) -> dict[str, Any]:
    """Return the fields `label` and `probability` of what is said of a class."""
    return {"label": model.classes[position], "probability": float(row[position])}
