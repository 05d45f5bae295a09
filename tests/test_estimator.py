"""The scikit-learn estimator among scikit-learn's own tools."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from tests import small
from topwork.backbones.base import Backbone
from topwork.errors import ExampleError, SettingError, TooFewError, UnknownBackboneError
from topwork.estimator import TransferClassifier

Images = list[npt.NDArray[np.uint8]]


@pytest.fixture(scope="module")
def data() -> tuple[Images, list[str]]:
    return small.colours(3, 6)


@pytest.fixture(scope="module")
def fitted(tiny_backbone: Backbone, data: tuple[Images, list[str]]) -> TransferClassifier:
    return TransferClassifier(tiny_backbone).fit(*data)


def test_it_learns(fitted: TransferClassifier, data: tuple[Images, list[str]]) -> None:
    images, labels = data
    assert fitted.classes_.tolist() == ["c000", "c001", "c002"]
    assert fitted.score(images, labels) == 1.0
    assert fitted.predict(images).tolist() == labels
    assert fitted.predict_proba(images[:4]).shape == (4, 3)
    assert is_classifier(fitted)


def test_clones_have_the_settings_alone(
    fitted: TransferClassifier, tiny_backbone: Backbone
) -> None:
    changed = clone(fitted).set_params(class_weight="balanced", seed=3)
    assert changed.get_params() == {
        "backbone": tiny_backbone, "train": "head", "class_weight": "balanced", "pools": None,
        "seed": 3, "device": "auto",
    }  # fmt: skip
    assert not hasattr(clone(fitted), "model_")
    with pytest.raises(ValueError, match="Invalid parameter 'epochs'"):
        changed.set_params(epochs=3)


def test_it_says_when_it_is_not_fitted(tiny_backbone: Backbone) -> None:
    plain = TransferClassifier(tiny_backbone)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        plain.predict([])
    with pytest.raises(SettingError):
        plain.set_params(class_weight="even").fit(*small.colours(2, 2))
    with pytest.raises(NotFittedError, match="not fitted yet"):
        plain.predict_proba([])


@pytest.mark.parametrize(
    "labels",
    [
        [10, 2, 10, 2, -1, -1],
        [True, False, True, False, True, False],
        ["é", "a b", "é", "a b", "10", "10"],
        np.array([3, 1, 3, 1, 2, 2], np.int8),
    ],
)
def test_labels_come_back_as_they_were(labels: list[object], tiny_backbone: Backbone) -> None:
    kinds = np.unique(labels, return_inverse=True)[1]
    colours = small.colours(3, 3)[0]
    images = [colours[3 * kind + place // 2] for place, kind in enumerate(kinds)]
    found = TransferClassifier(tiny_backbone).fit(images, labels)
    assert found.classes_.dtype == np.asarray(labels).dtype
    assert found.predict(images).tolist() == np.asarray(labels).tolist()
    probabilities = found.predict_proba(images)
    np.testing.assert_array_equal(found.classes_[probabilities.argmax(1)], labels)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)


def test_columns_follow_the_classes_beyond_ten(tiny_backbone: Backbone) -> None:
    images, labels = small.colours(12, 2, noise=3)
    found = TransferClassifier(tiny_backbone).fit(images, labels)
    assert found.classes_.tolist() == sorted(set(labels))
    assert found.score(images, labels) > 0.7


def test_inputs_of_every_kind(tiny_backbone: Backbone, tmp_path: Path) -> None:
    images, labels = small.colours(2, 3)
    Image.fromarray(images[0]).save(tmp_path / "0.png")
    mixed = np.empty(6, object)
    mixed[:] = [tmp_path / "0.png", Image.fromarray(images[1]), *images[2:]]
    found = TransferClassifier(tiny_backbone).fit(mixed, np.array(labels))
    assert found.predict(mixed).tolist() == labels
    stacked = np.stack(images)
    found = TransferClassifier(tiny_backbone).fit(stacked, labels)
    assert found.predict(stacked).tolist() == labels


def test_in_a_pipeline(tiny_backbone: Backbone) -> None:
    images, labels = small.colours(2, 4)
    line = Pipeline([
        ("turn", FunctionTransformer(lambda many: [one[::-1] for one in many])),
        ("classify", TransferClassifier(tiny_backbone)),
    ])  # fmt: skip
    assert line.fit(images, labels).score(images, labels) == 1.0
    assert line.classes_.tolist() == ["c000", "c001"]


def test_in_a_cross_validation(tiny_backbone: Backbone, data: tuple[Images, list[str]]) -> None:
    images, labels = data
    scores = cross_val_score(TransferClassifier(tiny_backbone), images, labels, cv=3)
    assert scores.shape == (3,)
    assert scores.mean() > 0.8
    groups = [i % 3 for i in range(len(labels))]
    grouped = cross_val_score(
        TransferClassifier(tiny_backbone), images, labels, cv=GroupKFold(3), groups=groups
    )
    assert grouped.mean() > 0.8


def test_in_a_grid_search(tiny_backbone: Backbone, data: tuple[Images, list[str]]) -> None:
    images, labels = data
    search = GridSearchCV(
        TransferClassifier(tiny_backbone),
        {"class_weight": ["none", "balanced"], "seed": [0, 1]},
        cv=2,
        scoring="neg_log_loss",
    )
    search.fit(images, labels)
    assert set(search.best_params_) == {"class_weight", "seed"}
    assert search.predict(images).tolist() == labels


def test_groups_reach_the_folds_inside(tiny_backbone: Backbone) -> None:
    images, labels = small.colours(2, 6)
    groups = [i // 2 for i in range(12)]
    plain = TransferClassifier(tiny_backbone).fit(images, labels)
    grouped = TransferClassifier(tiny_backbone).fit(images, labels, groups)
    first, second = (one.predict_proba(images) for one in (plain, grouped))
    assert not np.array_equal(first, second)
    with pytest.raises(SettingError, match=r"12 inputs .* 3 groups"):
        TransferClassifier(tiny_backbone).fit(images, labels, groups[:3])


def test_what_it_refuses(tiny_backbone: Backbone) -> None:
    images, labels = small.colours(2, 2)
    with pytest.raises(SettingError, match=r"4 inputs .* 3 labels"):
        TransferClassifier(tiny_backbone).fit(images, labels[:3])
    with pytest.raises(TooFewError, match=r"only one class, \['a'\]"):
        TransferClassifier(tiny_backbone).fit(images, ["a"] * 4)
    with pytest.raises(UnknownBackboneError, match="efficientnet-lite0"):
        TransferClassifier("efficientnet-lite1").fit(images, labels)
    with pytest.raises(ExampleError, match="input 0"):
        TransferClassifier(tiny_backbone).fit(images, labels).predict([b"text"])


def test_settings_are_used(tiny_backbone: Backbone) -> None:
    images, labels = small.colours(2, 3)
    found = TransferClassifier(tiny_backbone, pools=["mean"], class_weight="balanced", seed=5)
    found.fit(images, labels)
    assert found.model_.pools == ("mean",)
    assert found.model_.recipe.class_weight == "balanced"
    assert found.model_.recipe.seed == 5
    assert found.model_.evaluation is None


def test_blocks_may_be_trained_too(tiny_backbone: Backbone, data: tuple[Images, list[str]]) -> None:
    images, labels = data
    deep = TransferClassifier(tiny_backbone, train="last:1").fit(images, labels)
    assert deep.model_.selection.strategy == "last:1"
    assert deep.predict_proba(images[:2]).shape == (2, 3)
    auto = TransferClassifier(tiny_backbone, train="auto").fit(images, labels)
    assert auto.model_.selection.strategy == "head"
    with pytest.raises(SettingError, match="train is 'top'; accepted: auto, head"):
        TransferClassifier(tiny_backbone, train="top").fit(images, labels)
