"""The scikit-learn estimator among scikit-learn's own tools."""

import copy
import datetime
import io
import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pytest
import scipy.sparse
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score, cross_validate
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import get_tags

from tests import small
from tests.scikit_checks import checks_of, row_backbone
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
        "backbone": tiny_backbone, "train": "head", "head": "kernel", "class_weight": "balanced",
        "pools": None, "seed": 3, "device": "auto",
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


class Missing:
    """Says neither yes nor no when it is compared, as pandas' NA does."""

    def __ne__(self, other: object) -> "Missing":  # type: ignore[override]
        return self

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise TypeError("boolean value of NA is ambiguous")


NAN = float("nan")


@pytest.mark.parametrize(
    "labels",
    [
        [NAN, 1.0, 0.0, 1.0],
        ["a", NAN, "b", "a"],
        np.array(["a", NAN, "b", "a"]),  # of which NumPy makes a text
        np.array(["a", NAN, "b", "a"], object),
        ["a", None, "b", "a"],
        [1, Missing(), 2, 1],
        [np.datetime64("2021-01-01"), np.datetime64("NaT"), np.datetime64("2021-01-02"), None],
        ["a", "", "b", "a"],
    ],
)
def test_missing_labels_are_counted(labels: Any, tiny_backbone: Backbone) -> None:
    with pytest.raises(SettingError, match=r"Input y contains NaN\. [12] of 4 labels are missing"):
        TransferClassifier(tiny_backbone).fit(small.colours(2, 2)[0], labels)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ([0.1, 0.2, 0.3, 0.4], r"Unknown label type: continuous\. y\[0\] is 0\.1.*digitize"),
        ([1.0, 2.0, np.inf, 1.0], "Input y contains infinity"),
        ([1j, 2j, 1j, 2j], "Complex data not supported: y"),
        ([[0, 1], [1, 0], [1, 0], [0, 1]], r"1d array, and is of shape \(4, 2\).*argmax"),
        (["a", 1, "a", 1], r"y mixes numbers and text; .*str\(label\)"),
        (None, "requires y to be passed"),
        ("abab", "y is one str; accepted: a label for each"),
        ([object()] * 2 + [object()] * 2, "y holds what has no order"),
    ],
)
def test_labels_that_are_no_classes(labels: Any, reason: str, tiny_backbone: Backbone) -> None:
    with pytest.raises(SettingError, match=reason):
        TransferClassifier(tiny_backbone).fit(small.colours(2, 2)[0], labels)


def test_a_column_of_labels_is_taken_with_a_warning(tiny_backbone: Backbone) -> None:
    images, labels = small.colours(2, 3)
    with pytest.warns(DataConversionWarning, match="column-vector y"):
        found = TransferClassifier(tiny_backbone).fit(images, np.array(labels)[:, None])
    assert found.predict(images).tolist() == labels


def test_labels_of_other_types_come_back(tiny_backbone: Backbone) -> None:
    images, names = small.colours(2, 3)
    days = [datetime.date(2021, 5, 1 + int(name[-1])) for name in names]
    found = TransferClassifier(tiny_backbone).fit(images, days)
    assert found.predict(images).tolist() == days
    assert found.model_.classes == ("2021-05-01", "2021-05-02")
    coded = [name.encode() + b"\xff" for name in names]  # no text, so classes have numbers
    found = TransferClassifier(tiny_backbone).fit(images, np.array(coded))
    assert found.predict(images).tolist() == coded
    assert found.model_.classes == ("class 0", "class 1")


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        ("lovely", r"X is one str\. Iterable over raw text documents expected, .*\[X\]"),
        (b"lovely", r"X is one bytes\. Give a list"),
        (Path("1.png"), "X is one PosixPath"),
        (Image.new("RGB", (3, 3)), "X is one Image"),
        (3, "X is a int"),
        (np.array("a"), r"X is one <U1"),
        (np.arange(3.0), "Reshape your data"),
        (np.zeros((3, 0)), r"0 feature\(s\)"),
        (np.array([[1.0, NAN]]), "Input X contains NaN"),
        (np.array([[1j]]), "Complex data not supported: X"),
        (np.array([["a", "b"]], object), r"of shape \(1, 2\), of object; accepted: one column"),
        (scipy.sparse.csr_array(np.eye(3)), r"sparse .*X\.toarray\(\)"),
    ],
)
def test_one_input_is_no_list(one: Any, reason: str, fitted: TransferClassifier) -> None:
    with pytest.raises(SettingError, match=reason):
        fitted.predict(one)
    with pytest.raises(SettingError, match=reason):
        clone(fitted).fit(one, ["a", "b", "a"])


class Frame:
    """A table of one column, as pandas and Polars have them: a list of it is its columns' names."""

    def __init__(self, values: list[Any]) -> None:
        self._values = values

    def __iter__(self) -> Any:
        return iter(["column"])

    def __len__(self) -> int:
        return len(self._values)

    def __array__(self, dtype: Any = None, copy: Any = None) -> npt.NDArray[Any]:
        column = np.empty((len(self._values), 1), object)
        column[:, 0] = self._values
        return column


def test_a_table_of_one_column(fitted: TransferClassifier, tmp_path: Path) -> None:
    paths = []
    for i, pixels in enumerate(small.colours(3, 1, seed=3)[0]):
        Image.fromarray(pixels).save(tmp_path / f"{i}.png")
        paths.append(str(tmp_path / f"{i}.png"))
    for inputs in (Frame(paths), np.array(paths, object)[:, None], np.array(paths)):
        assert fitted.predict(inputs).tolist() == ["c000", "c001", "c002"]


def test_class_weights(tiny_backbone: Backbone) -> None:
    images, labels = small.colours(2, 3)
    found = TransferClassifier(tiny_backbone, class_weight=None).fit(images, labels)
    assert found.model_.recipe.class_weight == "none"
    for given in ({"c000": 2}, "even", np.ones(2)):
        with pytest.raises(SettingError, match=r"class_weight is .*'balanced', or 'none'"):
            TransferClassifier(tiny_backbone, class_weight=given).fit(images, labels)  # type: ignore[arg-type]


def test_heads_are_tuned(tiny_backbone: Backbone, data: tuple[Images, list[str]]) -> None:
    search = GridSearchCV(TransferClassifier(tiny_backbone), {"head": ["nearest", "linear"]}, cv=2)
    search.fit(*data)
    assert search.best_estimator_.model_.recipe.head == search.best_params_["head"]
    with pytest.raises(SettingError, match="head is 'tree'; accepted: kernel"):
        TransferClassifier(tiny_backbone, head="tree").fit(*data)


def test_a_class_that_is_lost_is_named(tiny_backbone: Backbone) -> None:
    images, labels = small.colours(2, 3)
    with pytest.raises(TooFewError, match=r"of the classes: 'c' \(input \d: labelled 'c', but"):
        TransferClassifier(tiny_backbone).fit([*images, images[0]], [*labels, "c"])


def test_one_example_of_each_of_many_classes_is_no_quantity(tiny_backbone: Backbone) -> None:
    images, _ = small.colours(30, 1)
    found = TransferClassifier(tiny_backbone).fit(images, [f"shop {i}" for i in range(30)])
    assert found.predict(images).shape == (30,)


def by_pickle(one: Any) -> Any:
    return pickle.loads(pickle.dumps(one))


def by_joblib(one: Any) -> Any:
    file = io.BytesIO()
    joblib.dump(one, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize("through", [by_pickle, by_joblib, copy.deepcopy])
def test_it_comes_back_as_it_was(
    through: Any, fitted: TransferClassifier, data: tuple[Images, list[str]], tmp_path: Path
) -> None:
    images, _ = data
    before = fitted.predict_proba(images)
    again = through(fitted)
    np.testing.assert_array_equal(again.predict_proba(images), before)
    np.testing.assert_array_equal(through(again).predict_proba(images), before)
    assert again.classes_.tolist() == fitted.classes_.tolist()
    assert again.get_params()["backbone"] == fitted.get_params()["backbone"]
    assert again.model_.save(tmp_path / "model").is_dir()
    assert clone(again).fit(*data).score(*data) == 1.0


def test_it_comes_back_from_other_processes() -> None:
    images, labels = small.colours(2, 4)
    found = cross_validate(
        TransferClassifier(small.SMALL), images, labels, cv=2, n_jobs=2, return_estimator=True
    )
    for one in found["estimator"]:
        assert one.predict(images).shape == (8,)


NOT_APPLICABLE = {
    "check_estimators_overwrite_params": "hashes the settings, and a module in memory is none",
    "check_dont_overwrite_parameters": "of Pipeline: it sets its public `steps`",
    "check_n_features_in_after_fitting": "of Pipeline: its first step takes any width",
    "check_dtype_object": "wants a TypeError; what cannot be used is a ValueError everywhere here",
    "check_methods_subset_invariance": "wants 1e-7; features are float32, and equal to 1e-5",
    "check_methods_sample_order_invariance": "wants 1e-7; features are equal to 1e-5",
}


@pytest.mark.parametrize(
    ("estimator", "check"), list(checks_of(TransferClassifier(row_backbone()), NOT_APPLICABLE))
)
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_rows_of_another_width() -> None:
    rows = np.random.default_rng(0).normal(size=(12, 32))
    found = TransferClassifier(row_backbone()).fit(rows, [0, 1] * 6)
    assert found.n_features_in_ == 32
    with pytest.raises(SettingError, match=r"X has 5 features, .* is expecting 32"):
        found.predict(rows[:, :5])
    assert found.predict(rows.astype(object)).tolist() == found.predict(rows).tolist()


def test_tags_say_what_it_takes(tiny_backbone: Backbone) -> None:
    lists = get_tags(TransferClassifier(tiny_backbone)).input_tags
    assert (lists.one_d_array, lists.string, lists.two_d_array) == (True, True, False)
    rows = get_tags(TransferClassifier(row_backbone())).input_tags
    assert (rows.one_d_array, rows.string, rows.two_d_array) == (False, False, True)
    assert not any((lists.allow_nan, lists.sparse, rows.allow_nan))
