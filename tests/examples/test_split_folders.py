"""Parts of a data set are told from classes, whatever lies beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from topwork.errors import SourceError
from topwork.examples.sources import read_examples

CLASSES = ("across", "down")
PIXELS = iter(range(10**6))


def put(root: Path, *folders: str, num: int = 2) -> Path:
    """Write pictures, each with a content of its own."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for i in range(num):
            Image.new("RGB", (8, 8), (0, *divmod(next(PIXELS), 256))).save(
                root / folder / f"{i}.png"
            )
    return root


def below(*parts: str) -> list[str]:
    return [f"{part}/{name}" for part in parts for name in CLASSES]


def test_one_folder_more(tmp_path: Path) -> None:
    found = read_examples(put(tmp_path, *below("train", "test", "val"), "extra"))
    assert found.classes == CLASSES
    assert {e.split for e in found.examples} == {"train", "validation", "test"}
    assert len(found) == 12
    assert found.ignored == {"file beside the parts": 2}
    (remark,) = found.remarks
    assert "'extra' (2 files)" in remark


def test_unlabelled_pictures_beside_train(tmp_path: Path) -> None:
    found = read_examples(put(tmp_path, *below("train"), "test", "unlabelled"))
    assert found.classes == CLASSES
    assert "'unlabelled' (2 files)" in found.remarks[0]


def test_a_copy_of_the_set_inside_itself(tmp_path: Path) -> None:
    put(tmp_path, *below("train", "test"), *below("set/train", "set/test"))
    found = read_examples(tmp_path)
    assert found.classes == CLASSES
    assert "'set' (8 files)" in found.remarks[0]


def test_a_test_part_alone(tmp_path: Path) -> None:
    found = read_examples(put(tmp_path, *below("test")))
    assert found.classes == CLASSES
    assert {e.split for e in found.examples} == {"test"}


def test_a_class_called_train(tmp_path: Path) -> None:
    found = read_examples(put(tmp_path, "bus", "car", "train"))
    assert found.classes == ("bus", "car", "train")
    assert found.remarks == ()


def test_parts_or_classes_of_the_same_form(tmp_path: Path) -> None:
    put(tmp_path, "train/2019", "train/2020", "car/2019", "car/2020")
    with pytest.raises(SourceError, match=r"'train' and 'car' with the same.*2019, 2020"):
        read_examples(tmp_path)


def test_the_classes_lie_one_folder_deeper(tmp_path: Path) -> None:
    (remark,) = read_examples(put(tmp_path, *below("photos"))).remarks
    assert "one folder, 'photos', with the folders 'across', 'down'" in remark
    assert f"give '{tmp_path}/photos'" in remark


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("training_set", "test_set"),
        ("Trainset", "Testset"),
        ("seg_train", "seg_test"),
        ("a-train-set", "a-dev-set"),
    ],
)
def test_other_names_of_parts(tmp_path: Path, train: str, test: str) -> None:
    found = read_examples(put(tmp_path, *below(train, test)))
    assert found.classes == CLASSES
    assert len({e.split for e in found.examples}) == 2


def test_folders_that_hold_the_same_folders(tmp_path: Path) -> None:
    found = read_examples(put(tmp_path, *below("one", "two")))
    assert found.classes == ("one", "two")
    (remark,) = found.remarks
    assert "'one', 'two' were taken for the classes" in remark
    assert "'across', 'down'" in remark
