"""The demo's data: dealt once, the same every time, and what it is said to be."""

import csv
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from topwork.cli.demo_data import (
    FORMANTS,
    PARTS,
    make_vowel,
    write_digits,
    write_sentences,
    write_vowels,
)


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_the_digits_are_dealt_once(tmp_path: Path) -> None:
    write_digits(tmp_path, num_train=50, num_test=500)
    train, test = (list((tmp_path / part).glob("*/*.png")) for part in ("train", "test"))
    assert (len(train), len(test)) == (50, 500)
    assert sorted(path.name for path in (tmp_path / "train").iterdir()) == list("0123456789")
    assert len({path.name for path in train + test}) == 550
    with Image.open(train[0]) as image:
        assert (image.size, image.mode) == ((8, 8), "L")
        assert np.asarray(image).max() == 255


def test_however_many_are_learned_from_the_test_is_the_same(tmp_path: Path) -> None:
    for size in (50, 1000):
        write_digits(tmp_path / str(size), num_train=size, num_test=500)
    assert names(tmp_path / "50" / "test") == names(tmp_path / "1000" / "test")


def test_the_vowels_are_dealt_once_and_the_same_again(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_vowels(tmp_path / name, num_train=50, num_test=600)
    assert names(tmp_path / "a") == names(tmp_path / "b")
    assert sorted(p.name for p in (tmp_path / "a" / "train").iterdir()) == sorted(FORMANTS)
    assert len(list((tmp_path / "a").glob("train/*/*.wav"))) == 50
    assert len(list((tmp_path / "a").glob("test/*/*.wav"))) == 600
    some = next((tmp_path / "a").glob("train/*/*.wav"))
    again = tmp_path / "b" / some.relative_to(tmp_path / "a")
    assert some.read_bytes() == again.read_bytes()
    assert soundfile.info(some).samplerate == 16000


@pytest.mark.parametrize("vowel", ["heed", "hod", "whod"])
def test_a_vowel_has_its_resonances(vowel: str) -> None:
    random = np.random.default_rng(0)
    spectrum = np.mean(
        [np.abs(np.fft.rfft(make_vowel(vowel, random)[:4000])) for _ in range(200)], axis=0
    )
    hz = np.fft.rfftfreq(4000, 1 / 16000)
    first = [formants[1] for formants in FORMANTS[vowel]]
    near = spectrum[(hz > min(first) * 0.8) & (hz < max(first) * 1.2)].mean()
    above = spectrum[(hz > 3900) & (hz < 5000)].mean()
    assert near > 5 * above


def test_the_sentences_are_dealt_once(tmp_path: Path) -> None:
    write_sentences(tmp_path, num_train=50, num_test=200)
    rows = {}
    for part in ("train", "test"):
        with (tmp_path / f"{part}.csv").open(encoding="utf-8") as file:
            rows[part] = [(row["text"], row["label"]) for row in csv.DictReader(file)]
    assert len(rows["train"]) == 50
    assert {label for _, label in rows["train"]} == set(PARTS)
    everything = rows["train"] + rows["test"]
    assert len(everything) == len(set(everything)) == 250
    assert all(" " in text and text == text.strip() for text, _ in everything)
