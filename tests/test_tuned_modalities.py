"""Every strategy, for every kind of input: trained, judged, saved, loaded, used."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import topwork
from tests import small
from tests.backbones import folders
from topwork.examples.example import Example
from topwork.features.activations import Activations, save_activations
from topwork.runs import job as jobs
from topwork.training import candidates
from topwork.training.cross_validate import cross_validate
from topwork.training.training_job import TrainingJob

QUICK: dict[str, Any] = {"num_folds": 2, "epochs": 2, "seed": 1}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str]]:
    """For each kind of input the data, and the name of a backbone that can be saved."""
    root = tmp_path_factory.mktemp("modalities")
    folders.text_folder(root / "bert", "bert")
    folders.sound_folder(root / "wav2vec2", "wav2vec2")
    images = small.write_folder(root / "images", small.digit_pictures(7))
    sounds = root / "sounds"
    for name, hz in (("high", 1500.0), ("low", 300.0)):
        (sounds / name).mkdir(parents=True)
        for i in range(6):
            wave = small.tone(hz, 0.2 + 0.02 * i, seed=i)
            soundfile.write(sounds / name / f"{i}.wav", wave, small.RATE_HZ)
    arrays = root / "arrays.npz"
    rng = np.random.default_rng(0)
    kinds = np.arange(16) % 2
    np.savez(arrays, x=rng.normal(0, 1, (16, 2, 24)).astype(np.float32) + kinds[:, None, None],
             y=kinds)  # fmt: skip
    return {
        "image": (images, small.SMALL),
        "text": (small.write_texts(root / "texts.csv"), str(root / "bert")),
        "sound": (sounds, str(root / "wav2vec2")),
        "array": (arrays, "topwork/conv1d:8,8,8?pretrained=false&shape=2x24"),
    }


def inputs_of(modality: str, source: Path) -> list[Any]:
    """Some of the inputs, as a person would give them to predict."""
    if modality == "text":
        return [text for texts in small.TOPICS.values() for text in texts][:5]
    if modality == "array":
        return list(np.load(source)["x"][:5])
    return sorted(path for path in source.rglob("*") if path.is_file())[:5]


@pytest.mark.parametrize("strategy", ["last:1", "all", "scratch", "auto"])
@pytest.mark.parametrize("modality", ["image", "text", "sound", "array"])
def test_trained_saved_loaded_and_used(
    modality: str, strategy: str, data: dict[str, tuple[Path, str]], tmp_path: Path
) -> None:
    source, backbone = data[modality]
    given = dict(QUICK)
    if modality in ("image", "sound") and strategy != "scratch":
        given["num_views"] = 2
    model = topwork.train(
        source, backbone=backbone, train=strategy, out=tmp_path / "model", **given
    )
    assert model.evaluation is not None
    if strategy != "auto":
        assert model.selection.strategy == strategy
        assert model.evaluation.num_examples == sum(model.data.per_class.values())
    loaded = topwork.load(tmp_path / "model")
    assert loaded.selection == model.selection
    assert loaded.recipe == model.recipe
    assert loaded.backbone.digest == model.backbone.digest
    inputs = inputs_of(modality, source)
    np.testing.assert_allclose(loaded.predict_proba(inputs), model.predict_proba(inputs), atol=1e-6)
    assert [p.label for p in loaded.predict(inputs)] == [p.label for p in model.predict(inputs)]  # type: ignore[union-attr]
    scores = loaded.evaluate(source, include_known=True)
    assert scores.num_examples == model.evaluation.num_examples
    assert scores.accuracy == model.evaluate(source, include_known=True).accuracy


def test_low_rank_updates(data: dict[str, tuple[Path, str]], tmp_path: Path) -> None:
    source, backbone = data["text"]
    model = topwork.train(
        source, backbone=backbone, train="all", lora=4, out=tmp_path / "model", **QUICK
    )
    assert "low-rank updates of rank 4" in model.selection.trained
    plain = topwork.load(tmp_path / "model").backbone.build().module.state_dict()
    own = model.backbone.build().module.state_dict()
    assert list(plain) == list(own)
    assert not [name for name in own if "lora" in name or "base_layer" in name]
    assert model.recipe.training.lora == 4


def test_what_cannot_be_read_is_skipped_and_the_rest_keeps_its_labels(
    data: dict[str, tuple[Path, str]], tmp_path: Path
) -> None:
    folder = tmp_path / "images"
    shutil.copytree(data["image"][0], folder)
    for name in ("one/0.png", "two/3.png"):
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2 + len(name)])
    model = topwork.train(folder, backbone=small.SMALL, train="last:1", **QUICK)
    assert sorted(Path(one.name).as_posix()[-9:] for one in model.data.skipped) == [
        "one/0.png", "two/3.png",
    ]  # fmt: skip
    assert all(one.reason for one in model.data.skipped)
    assert model.data.per_class == {"one": 6, "two": 6, "zero": 7}
    assert model.evaluation is not None
    assert model.evaluation.num_examples == 19


def test_what_can_be_read_at_first_and_not_again_is_left_out_of_the_trial(
    data: dict[str, tuple[Path, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "images"
    noisy = {
        name: [
            np.random.default_rng([k, i]).integers(0, 256, (64, 64), dtype=np.uint8)
            for i in range(10)
        ]
        for k, name in enumerate(("a", "b"))
    }  # which no head tells apart
    small.write_folder(folder, noisy)
    lost = {folder / "a" / "0.png", folder / "b" / "4.png", folder / "b" / "9.png"}

    def save(examples: Sequence[Example], *given: Any, **more: Any) -> Activations:
        for path in lost:
            path.write_bytes(path.read_bytes()[:60])
        return save_activations(examples, *given, **more)

    found: list[tuple[TrainingJob, list[np.ndarray]]] = []

    def looking(job: TrainingJob, folds: Sequence[np.ndarray], **more: Any) -> Any:
        found.append((job, list(folds)))
        return cross_validate(job, folds, **more)

    monkeypatch.setattr(jobs, "save_activations", save)
    monkeypatch.setattr(candidates, "cross_validate", looking)
    model = topwork.train(folder, backbone=small.SMALL, train="auto", **QUICK)
    ((job, folds),) = found
    assert len(job.saved.examples) == 17
    assert [job.labels.classes[i] for i in range(17)] == [
        "ab".index(example.label or "") for example in job.saved.examples
    ]
    assert sorted(np.concatenate(folds).tolist()) == list(range(17))
    assert model.selection.candidates[1].num_examples in (len(folds[0]), 17)
    if model.selection.strategy != "head":
        assert {Path(one.name).name for one in model.data.skipped} == {"0.png", "4.png", "9.png"}
