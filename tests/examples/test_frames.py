"""Tables in memory: DataFrames, data sets, Arrow tables; and what is none, with the way there."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from topwork.errors import ColumnError, DataError, ModalityError, SettingError
from topwork.examples.example import ExampleSet, Modality
from topwork.examples.frames import is_frame
from topwork.examples.inputs import read_inputs
from topwork.examples.sounds.sound import Sound, SoundFile
from topwork.examples.sources import labelled_examples
from topwork.examples.tables.columns import ColumnNames

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

TEXTS = [f"a text {i}" for i in range(12)]
LABELS = ["cat", "dog"] * 6
ROWS = {"text": TEXTS, "label": LABELS, "n": list(range(12))}
PICTURES = [Image.fromarray(np.full((8, 8, 3), 20 * i, np.uint8)) for i in range(12)]


def read(data: object, *, meant: Modality | None = None, **columns: Any) -> ExampleSet:
    return labelled_examples(
        data, columns=ColumnNames(**columns), modality=meant, call="train(inputs, labels)"
    )


def encoded(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "png")
    return file.getvalue()


class FakeFeature:
    """A feature of a data set, known by the name of its class."""

    def __init__(self, names: list[str] | None = None) -> None:
        self.names = names


ClassLabel = type("ClassLabel", (FakeFeature,), {})
Pictures = type("Image", (FakeFeature,), {})


class FakeDataset:
    """What a `datasets.Dataset` can do, rows one by one; `num_read` counts them."""

    def __init__(self, rows: dict[str, list[Any]], features: dict[str, Any] | None = None) -> None:
        self.rows = rows
        self.features = features or dict.fromkeys(rows)
        self.column_names = list(rows)

    def __len__(self) -> int:
        return len(self.rows[self.column_names[0]])

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {name: values[number] for name, values in self.rows.items()}


class StoredDataset(FakeDataset):
    """One that also answers in Arrow."""

    format = {"type": None}  # noqa: RUF012

    def with_format(self, kind: str) -> "StoredDataset":
        assert kind == "arrow"
        return self

    def select_columns(self, names: list[str]) -> "StoredDataset":
        return StoredDataset({name: self.rows[name] for name in names})

    def __getitem__(self, rows: Any) -> Any:
        return pa.table(self.rows).slice(rows.start, rows.stop - rows.start)


TABLES = {
    "pandas": lambda: pandas.DataFrame(ROWS, index=[f"row {i}" for i in range(12)]),
    "pandas of arrow": lambda: pa.table(ROWS).to_pandas(types_mapper=pandas.ArrowDtype),
    "polars": lambda: polars.DataFrame(ROWS),
    "arrow": lambda: pa.table(ROWS),
    "rows": lambda: FakeDataset(ROWS),
    "stored": lambda: StoredDataset(ROWS),
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_texts(kind: str) -> None:
    data = TABLES[kind]()
    found = read(data)
    name = type(data).__name__
    assert [(one.read(), one.label) for one in found.examples] == list(
        zip(TEXTS, LABELS, strict=True)
    )
    assert found.examples[10].name == f"{name}[10]"
    assert found.origin == f"the {name}"
    said = f"Columns of {name}: input 'text', label 'label'; not used: 'n'."
    assert found.decided == (said,)
    inputs = read_inputs(data, modality="text")
    assert [(one.name, one.read()) for one in inputs] == [
        (f"{name}[{i}]", text) for i, text in enumerate(TEXTS)
    ]


@pytest.mark.parametrize(
    "cells",
    [
        PICTURES,
        [np.asarray(one) for one in PICTURES],
        [encoded(one) for one in PICTURES],
        [{"bytes": encoded(one), "path": None} for one in PICTURES],
    ],
    ids=["PIL", "arrays", "bytes", "dicts"],
)
@pytest.mark.parametrize("kind", ["pandas", "rows"])
def test_tables_of_pictures(kind: str, cells: list[Any]) -> None:
    rows = {"label": LABELS, "image": cells}
    data = pandas.DataFrame(rows) if kind == "pandas" else FakeDataset(rows)
    found = read(data)
    assert (found.modality, len(found)) == ("image", 12)
    assert found.examples[3].read() is not None
    assert len({one.digest for one in read_inputs(data, modality="image")}) == 12


def test_names_of_classes() -> None:
    features = {"image": Pictures(), "label": ClassLabel(["cat", "dog"])}
    rows = {"image": [{"bytes": encoded(one), "path": None} for one in PICTURES],
            "label": [0, 1, -1] * 4}  # fmt: skip
    for kind in (FakeDataset, StoredDataset):
        found = read(kind(rows, features))
        assert found.classes == ("cat", "dog")
        assert sum(one.reason == "no label" for one in found.skipped) == 4
        assert isinstance(found.examples[0].read(), bytes)


def test_a_transform_of_ones_own_is_heeded() -> None:
    data = StoredDataset({"other": TEXTS})
    data.format = {"type": "custom"}
    turned = {"text": TEXTS[::-1], "label": LABELS}

    def turn(_self: object, i: int) -> dict[str, str]:
        return {name: values[i] for name, values in turned.items()}

    data.__class__ = type("Turned", (StoredDataset,), {"__getitem__": turn})
    assert [one.read() for one in read(data).examples] == TEXTS[::-1]


def test_tables_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for i, picture in enumerate(PICTURES):
        picture.save(f"{i}.png")
    files = [f"{i}.png" for i in range(12)]
    for cells in (files, [Path(file) for file in files]):
        found = read(pandas.DataFrame({"file": cells, "label": LABELS}))
        assert (found.modality, len(found)) == ("image", 12)
    paths = [{"bytes": None, "path": file} for file in files]
    found = read(StoredDataset({"image": paths, "label": LABELS}, {"image": Pictures()}))
    assert (found.modality, len(found)) == ("image", 12)
    with pytest.raises(DataError, match=r"names, none is there.*folder that this process runs in"):
        read(pandas.DataFrame({"file": ["x.png", "y.png"], "label": ["a", "b"]}))


def test_tables_of_sounds() -> None:
    waves = [np.sin(np.arange(4_000) * (i + 1) / 50).astype(np.float32) for i in range(12)]
    decoded = [{"array": wave, "sampling_rate": 8_000} for wave in waves]
    for data in (pandas.DataFrame({"audio": decoded, "label": LABELS}),
                 StoredDataset({"audio": decoded, "label": LABELS})):  # fmt: skip
        found = read(data)
        sound = found.examples[5].read()
        assert isinstance(sound, Sound)
        assert (sound.rate_hz, sound.samples.shape) == (8_000, (4_000,))
    sounds = [Sound(samples=wave, rate_hz=8_000) for wave in waves]
    parts = pandas.DataFrame({"audio": sounds, "label": LABELS, "start": 0.1, "end": 0.2})
    found = read(parts)
    assert found.examples[0].name == "DataFrame[0][0.1-0.2 s]"
    part = found.examples[0].read()
    assert isinstance(part, Sound)
    np.testing.assert_array_equal(part.samples, waves[0][800:1_600])
    files = [SoundFile(source=Path("a.wav"))] * 12
    with pytest.raises(DataError, match="None of the 12 inputs"):
        read(pandas.DataFrame({"audio": files, "label": LABELS, "start": 0.1, "end": 0.2}))


def test_tables_of_numbers() -> None:
    lists = [[1.0 * i, 2.0] for i in range(12)]
    for data in (pandas.DataFrame({"x": lists, "label": LABELS}),
                 polars.DataFrame({"x": lists, "label": LABELS}),
                 FakeDataset({"x": lists, "label": LABELS})):  # fmt: skip
        found = read(data)
        assert found.modality == "array"
        np.testing.assert_array_equal(found.examples[7].read(), [7.0, 2.0])


def test_missing_cells() -> None:
    texts = [*TEXTS[:9], None, float("nan"), pandas.NA]
    labels = [None, *LABELS[1:8], pandas.NA, *LABELS[9:]]
    found = read(pandas.DataFrame({"text": texts, "label": labels}))
    assert len(found) == 7
    reasons = sorted(one.reason for one in found.skipped)
    assert reasons == ["no label"] * 2 + ["the text is empty"] * 3
    cells = [None, {"bytes": b"", "path": None}, 3, *PICTURES[:5]]
    data = pandas.DataFrame({"image": cells, "label": LABELS[:8]})
    found = read(data, input_column="image")
    assert sorted(one.reason for one in found.skipped)[1:] == [
        "no image in this row", "the image is empty (0 bytes)",
    ]  # fmt: skip


def test_columns_are_chosen_as_of_files() -> None:
    data = pandas.DataFrame(
        {"what was said": [f"a longer {text}" for text in TEXTS], "kind": LABELS, "who": range(12)}
    )
    assert "taken by what they hold" in read(data).decided[1]
    named = read(data, input_column="what was said", label_column="who", group_column="")
    assert named.examples[0].label == "0"
    with pytest.raises(ColumnError, match="has no column 'x' for the label"):
        read(data, label_column="x")
    with pytest.raises(ColumnError, match=r"its column 'who' holds int\. Accepted: encoded images"):
        read(data, input_column="who")


def test_other_kinds_than_the_model_takes() -> None:
    with pytest.raises(ModalityError, match=r"The DataFrame holds texts; the model takes images"):
        read_inputs(pandas.DataFrame(ROWS), modality="image")


def test_what_a_table_is_not_given_with() -> None:
    data = pandas.DataFrame(ROWS)
    for more in ({"labels": LABELS}, {"groups": LABELS}, {"groups": "groups.csv"}):
        with pytest.raises(SettingError, match="is a DataFrame, a table, and labels or groups"):
            labelled_examples(data, columns=ColumnNames(), modality=None, call="", **more)
    with pytest.raises(DataError, match=r"two columns named 'text'; .* Rename one"):
        read(pandas.concat([data, data], axis=1))


def generator() -> Iterator[str]:
    yield from TEXTS


class DatasetDict(dict[str, Any]):
    pass


class IterableDataset:
    features: tuple[str, ...] = ()
    column_names: tuple[str, ...] = ()


def torch_dataset() -> Any:
    from torch.utils.data import TensorDataset

    return TensorDataset()


@pytest.mark.parametrize(
    ("make", "way"),
    [
        (lambda: DatasetDict(train=FakeDataset(ROWS)), r"Give one of them: data\['train'\]"),
        (IterableDataset, r"datasets\.Dataset\.from_list\(list\(data\)\)"),
        (torch_dataset, r"inputs, labels = zip\(\*data\); train\(inputs, labels\)"),
        (type("Take", (), {"__module__": "tensorflow.data"}), r"data\.as_numpy_iterator\(\)"),
        (generator, r"read once only.*inputs, labels = zip\(\*data\)"),
        (lambda: pandas.DataFrame(ROWS)["text"], r"one column.*list\(inputs\), list\(labels\)"),
        (lambda: dict(ROWS), r"pandas\.DataFrame\(data\)"),
        (lambda: polars.DataFrame(ROWS).lazy(), r"Give data\.collect\(\)"),
        (lambda: TEXTS, r"The data is a list without labels"),
    ],
)
def test_what_is_no_table(make: Any, way: str) -> None:
    data = make()
    assert not is_frame(data)
    with pytest.raises(SettingError, match=way):
        read(data)


def test_what_can_be_predicted_all_the_same() -> None:
    for data in (generator(), pandas.DataFrame(ROWS)["text"], polars.DataFrame(ROWS)["text"]):
        assert [one.read() for one in read_inputs(data, modality="text")] == TEXTS
    with pytest.raises(SettingError, match=r"data\['train'\]"):
        read_inputs(DatasetDict(train=1), modality="text")
