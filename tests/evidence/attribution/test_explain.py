"""Explanations of every kind of input: their parts, and the files that show them."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests import small
from tests.evidence.attribution.test_texts import FILLING
from tests.evidence.pictures import marked, noise
from topwork.backbones.modules import from_module
from topwork.errors import ExampleError, ModalityError, SettingError
from topwork.evidence.attribution.explain import Explanation, explain
from topwork.evidence.attribution.images import regions
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.sounds.sound import Sound
from topwork.model.model import Model
from topwork.runs.train import train

WHITE = (250, 250, 250)


@pytest.fixture(scope="module")
def of_texts() -> Model:
    """One word decides: `banana` or `granite`."""
    texts = [f"{filling} {word}" for filling in FILLING for word in ("banana", "granite")]
    labels = ["fruit", "stone"] * len(FILLING)
    backbone = small.tiny_text_backbone()
    return train(texts, labels, backbone=backbone, num_repeats=1, train="head")


@pytest.fixture(scope="module")
def of_images() -> Model:
    """A white square in one corner tells the classes apart."""
    plain = [noise(i) for i in range(24)]
    pictures = [marked(p, 6, 34, WHITE) if i % 2 else p for i, p in enumerate(plain)]
    labels = ["white" if i % 2 else "plain" for i in range(24)]
    return train(pictures, labels, backbone=small.tiny_backbone(), train="head", num_repeats=1)


def test_a_text(of_texts: Model, tmp_path: Path) -> None:
    text = "<b> it was banana that we saw"
    found = explain(of_texts, text, label="fruit")
    assert (found.label, found.modality) == ("fruit", "text")
    assert " ".join(part.what for part in found.parts) == text
    assert found.strongest(1)[0].what == "banana"
    page = found.save(tmp_path / "why.html").read_text(encoding="utf-8")
    assert page == found.to_html()
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert page.count("<mark") == len(found.parts)
    assert "rgba(255, 150, 30, 0.85)" in page  # the strongest has the fullest colour
    against = explain(of_texts, text, label="stone")
    weights = {part.what: part.weight for part in against.parts}
    assert weights["banana"] < 0
    assert "banana" not in [part.what for part in against.strongest(9)]


def test_an_image(of_images: Model, tmp_path: Path) -> None:
    found = explain(of_images, marked(noise(99), 6, 34, WHITE))
    assert (found.label, found.modality, len(found.parts)) == ("white", "image", 49)
    left, top, right, bottom = _corners(found.strongest(1)[0].what)
    assert left < 38 < right + 7
    assert top < 10 < bottom + 7
    with Image.open(found.save(tmp_path / "why.PNG")) as shown:
        assert shown.size == (48, 48)
    json.dumps(found.to_dict())
    assert set(found.to_dict()) == {"name", "modality", "label", "probability", "parts"}


def _corners(what: str) -> list[int]:
    return [int(number) for end in what.split(" to ") for number in end.split(",")]


@pytest.mark.parametrize("shape", [(48, 48), (40, 90), (90, 40)])
def test_squares_tile_what_the_network_sees(of_images: Model, shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    found = regions(of_images, picture)
    box = of_images.backbone.input.source_box(shape[1], shape[0])  # type: ignore[union-attr]
    covered = np.zeros(shape, int)
    for (left, top, right, bottom), _ in found.squares:
        covered[top:bottom, left:right] += 1
    assert covered.max() == 1
    assert covered.sum() == pytest.approx((box[2] - box[0]) * (box[3] - box[1]), rel=0.05)
    strongest = max(found.squares, key=lambda one: abs(one[1]))
    left, top, right, bottom = strongest[0]
    inside = np.abs(found.map[top:bottom, left:right])
    assert inside.max() > 0.5 * np.abs(found.map).max()


def test_a_sound(tmp_path: Path) -> None:
    folder = small.write_sounds(tmp_path / "train")
    model = train(folder, backbone=small.tiny_sound_backbone(), train="head", num_repeats=1)
    samples = np.random.default_rng(0).normal(0, 0.005, 6400)
    samples[2400:4000] += small.tone(1500.0, 0.2)
    sound = Sound(samples=samples.astype(np.float32), rate_hz=small.RATE_HZ)
    found = explain(model, sound, label="high")
    start, _, end = found.strongest(1)[0].what.removesuffix(" s").split()
    assert 0.25 < float(start) < float(end) < 0.55
    with Image.open(found.save(tmp_path / "why.png")) as shown:
        assert shown.width > 200
    with pytest.raises(ModalityError, match=r"of sounds. Save it as a picture"):
        found.to_html()


def test_a_model_from_its_folder_and_its_own_answer(saved: Path, digits: Path) -> None:
    image = digits / "two" / "0.png"
    told: list[tuple[str, int, int]] = []
    found = explain(saved, image, on_progress=lambda *state: told.append(state))
    assert isinstance(found, Explanation)
    assert (found.label, found.name) == ("two", str(image))
    assert told


def test_a_threshold_decides_what_is_explained(of_texts: Model) -> None:
    text = "we saw it today banana"
    assert explain(of_texts, text).label == "fruit"
    other = of_texts.with_threshold(1e-9, positive="stone")
    assert other.predict([text])[0].label == "stone"
    assert explain(other, text).label == "stone"


def test_what_is_refused(of_texts: Model, of_images: Model, digits: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="'cat'; accepted: fruit, stone"):
        explain(of_texts, "a banana", label="cat")
    with pytest.raises(SettingError, match="30 inputs were given to be explained; accepted: one"):
        explain(of_images, digits)
    with pytest.raises(ExampleError, match="looks like plain text"):
        explain(of_images, b"no picture")
    found = explain(of_texts, "a banana")
    with pytest.raises(SettingError, match=r"why\.png'; accepted for a text: .*\.html"):
        found.save(tmp_path / "why.png")
    assert list(tmp_path.iterdir()) == []


def test_arrays_have_no_parts_to_look_at() -> None:
    import torch

    module = torch.nn.Sequential(torch.nn.Conv1d(2, 8, 5), torch.nn.ReLU())
    backbone = from_module(module, blocks=["1"], input=ArrayInput(shape=(2, 40)))
    rng = np.random.default_rng(0)
    rows = [rng.normal(i % 2, 0.1, (2, 40)).astype(np.float32) for i in range(12)]
    labels = [str(i % 2) for i in range(12)]
    model = train(rows, labels, backbone=backbone, train="head", num_repeats=1)
    with pytest.raises(ModalityError, match=r"one of arrays.*accepted: a model of images"):
        explain(model, rows[0])
