"""The logistic regression that fine-tuning begins with; test_finetune.py has it within a run."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from topwork.heads.labels import Labels
from topwork.training.first_head import PENALTIES, logistic_layer


def noise(num: int, width: int, num_classes: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    classes = np.arange(num) % num_classes
    vectors = rng.normal(0, 1, (num, width)) + 0.5 * rng.normal(0, 1, (num_classes, width))[classes]
    return vectors.astype(np.float32), classes


@pytest.mark.parametrize(("num", "width"), [(60, 12), (40, 200)])
def test_it_is_the_one_with_one_of_the_penalties(num: int, width: int) -> None:
    vectors, classes = noise(num, width, 3)
    layer = logistic_layer(vectors, Labels(classes=classes, num_classes=3))
    logits = vectors @ layer.weight + layer.bias
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    away = []
    for penalty in PENALTIES:
        plain = LogisticRegression(C=1 / penalty, tol=1e-8, max_iter=10_000).fit(vectors, classes)
        away.append(np.abs(plain.predict_proba(vectors) - probabilities).max())
    assert min(away) < 1e-3


def test_with_too_few_to_hold_any_out_it_is_fitted_all_the_same() -> None:
    vectors, classes = noise(3, 5, 3)
    layer = logistic_layer(vectors, Labels(classes=classes, num_classes=3))
    assert layer.weight.shape == (5, 3)
    assert ((vectors @ layer.weight + layer.bias).argmax(1) == classes).all()


def test_a_class_that_is_not_there_is_not_said() -> None:
    vectors, classes = noise(40, 6, 2)
    layer = logistic_layer(vectors, Labels(classes=classes, num_classes=3))
    assert np.isfinite(layer.weight).all()
    assert not ((vectors @ layer.weight + layer.bias).argmax(1) == 2).any()
