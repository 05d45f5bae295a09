"""Sounds, texts and arrays walk the whole way that images do: train, save, load, predict, embed."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from typer.testing import CliRunner

import topwork
from tests import small
from topwork.backbones.base import Backbone
from topwork.cli.app import app
from topwork.errors import ExampleError, ModalityError
from topwork.estimator import TransferClassifier
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.examples.sounds.sound import Sound
from topwork.model.model import Model
from topwork.runs.embed import write_features
from topwork.runs.train import train


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write_sounds(tmp_path_factory.mktemp("sounds") / "train")


@pytest.fixture(scope="module")
def sound_model(sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "sounds"
    train(sounds, backbone=small.tiny_sound_backbone(), out=folder, num_repeats=1)
    return folder


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.write_texts(tmp_path_factory.mktemp("texts") / "texts.csv")


@pytest.fixture(scope="module")
def text_model(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "texts"
    train(texts, backbone=small.tiny_text_backbone(), out=folder, num_repeats=1)
    return folder


class TestSounds:
    def test_a_folder_becomes_a_model_that_knows_others(
        self, sound_model: Path, tmp_path: Path
    ) -> None:
        model = topwork.load(sound_model)
        assert model.classes == ("high", "hiss", "low")
        assert model.data.typical_seconds == pytest.approx(0.24, abs=0.03)
        assert model.evaluation is not None
        assert model.evaluation.accuracy.value > 0.9
        others = small.write_sounds(tmp_path / "test", 4, skip=100)
        assert model.evaluate(others).accuracy.value > 0.9

    def test_every_form_of_a_sound_gives_the_same(self, sound_model: Path, tmp_path: Path) -> None:
        model = topwork.load(sound_model)
        samples = small.tone(300.0, 0.25, seed=50)
        path = tmp_path / "a.wav"
        soundfile.write(path, samples, small.RATE_HZ, subtype="FLOAT")
        sound = Sound(samples=samples, rate_hz=small.RATE_HZ)
        found = [model.predict(one) for one in (path, str(path), path.read_bytes(), sound)]
        labels = [one.label for one in found if not isinstance(one, list)]
        assert labels == ["low"] * 4
        rows = model.predict_proba([path, path.read_bytes(), sound])
        np.testing.assert_allclose(rows, rows[:1].repeat(3, axis=0), atol=1e-6)

    def test_a_broken_file_is_named_and_passed_over(
        self, sounds: Path, sound_model: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "broken.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVEfmt nonsense")
        good = next((sounds / "low").iterdir())
        found = topwork.load(sound_model).predict([tmp_path / "broken.wav", good])
        assert isinstance(found, list)
        assert found[0].label is None
        assert found[0].error
        assert found[1].label == "low"

    def test_a_part_of_a_file_is_one_sound(self, sound_model: Path, sounds: Path) -> None:
        path = next((sounds / "high").iterdir())
        found = topwork.load(sound_model).predict(topwork.SoundFile(source=path, end_seconds=0.1))
        assert not isinstance(found, list)
        assert found.label == "high"

    def test_a_long_sound_is_joined_from_windows(self, sound_model: Path, tmp_path: Path) -> None:
        samples = small.tone(1500.0, 2.7, seed=1)  # of 1 s windows
        soundfile.write(tmp_path / "long.wav", samples, small.RATE_HZ)
        found = topwork.load(sound_model).predict(tmp_path / "long.wav")
        assert not isinstance(found, list)
        assert found.label == "high"

    def test_the_features_are_a_table(self, sounds: Path, tmp_path: Path) -> None:
        written = write_features(
            sounds, tmp_path, backbone=small.tiny_sound_backbone(), pools=("mean", "grid3")
        )
        table = pq.read_table(written.path)
        assert table.num_rows == 24
        assert [n for n in table.column_names if "/" in n] == [
            "2/mean", "2/grid3", "4/mean", "4/grid3",
        ]  # fmt: skip


class TestTexts:
    def test_a_table_becomes_a_model_of_texts(self, text_model: Path) -> None:
        model = topwork.load(text_model)
        assert model.classes == ("cards", "weather")
        one = model.predict("my card has not arrived")
        assert not isinstance(one, list)
        assert one.label == "cards"
        many = model.predict(["rain and wind", "rain and wind " * 200, ""])
        assert isinstance(many, list)
        assert [p.label for p in many[:2]] == ["weather", "weather"]
        assert many[2].error == "the text is empty"
        with pytest.raises(ExampleError, match="the text is empty"):
            model.predict_proba(["", "rain"])

    def test_an_array_of_texts_is_a_list_of_them(self, text_model: Path) -> None:
        found = topwork.load(text_model).predict(np.array(["my card is lost", "rain and wind"]))
        assert isinstance(found, list)
        assert [one.label for one in found] == ["cards", "weather"]

    def test_its_folder_carries_the_tokenizer(self, text_model: Path, tmp_path: Path) -> None:
        assert (text_model / "tokenizer.json").is_file()
        spec = topwork.load(text_model).backbone.input
        assert spec.modality == "text"
        assert spec.tokenizer == text_model / "tokenizer.json"

    def test_tables_files_lines_and_words_on_the_command_line(
        self, text_model: Path, texts: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "note.txt").write_text("a storm with snow", encoding="utf-8")
        run = CliRunner().invoke(
            app,
            ["predict", str(text_model), str(tmp_path / "note.txt"), str(texts), "my card is lost",
             "-", "--format", "jsonl"],
            input="sun and rain\n",
        )  # fmt: skip
        assert run.exit_code == 0, run.output
        rows = [json.loads(line) for line in run.stdout.splitlines()]
        assert len(rows) == 1 + 12 + 1 + 1
        assert rows[0]["label"] == "weather"
        assert rows[-2]["label"] == "cards"
        assert rows[-1]["label"] == "weather"

    def test_a_word_that_is_no_file_is_not_taken_for_a_text(self, text_model: Path) -> None:
        run = CliRunner().invoke(app, ["predict", str(text_model), "ticket.csv"])
        assert run.exit_code == 3
        assert "ticket.csv" in run.output

    def test_the_estimator_takes_texts(self, texts: Path) -> None:
        sentences = [text for topic in small.TOPICS.values() for text in topic]
        labels = [0] * 6 + [1] * 6
        fitted = TransferClassifier(small.tiny_text_backbone()).fit(sentences, labels)
        assert (fitted.predict(sentences) == labels).mean() > 0.9


class TestArrays:
    def backbone(self) -> Backbone:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            module = torch.nn.Sequential(torch.nn.Conv1d(2, 8, 5), torch.nn.ReLU())
        return topwork.from_module(module, blocks=["1"], input=ArrayInput(shape=(2, 40)))

    def data(self) -> tuple[npt.NDArray[np.float32], list[str]]:
        rng = np.random.default_rng(0)
        waves = np.sin(np.arange(40) * np.array([0.3, 1.1])[:, None])
        arrays = [waves[k] + rng.normal(0, 0.3, (2, 40)) for k in (0, 1) for _ in range(10)]
        return np.array(arrays, np.float32), ["slow"] * 10 + ["fast"] * 10

    def test_arrays_in_memory(self, tmp_path: Path) -> None:
        arrays, labels = self.data()
        model = train(arrays, labels, backbone=self.backbone(), num_repeats=1)
        assert model.evaluation is not None
        assert model.evaluation.accuracy.value > 0.9
        one = model.predict(arrays[0])
        assert not isinstance(one, list)
        assert one.label == "slow"
        found = model.predict(arrays)
        assert isinstance(found, list)
        assert len(found) == 20
        model.save(tmp_path / "model")
        again = topwork.load(tmp_path / "model").predict_proba(arrays)
        np.testing.assert_allclose(again, model.predict_proba(arrays), atol=1e-6)

    def test_arrays_in_files(self, tmp_path: Path) -> None:
        arrays, labels = self.data()
        np.savez(tmp_path / "all.npz", x=arrays, y=np.array(labels))
        model = train(tmp_path / "all.npz", backbone=self.backbone(), num_repeats=1)
        np.save(tmp_path / "one.npy", arrays[-1])
        one = model.predict(tmp_path / "one.npy")
        assert not isinstance(one, list)
        assert one.label == "fast"

    def test_without_a_backbone_there_is_none_to_take(self, tmp_path: Path) -> None:
        arrays, labels = self.data()
        np.savez(tmp_path / "all.npz", x=arrays, y=np.array(labels))
        with pytest.raises(topwork.SettingError, match="from_module"):
            train(tmp_path / "all.npz")


class TestKindsThatDoNotGoTogether:
    def test_a_backbone_of_another_kind_is_refused(self, sounds: Path, texts: Path) -> None:
        with pytest.raises(ModalityError, match=r"sounds, .* 'tiny' takes images"):
            train(sounds, backbone=small.tiny_backbone())
        with pytest.raises(ModalityError, match=r"texts, .* 'tiny sound' takes sounds"):
            train(texts, backbone=small.tiny_sound_backbone())

    def test_a_model_is_not_judged_on_another_kind(self, tiny_model: Model, sounds: Path) -> None:
        with pytest.raises(ModalityError, match="does not help with sounds"):
            tiny_model.evaluate(sounds)

    def test_a_mixed_folder_is_refused(self, sounds: Path, tmp_path: Path) -> None:
        small.write_folder(tmp_path / "mixed", small.digit_pictures(10))
        small.write_sounds(tmp_path / "mixed" / "more", 10)
        with pytest.raises(ModalityError, match=r"30 .*image|image.* 30"):
            train(tmp_path / "mixed")
