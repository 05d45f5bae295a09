"""Features among scikit-learn's own tools."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from tests import small
from tests.scikit_checks import checks_of, row_backbone
from topwork.backbones.base import Backbone
from topwork.errors import ExampleError, SettingError
from topwork.examples.sounds.sound import Sound
from topwork.runs.embed import embed
from topwork.transformer import TransferFeatures


def test_features_are_those_of_embed(tiny_backbone: Backbone) -> None:
    images, _ = small.colours(3, 4)
    features = TransferFeatures(tiny_backbone).fit(images)
    array = features.transform([images[2], images[0], images[2]])
    assert array.dtype == np.float32
    assert array.shape == (3, features.n_features_out_)
    found = embed(images, backbone=tiny_backbone)
    np.testing.assert_array_equal(array, found.to_numpy()[[2, 0, 2]])
    assert features.get_feature_names_out().tolist() == list(found.columns)
    assert features.transform([]).shape == (0, features.n_features_out_)


def test_nothing_is_computed_twice(
    tmp_path: Path, tiny_backbone: Backbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOPWORK_CACHE", str(tmp_path))
    counted: list[int] = []
    extract = embed.__globals__["extract"]

    def counting(*arguments: Any, **named: Any) -> Any:
        found = extract(*arguments, **named)
        counted.append(found.num_computed)
        return found

    monkeypatch.setattr("topwork.runs.embed.extract", counting)
    images, labels = small.colours(2, 12)
    pipeline = make_pipeline(
        TransferFeatures(tiny_backbone), StandardScaler(), LogisticRegression()
    )
    assert cross_val_score(pipeline, images, labels, cv=3).mean() > 0.9
    assert sum(counted) == 24
    search = GridSearchCV(pipeline, {"logisticregression__C": [0.1, 1.0]}, cv=3)
    search.fit(images, labels)
    assert sum(counted) == 24


def test_pools_are_a_setting(tiny_backbone: Backbone) -> None:
    images, _ = small.colours(2, 2)
    one = TransferFeatures(tiny_backbone, pools=["mean"])
    two = clone(one).set_params(pools=["mean", "std"])
    assert two.get_params() == {
        "backbone": tiny_backbone, "pools": ["mean", "std"], "device": "auto",
    }  # fmt: skip
    assert two.fit_transform(images).shape[1] == 2 * one.fit_transform(images).shape[1]
    with pytest.raises(SettingError, match="pools names median; accepted: all, mean"):
        TransferFeatures(tiny_backbone, pools=["median"]).fit(images)


def test_every_kind_of_input() -> None:
    kinds: dict[str, tuple[Backbone, list[Any]]] = {
        "sounds": (
            small.tiny_sound_backbone(),
            [Sound(samples=small.tone(hz), rate_hz=16_000) for hz in (300.0, 900.0)],
        ),
        "texts": (small.tiny_text_backbone(), ["a good day", "a bad day"]),
        "arrays": (row_backbone(), list(np.random.default_rng(0).normal(size=(2, 32)))),
    }
    for backbone, inputs in kinds.values():
        array = TransferFeatures(backbone).fit_transform(inputs)
        assert array.shape[0] == 2
        assert np.abs(array[0] - array[1]).max() > 0


def test_names_of_columns_reach_pandas(tiny_backbone: Backbone) -> None:
    pandas = pytest.importorskip("pandas")
    images, _ = small.colours(2, 2)
    features = TransferFeatures(tiny_backbone).set_output(transform="pandas")
    frame = features.fit_transform(images)
    assert isinstance(frame, pandas.DataFrame)
    assert frame.columns.tolist() == features.get_feature_names_out().tolist()
    texts = pandas.Series(["a good day", "a bad day"])
    assert len(TransferFeatures(small.tiny_text_backbone()).fit_transform(texts)) == 2


def test_what_it_refuses(tiny_backbone: Backbone, tmp_path: Path) -> None:
    images, _ = small.colours(2, 2)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        TransferFeatures(tiny_backbone).transform(images)
    with pytest.raises(SettingError, match=r"X holds no inputs.* Give one or more"):
        TransferFeatures(tiny_backbone).fit([])
    fitted = TransferFeatures(tiny_backbone).fit(images)
    (tmp_path / "broken.png").write_bytes(b"text")
    with pytest.raises(ExampleError, match=r"broken\.png"):
        fitted.transform([images[0], tmp_path / "broken.png"])
    rows = TransferFeatures(row_backbone()).fit(np.zeros((2, 32)))
    with pytest.raises(SettingError, match=r"X has 5 features, .* is expecting 32"):
        rows.transform(np.zeros((2, 5)))


def test_pickles_of_named_backbones(digits: Path) -> None:
    paths = sorted(map(str, digits.rglob("*.png")))[:4]
    fitted = TransferFeatures(small.SMALL).fit(paths)
    again = pickle.loads(pickle.dumps(fitted))
    assert again.backbone_.digest == fitted.backbone_.digest
    np.testing.assert_array_equal(again.transform(paths), fitted.transform(paths))


def test_tags_say_what_it_takes(tiny_backbone: Backbone) -> None:
    lists = get_tags(TransferFeatures(tiny_backbone)).input_tags
    assert (lists.one_d_array, lists.string, lists.two_d_array) == (True, True, False)
    rows = get_tags(TransferFeatures(row_backbone())).input_tags
    assert (rows.one_d_array, rows.string, rows.two_d_array) == (False, False, True)


NOT_APPLICABLE = {
    "check_dont_overwrite_parameters": "of Pipeline: it sets its public `steps`",
    "check_n_features_in_after_fitting": "of Pipeline: its first step takes any width",
    "check_dtype_object": "wants a TypeError; what cannot be used is a ValueError everywhere here",
    "check_estimators_pickle": "a module in memory has no name that finds it again",
    "check_transformer_general": "of Pipeline: its first step takes any width",
    "check_estimators_overwrite_params": "hashes the settings, and a module in memory is none",
}


@pytest.mark.parametrize(
    ("estimator", "check"), list(checks_of(TransferFeatures(row_backbone()), NOT_APPLICABLE))
)
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)
