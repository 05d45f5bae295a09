"""Folders that are one table in pieces: partitions, and what `save_to_disk` wrote."""

import json
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from topwork.errors import SourceError
from topwork.examples.inputs import read_inputs
from topwork.examples.sources import read_examples

TEXTS = [f"a text {i}" for i in range(12)]
LABELS = ["cat", "dog"] * 6


def save_to_disk(folder: Path, table: pa.Table, parts: int = 2) -> Path:
    """Write a table as `save_to_disk` of datasets does: Arrow streams and what they are called."""
    folder.mkdir(parents=True)
    names = [f"data-{place:05}-of-{parts:05}.arrow" for place in range(parts)]
    size = table.num_rows // parts
    for place, name in enumerate(names):
        with pa.ipc.new_stream(folder / name, table.schema) as out:
            out.write_table(table.slice(place * size, size), max_chunksize=4)
    state = {"_data_files": [{"filename": name} for name in names], "_fingerprint": "0",
             "_format_type": None, "_split": None}  # fmt: skip
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def table(texts: Sequence[str] = TEXTS, labels: Sequence[str] = LABELS) -> pa.Table:
    return pa.table({"text": list(texts), "label": list(labels)})


def test_partitions(tmp_path: Path) -> None:
    pq.write_to_dataset(table(), tmp_path, partition_cols=["label"])
    (tmp_path / "label=cat" / "_metadata.parquet").write_bytes(b"none")
    found = read_examples(tmp_path)
    assert {one.read(): one.label for one in found.examples} == dict(
        zip(TEXTS, LABELS, strict=True)
    )
    assert found.examples[0].name.startswith("label=cat/")
    assert "label 'label'" in found.decided[0]
    assert len(read_inputs(tmp_path, modality="text")) == 12


def test_keys_of_partitions(tmp_path: Path) -> None:
    for split, patient, place in (("train", "a%20b", 0), ("train", "c", 4), ("test", "d", 8)):
        folder = tmp_path / f"split={split}" / f"patient={patient}"
        folder.mkdir(parents=True)
        some = slice(place, place + 4)
        pq.write_table(table(TEXTS[some], LABELS[some]), folder / "part-0.parquet")
    found = read_examples(tmp_path)
    assert {one.group for one in found.examples} == {"a b", "c", "d"}
    assert [one.split for one in found.examples if one.group == "d"] == ["test"] * 4
    blank = tmp_path / "split=train" / "patient=__HIVE_DEFAULT_PARTITION__"
    blank.mkdir()
    pq.write_table(table(["another"], ["cat"]), blank / "part-0.parquet")
    groups = {one.read(): one.group for one in read_examples(tmp_path).examples}
    assert groups["another"] is None


def test_a_saved_data_set(tmp_path: Path) -> None:
    folder = save_to_disk(tmp_path / "saved", table())
    found = read_examples(folder)
    assert [(one.read(), one.label) for one in found.examples] == list(
        zip(TEXTS, LABELS, strict=True)
    )
    assert found.examples[7].name == "data-00001-of-00002.arrow[1]"
    assert [one.read() for one in read_inputs(folder, modality="text")] == TEXTS


def test_a_saved_dictionary(tmp_path: Path) -> None:
    for name, some in (("train", slice(8)), ("test", slice(8, 12)), ("more", slice(2))):
        save_to_disk(tmp_path / name, table(TEXTS[some], LABELS[some]), parts=1)
    names = {"splits": ["train", "test", "more"]}
    (tmp_path / "dataset_dict.json").write_text(json.dumps(names))
    found = read_examples(tmp_path)
    assert len(found.of_split("train")) == 8
    assert len(found.of_split("test")) == 4
    assert found.ignored == {"table of no known split": 1}


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("{", r"its state\.json has no list '_data_files'. Save it again"),
        ('{"_data_files": 3}', r"no list '_data_files'"),
        ('{"_data_files": [{"filename": "../../secret.arrow"}]}', r"'\.\./\.\./secret\.arrow'"),
        ('{"_data_files": [], "_indices_data_files": [{}]}', r"flatten_indices\(\)\.save_to_disk"),
    ],
)
def test_saved_data_sets_that_are_refused(tmp_path: Path, state: str, message: str) -> None:
    folder = save_to_disk(tmp_path / "saved", table())
    (folder / "state.json").write_text(state)
    with pytest.raises(SourceError, match=message):
        read_examples(folder)
