"""Labels of examples, as numbers."""

from dataclasses import replace

import numpy as np
import pytest

from topwork.examples.example import Example
from topwork.heads.labels import Labels


def example(name: str, label: str, group: str | None = None) -> Example:
    return Example(name=name, digest="0" * 64, read=lambda: b"", label=label, group=group)


def test_labels_groups_and_weights() -> None:
    examples = [
        example("a", "x", "g"),
        example("b", "y"),
        example("c", "x", "g"),
        example("d", "x"),
    ]
    labels = Labels.of(examples, ("x", "y"), class_weight="balanced", seed=3)
    assert labels.classes.tolist() == [0, 1, 0, 0]
    assert labels.num_classes == 2
    assert labels.seed == 3
    assert labels.groups is not None
    assert labels.groups[0] == labels.groups[2] == "g"
    assert len(set(labels.groups)) == 3  # each that has none is alone
    assert labels.weights is not None
    np.testing.assert_allclose(labels.weights, [2 / 3, 2, 2 / 3, 2 / 3])
    assert labels.weights.mean() == pytest.approx(1)
    plain = Labels.of([replace(e, group=None) for e in examples], ("x", "y"))
    assert plain.groups is None
    assert plain.weights is None
