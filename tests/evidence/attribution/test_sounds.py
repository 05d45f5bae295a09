"""The moments of a sound against the tone that decides."""

from pathlib import Path

import numpy as np
import pytest

from tests import small
from topwork.errors import ExampleError, ModalityError, SettingError
from topwork.evidence.attribution.sounds import (
    BANDS,
    MAX_COLUMNS,
    draw_spectrogram,
    moments,
    picture,
)
from topwork.examples.sounds.sound import Sound
from topwork.model.model import Model
from topwork.runs.train import train


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = small.write_sounds(tmp_path_factory.mktemp("sounds") / "train")
    return train(folder, backbone=small.tiny_sound_backbone(), num_repeats=1)


def sound_of(samples: np.ndarray) -> Sound:
    return Sound(samples=samples.astype(np.float32), rate_hz=small.RATE_HZ)


def test_the_moment_of_the_tone_has_the_most_weight(model: Model) -> None:
    quiet = np.random.default_rng(0).normal(0, 0.005, 6400)
    quiet[2400:4000] += small.tone(1500.0, 0.2)
    found = moments(model, sound_of(quiet), "high")
    assert found.seconds == pytest.approx(0.8)
    assert found.times.shape == (len(found.weights), 2)
    assert found.times[0, 0] == 0
    assert found.times[-1, 1] == pytest.approx(0.8)
    assert (found.times[1:, 0] == found.times[:-1, 1]).all()
    middles = found.times.mean(1)
    inside = (middles > 0.3) & (middles < 0.5)
    assert inside[found.weights.argmax()]
    far = (middles < 0.22) | (middles > 0.58)
    assert found.weights[inside].mean() > 3 * np.abs(found.weights[far]).mean()
    again = moments(model, sound_of(quiet), "high")
    assert (again.weights == found.weights).all()


def test_the_answer_is_the_models_own(model: Model) -> None:
    sound = sound_of(small.tone(300.0, seed=90))
    said = model.predict(sound)
    found = moments(model, sound)
    assert found.label == said.label == "low"  # type: ignore[union-attr]
    assert found.probability == pytest.approx(said.probability, abs=1e-5)  # type: ignore[union-attr]


@pytest.mark.parametrize("hz", [200.0, 1000.0, 3000.0])
def test_a_tone_stands_at_its_height_and_time(hz: float) -> None:
    samples = np.zeros(8000, np.float32)
    samples[4000:] = np.sin(2 * np.pi * hz * np.arange(4000) / 8000)
    shown = draw_spectrogram(samples, 8000)
    assert shown.shape[0] == BANDS
    light = shown.astype(int).sum(2)
    half = light.shape[1] // 2
    assert light[:, : half - 8].max() < light[:, half + 8 :].max() / 4
    mel = 2595 * np.log10(1 + np.array([40.0, hz, 4000.0]) / 700)
    wanted = (1 - (mel[1] - mel[0]) / (mel[2] - mel[0])) * BANDS
    assert abs(light[:, half + 8 : -8].sum(1).argmax() - wanted) <= 1.5


@pytest.mark.parametrize("seconds", [0.01, 0.05, 0.31, 70.0])
def test_any_length_is_answered(model: Model, seconds: float) -> None:
    found = moments(model, sound_of(small.tone(300.0, seconds)))
    assert np.isfinite(found.weights).all()
    assert found.seconds == pytest.approx(min(seconds, 60.0))
    assert 1 <= found.spectrogram.shape[1] <= MAX_COLUMNS + 8
    drawn = picture(found, scale=1)
    assert drawn.width == found.spectrogram.shape[1]


def test_silence_and_stereo(model: Model) -> None:
    found = moments(model, sound_of(np.zeros((1600, 2))))
    assert np.allclose(found.weights, 0, atol=1e-4)
    assert picture(found).height > BANDS


def test_what_cannot_be_asked_is_said(model: Model, tiny_model: Model, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="The label is 'middle'"):
        moments(model, sound_of(small.tone(300.0)), "middle")
    with pytest.raises(ModalityError, match="takes images"):
        moments(tiny_model, sound_of(small.tone(300.0)))
    (tmp_path / "a.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(ExampleError):
        moments(model, tmp_path / "a.wav")
