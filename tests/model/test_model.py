"""Predictions and scores of a trained model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import small
from topwork.backbones.base import Backbone
from topwork.errors import DataError, ExampleError, ModelError, SettingError, SourceError
from topwork.examples.sources import read_inputs
from topwork.model import streaming
from topwork.model.model import Model
from topwork.model.predictions import Prediction
from topwork.runs.train import train


def predict(model: Model, inputs: object) -> list[Prediction]:
    predictions = model.predict(inputs)
    assert isinstance(predictions, list)
    return predictions


def test_predictions_come_in_the_order_of_the_inputs(tiny_model: Model, digits: Path) -> None:
    paths = [digits / "zero" / "1.png", digits / "one" / "0.png", digits / "two" / "3.png"]
    paths += [paths[0], paths[0]]
    predictions = predict(tiny_model, paths)
    assert [p.name for p in predictions] == [str(path) for path in paths]
    assert [p.label for p in predictions] == ["zero", "one", "two", "zero", "zero"]
    for again in (predictions[3], predictions[4]):  # in another row of a product of matrices
        assert again.probabilities == pytest.approx(predictions[0].probabilities, abs=1e-6)
    for p in predictions:
        assert list(p.probabilities) == list(tiny_model.classes)
        assert sum(p.probabilities.values()) == pytest.approx(1)
        assert p.label is not None
        assert p.probability == p.probabilities[p.label] == max(p.probabilities.values())
        assert p.error is None


def test_a_path_its_bytes_its_picture_and_its_pixels_say_the_same(
    tiny_model: Model, digits: Path
) -> None:
    path = digits / "two" / "0.png"
    with Image.open(path) as image:
        image.load()
    grey = np.asarray(image)
    inputs = [path, str(path), path.read_bytes(), bytearray(path.read_bytes()), image, grey,
              np.stack([grey] * 3, axis=2)]  # fmt: skip
    predictions = predict(tiny_model, inputs)
    for other in predictions[1:]:
        assert other.probabilities == pytest.approx(predictions[0].probabilities, abs=1e-6)
    assert [p.name for p in predictions[2:4]] == ["input 2", "input 3"]


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "image", "array"])
def test_one_alone_gives_one(kind: str, tiny_model: Model, digits: Path) -> None:
    path = digits / "one" / "2.png"
    with Image.open(path) as image:
        image.load()
    one = {"path": path, "text": str(path), "bytes": path.read_bytes(), "image": image,
           "array": np.asarray(image)}[kind]  # fmt: skip
    prediction = tiny_model.predict(one)
    assert isinstance(prediction, Prediction)
    assert prediction.label == "one"
    assert len(predict(tiny_model, [one])) == 1


def test_an_array_of_many_gives_many(tiny_model: Model) -> None:
    images, _ = small.colours(3, 1)
    together = predict(tiny_model, np.stack(images))
    alone = predict(tiny_model, images)
    assert [p.probabilities for p in together] == [p.probabilities for p in alone]
    objects = np.empty(3, object)
    objects[:] = [images[0].tobytes()] * 3
    assert len(predict(tiny_model, objects)) == 3


def test_nothing_gives_nothing(tiny_model: Model) -> None:
    assert tiny_model.predict([]) == []
    assert tiny_model.predict_proba([]).shape == (0, 3)


def test_a_folder_stands_for_its_images(tiny_model: Model, digits: Path) -> None:
    predictions = predict(tiny_model, digits)
    assert [p.name for p in predictions] == sorted(str(p) for p in digits.rglob("*.png"))
    assert predict(tiny_model, [digits / "one", digits / "two" / "0.png"])[10].label == "two"


@pytest.mark.parametrize("chunk", [1, 7, 30, 256])
def test_one_at_a_time_or_many(
    chunk: int, tiny_model: Model, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "CHUNK", chunk)
    told: list[tuple[str, int, int]] = []
    predictions = tiny_model.predict(digits, on_progress=lambda *state: told.append(state))
    assert isinstance(predictions, list)
    alone = [tiny_model.predict(path) for path in sorted(digits.rglob("*.png"))]
    for many, one in zip(predictions, alone, strict=True):
        assert isinstance(one, Prediction)
        assert many.probabilities == pytest.approx(one.probabilities, abs=1e-4)
    assert told[-1] == ("predict", 30, 30)


def test_predict_proba_has_a_row_an_input(tiny_model: Model, digits: Path) -> None:
    paths = sorted(digits.rglob("*.png"))
    found = tiny_model.predict_proba(paths)
    assert found.shape == (30, 3)
    expected = [list(p.probabilities.values()) for p in predict(tiny_model, paths)]
    np.testing.assert_array_equal(found, expected)


def test_what_cannot_be_read_has_an_error(tiny_model: Model, digits: Path) -> None:
    path = digits / "one" / "0.png"
    inputs = [path.read_bytes()[:60], path, b"", b"text"]
    predictions = predict(tiny_model, inputs)
    assert [p.label for p in predictions] == [None, "one", None, None]
    for p in (predictions[0], *predictions[2:]):
        assert p.error
        assert p.probabilities == {}
    with pytest.raises(ExampleError, match="input 2: "):
        tiny_model.predict_proba([path, path, b""])


def test_inputs_that_are_none(tiny_model: Model, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"The input '.*gone\.png'"):
        tiny_model.predict(tmp_path / "gone.png")
    with pytest.raises(SourceError, match="There is no image in or below the folder"):
        tiny_model.predict(tmp_path)
    with pytest.raises(SettingError, match="Input 0 is a float"):
        tiny_model.predict([3.5])
    with pytest.raises(SettingError, match="The inputs are a int"):
        tiny_model.predict(3)


def test_a_stream_that_is_left_lets_others_in(tiny_model: Model, digits: Path) -> None:
    stream = tiny_model.stream(read_inputs(digits, modality="image"))
    assert next(stream).label == "one"
    stream.close()  # type: ignore[attr-defined]
    assert isinstance(tiny_model.predict(digits / "one" / "0.png"), Prediction)


def test_threads_may_share_a_model(tiny_model: Model, digits: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    paths = sorted(digits.rglob("*.png"))
    expected = predict(tiny_model, paths)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: tiny_model.predict(paths), range(6)):
            assert found == expected


def test_scores_on_a_folder(tiny_model: Model, tmp_path: Path) -> None:
    root = small.write_folder(tmp_path / "test", small.digit_pictures(5, skip=10))
    (root / "two" / "broken.png").write_bytes(b"text")
    found = tiny_model.evaluate(root)
    assert found.num_examples == 15
    assert found.classes == tiny_model.classes
    assert found.method == f"15 examples of {root}"
    assert found.accuracy.value > 0.6
    assert [one.name for one in found.skipped] == ["two/broken.png"]
    labels = [p.label for p in predict(tiny_model, sorted(root.glob("*/[0-9].png")))]
    right = [label == name for label, name in zip(labels, np.repeat(small.NAMES, 5), strict=True)]
    assert found.accuracy.value == pytest.approx(np.mean(right))


def test_scores_on_a_list(tiny_model: Model) -> None:
    pictures = small.digit_pictures(5, skip=10)
    found = tiny_model.evaluate(pictures["one"] + pictures["two"], ["one"] * 5 + ["two"] * 5)
    assert found.num_examples == 10
    assert [one.num_examples for one in found.per_class] == [5, 5, 0]
    assert found.method == "10 examples of the inputs"


def test_of_a_folder_with_a_test_part_that_part_is_scored(
    tiny_model: Model, tmp_path: Path
) -> None:
    small.write_folder(tmp_path / "train", small.digit_pictures(4))
    small.write_folder(tmp_path / "test", small.digit_pictures(3, skip=10))
    assert tiny_model.evaluate(tmp_path).num_examples == 9


def test_scores_with_groups(tiny_model: Model, tmp_path: Path) -> None:
    small.write_folder(tmp_path, small.digit_pictures(4, skip=10))
    rows = ["file,label,patient"]
    rows += [f"{name}/{i}.png,{name},p{i // 2}" for name in small.NAMES for i in range(4)]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    found = tiny_model.evaluate(tmp_path / "labels.csv", group_column="patient")
    assert found.num_groups == 2


def test_classes_that_the_model_does_not_know(tiny_model: Model, tmp_path: Path) -> None:
    pictures = small.digit_pictures(2)
    pictures["three"] = pictures.pop("zero")
    root = small.write_folder(tmp_path, pictures)
    with pytest.raises(DataError, match=r"model does not know: three.*It knows: one"):
        tiny_model.evaluate(root)


def test_nothing_that_can_be_scored(tiny_model: Model, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.png").write_bytes(b"text")
    with pytest.raises(DataError, match=r"None of the 1 images.*first: .*a\.png"):
        tiny_model.evaluate(tmp_path)
    with pytest.raises(SettingError, match="The data is a list without labels"):
        tiny_model.evaluate([small.colours(1, 1)[0]])


def test_a_model_refuses_features_that_it_was_not_trained_on(tiny_model: Model) -> None:
    other = Model(replace(tiny_model.parts, pools=("mean",)))
    with pytest.raises(ModelError, match=r"'tiny' gives other features.*Train it anew"):
        other.predict(small.colours(1, 1)[0])


def test_predicting_while_predictions_are_read(tiny_model: Model, digits: Path) -> None:
    examples = read_inputs(digits, modality="image")
    expected = tiny_model.predict(digits)
    for prediction, alone in zip(tiny_model.stream(examples), expected, strict=True):
        again = tiny_model.predict([prediction.name])
        assert again[0].label == prediction.label == alone.label


# --- inputs of no class


def noise(num: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (32, 32, 3), dtype=np.uint8) for _ in range(num)]


def test_what_belongs_to_no_class_is_called_unknown(tiny_model: Model, digits: Path) -> None:
    own, ood = predict(tiny_model, digits), predict(tiny_model, noise(8))
    for p in own + ood:
        assert p.label in tiny_model.classes  # without a rate nothing is rejected
        assert p.ood is not None
        assert 1 / 31 <= p.ood <= 1  # 30 digits were left out
    again = tiny_model.predict([*sorted(digits.rglob("*.png")), *noise(8)], reject=0.1)
    assert isinstance(again, list)
    for before, after in zip(own + ood, again, strict=True):
        assert after.probabilities == pytest.approx(before.probabilities, abs=1e-5)
        assert after.ood is not None
        assert (before.unknown, after.unknown) == (False, after.ood <= 0.1)
        assert after.label == before.label
        assert after.probability == pytest.approx(before.probability, abs=1e-5)
    assert sum(p.unknown for p in again[30:]) >= 5  # random weights see little
    assert sum(p.unknown for p in again[:30]) <= 3


def test_a_model_says_how_much_it_would_let_through(tiny_model: Model) -> None:
    scores = tiny_model.ood
    assert scores is not None
    assert scores.method == "each of the 3 classes left out in turn"
    assert scores.num_ood == 30
    assert scores.false_accept.low < scores.false_accept.high


@pytest.mark.parametrize(
    ("rate", "message"),
    [
        (0.01, r"30 own examples.* 1/31 \(0.032\)"),
        (5, r"reject is 5; accepted.*share"),
    ],
)
def test_rates_that_are_refused(rate: float, message: str, tiny_model: Model) -> None:
    with pytest.raises(SettingError, match=message):
        tiny_model.predict(noise(1)[0], reject=rate)
    with pytest.raises(SettingError, match=message):  # at once, not with the first prediction
        tiny_model.stream([], reject=rate)


def test_a_model_of_too_few_examples_rejects_nothing(tiny_backbone: Backbone) -> None:
    few = train(*small.colours(2, 2), backbone=tiny_backbone, num_repeats=1)
    assert few.detector is None
    assert few.ood is None
    prediction = few.predict(noise(1)[0])
    assert isinstance(prediction, Prediction)
    assert prediction.ood is None
    with pytest.raises(SettingError, match="fewer than 10 examples"):
        few.predict(noise(1)[0], reject=0.2)


@pytest.mark.parametrize("name", ["Unknown", "neither"])
def test_a_class_of_that_name_is_what_is_rejected(
    name: str, digits: Path, tiny_backbone: Backbone
) -> None:
    paths = [p for p in sorted(digits.rglob("*.png")) if p.parent.name != "two"]
    inputs = [*map(str, paths), *noise(12)]
    labels = [*(p.parent.name for p in paths), *[name] * 12]
    model = train(inputs, labels, backbone=tiny_backbone, num_repeats=1)
    assert model.detector is not None
    assert model.detector.unknown == model.classes.index(name)
    assert len(model.detector.held_out) == 20
    assert model.ood is not None
    assert model.ood.method == f"12 examples of {name!r}, by 5-fold cross-validation"
    found = model.predict([*noise(14)[12:], *small.colours(4, 1)[0]], reject=0.1)
    assert isinstance(found, list)
    for p in found[:2]:  # noise, as it was learned
        assert p.label == name
        assert p.probability >= p.probabilities[name]
    for p in found[2:]:  # plain colours, of which nothing was
        assert p.label == name or p.unknown
        assert p.ood is not None
