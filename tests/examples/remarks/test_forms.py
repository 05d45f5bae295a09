"""Quantities and lists are refused as labels; classes that look a little like them are not."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests import small
from topwork.errors import DataError
from topwork.examples.objects import examples_from
from topwork.examples.remarks.forms import check_label_form, check_label_values
from topwork.examples.sources import read_examples

RNG = np.random.default_rng(0)
TAGS = ["red", "blue", "dress", "shirt", "long"]
CITIES = """Portland, OR;Portland, ME;Salem, OR;Salem, MA;Boston, MA;Augusta, ME;Eugene, OR;
Bend, OR;Lowell, MA;Bangor, ME;Medford, OR;Quincy, MA""".replace("\n", "").split(";")


@pytest.mark.parametrize(
    "labels",
    [
        [f"{x:.3f}" for x in RNG.normal(20, 5, 50)],
        [f"{x:.2f}".replace(".", ",") for x in RNG.uniform(1, 9, 30)],
        [str(x) for x in RNG.permutation(5000)[:100]],
        [f"{x:e}" for x in RNG.normal(size=20)],
        [str(18 + i % 55) for i in range(90)],
    ],
)
def test_quantities(labels: list[str]) -> None:
    with pytest.raises(DataError, match=r"are a quantity: \d+ examples .* into a few ranges"):
        check_label_form(labels)


@pytest.mark.parametrize(
    "labels",
    [
        [",".join(RNG.permutation(TAGS)[: 1 + i % 3]) for i in range(60)],
        [f"{a},{b}" for a in ("red", "blue") for b in ("dress", "shirt") for _ in range(5)],
        [f"{a}, {b}" for a in TAGS[:3] for b in ("one", "two", "three") for _ in range(3)],
        [f"{TAGS[i % 4]}|{TAGS[(i + 1) % 4]}" for i in range(20)] + ["red", "dress"] * 5,
        ['["red", "dress"]', '["blue"]', '["red"]'],
        ["['red']", "['blue', 'red']", ""],
        ["{red,blue}", "{red}"],
    ],
)
def test_lists(labels: list[str]) -> None:
    with pytest.raises(DataError, match=r"are lists \(the first: .*one class for each example"):
        check_label_form(labels)


@pytest.mark.parametrize(
    "labels",
    [
        [],
        CITIES * 3,
        ["[noise]", "[laughter]", "[music]"] * 5,
        ["Portland, OR", "Seattle"] * 5,
        [str(1990 + i % 30) for i in range(300)],
        [str(i % 100) for i in range(300)],
        [str(i) for i in range(100)],
        [str(i) for i in range(1, 60)],
        [str(i / 2) for i in range(11)] * 5,
        [f"1.{i % 12}" for i in range(60)],
        [str(i) for i in range(12)],
        [f"intent {i}" for i in range(77)],
        ["yes, always", "yes, sometimes", "no, always", "no, sometimes"] * 5,
        ["Smith, John", "Smith, Anna", "Jones, John", "Brown, Eve", "Hill, Tom"] * 4,
        ["bags, shoes and belts", "coats", "shirts"] * 9,
        ["a|b", "c"] * 9,
        ["[unused]", "class a", "class b"] * 5,
        ["animal/cat", "animal/dog", "plant/oak"] * 3,
    ],
)
def test_classes(labels: list[str]) -> None:
    check_label_form(labels)


def test_values_that_are_lists() -> None:
    check_label_values(["a", None, ["b"], "c", None])
    with pytest.raises(DataError, match=r"lists \(the first: \['a', 'b'\]\).*not a list"):
        check_label_values([["a", "b"], None, ["b"]])


def test_every_door(tmp_path: Path) -> None:
    texts, prices = [f"text {i}" for i in range(30)], [f"{x:.2f}" for x in RNG.uniform(1, 9, 30)]
    with pytest.raises(DataError, match="quantity"):
        examples_from(texts, prices)
    with (tmp_path / "a.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *zip(texts, prices, strict=True)])
    with pytest.raises(DataError, match="quantity"):
        read_examples(tmp_path / "a.csv")
    pq.write_table(pa.table({"text": texts, "label": [["a", "b"]] * 30}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match="lists"):
        read_examples(tmp_path / "a.parquet")


@pytest.mark.skipif(not small.DATA.is_dir(), reason="real data is not beside this checkout")
@pytest.mark.parametrize("name", ["trec", "banking77"])
def test_real_labels(name: str) -> None:
    assert len(read_examples(small.DATA / name).classes) in (6, 77)
