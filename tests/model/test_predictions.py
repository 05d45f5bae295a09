"""Predictions of whole parts."""

import numpy as np

from topwork.examples.example import Example
from topwork.model.predictions import Predictions

CLASSES = ("x", "y")


def test_no_test_part_has_no_predictions() -> None:
    assert Predictions.of_test((), CLASSES, np.empty((0, 2))) is None


def test_a_test_part_is_scored_by_its_labels() -> None:
    examples = [
        Example(name=f"{i}.png", digest=f"{i:064x}", read=lambda: b"", label=label, group="g")
        for i, label in enumerate("xyy")
    ]
    found = Predictions.of_test(examples, CLASSES, np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]]))
    assert found is not None
    assert found.names == ("0.png", "1.png", "2.png")
    assert found.groups == ("g", "g", "g")
    assert found.truth.tolist() == [0, 1, 1]
    scores = found.evaluate_test(CLASSES)
    assert scores.accuracy.value == 2 / 3
    assert scores.method == "test part, 3 examples"
