"""Predictions as a list, and as the DataFrame that was given."""

import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from topwork.errors import SettingError
from topwork.model import prediction_list
from topwork.model.model import Model
from topwork.model.prediction_list import PredictionList
from topwork.model.predictions import Prediction

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

ONE = Prediction(name="a.jpg", label="cat", probability=0.9, probabilities={"cat": 0.9})


@pytest.fixture
def files(digits: Path) -> list[str]:
    return [str(digits / "one" / "0.png"), str(digits / "two" / "1.png"), str(digits / "none.png")]


def test_it_is_a_list() -> None:
    answers = PredictionList([ONE, ONE])
    assert answers == [ONE, ONE]
    assert isinstance(answers, list)
    assert pickle.loads(pickle.dumps(answers)) == answers


def test_frames_keep_their_index_and_columns(tiny_model: Model, files: list[str]) -> None:
    data = pandas.DataFrame({"file": files, "label": ["x", "y", "z"]}, index=[9, 5, 7])
    answers = tiny_model.predict(data)
    assert [one.name for one in answers] == [f"DataFrame[{i}]" for i in range(3)]
    frame = answers.to_frame()
    assert frame.index.tolist() == [9, 5, 7]
    assert frame.columns.tolist() == [
        "file", "label", "predicted_label", "probability", "unknown", "error",
    ]  # fmt: skip
    assert frame["label"].tolist() == ["x", "y", "z"]
    assert frame["predicted_label"].tolist()[:2] == ["one", "two"]
    assert "no such file" in frame["error"].tolist()[2]
    assert data.columns.tolist() == ["file", "label"]  # it is not changed


def test_frames_of_polars(tiny_model: Model, files: list[str]) -> None:
    frame = tiny_model.predict(polars.DataFrame({"file": files})).to_frame()
    assert isinstance(frame, polars.DataFrame)
    assert frame.columns == ["file", "label", "probability", "unknown", "error"]
    assert frame["label"].to_list() == ["one", "two", None]


def test_tables_of_arrow(tiny_model: Model, files: list[str]) -> None:
    frame = tiny_model.predict(pa.table({"file": files, "n": [1, 2, 3]})).to_frame()
    assert frame["n"].tolist() == [1, 2, 3]
    assert frame["label"].tolist()[:2] == ["one", "two"]


def test_tables_on_disk(tiny_model: Model, files: list[str], tmp_path: Path) -> None:
    text = "".join(f"{file},{i}\n" for i, file in enumerate(files))
    (tmp_path / "new.csv").write_text("photo,n\n" + text)
    frame = tiny_model.predict(tmp_path / "new.csv").to_frame()
    assert frame["n"].tolist() == ["0", "1", "2"]
    assert frame["label"].tolist()[:2] == ["one", "two"]
    named = tiny_model.predict(tmp_path / "new.csv", input_column="photo")
    assert [one.label for one in named] == ["one", "two", None]


def test_other_inputs(tiny_model: Model, files: list[str]) -> None:
    frame = tiny_model.predict(files[:2]).to_frame()
    assert frame["file"].tolist() == files[:2]


def test_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    def only(*there: str) -> Any:
        monkeypatch.setattr(prediction_list, "is_installed", lambda name: name in there)
        return PredictionList([ONE]).to_frame()

    assert isinstance(only("pandas", "polars"), pandas.DataFrame)
    assert isinstance(only("polars"), polars.DataFrame)
    with pytest.raises(SettingError, match=r"needs pandas or polars.*pip install pandas"):
        only()


def test_a_list_that_was_changed() -> None:
    answers = PredictionList([ONE], source=pandas.DataFrame({"text": ["a", "b"]}))
    with pytest.raises(SettingError, match="holds 1 predictions, and its table 2 rows"):
        answers.to_frame()
