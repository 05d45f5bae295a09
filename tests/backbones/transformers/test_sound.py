"""Backbones for sounds from folders: their weights, and what their extractors' settings become."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from tests.backbones import folders
from topwork.backbones.registry import get_backbone
from topwork.backbones.transformers.sound import SPEECH_INPUT
from topwork.errors import BackboneError, WeightsError
from topwork.examples.sounds.preprocessing import SoundInput


def sound_input(name: str | Path) -> SoundInput:
    spec = get_backbone(name).input
    assert isinstance(spec, SoundInput)
    return spec


def edit(folder: Path, file: str, **changes: Any) -> None:
    path = folder / file
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_speech_embedding_centres_a_window_on_every_moment() -> None:
    assert sound_input("speech-embedding") == SPEECH_INPUT
    assert (SPEECH_INPUT.rate_hz, SPEECH_INPUT.scale) == (16000, 32767.0)
    assert SPEECH_INPUT.min_samples - SPEECH_INPUT.overlap_samples == SPEECH_INPUT.step_samples
    assert 2 * SPEECH_INPUT.margin_samples == SPEECH_INPUT.min_samples
    assert (SPEECH_INPUT.max_samples - SPEECH_INPUT.min_samples) % SPEECH_INPUT.step_samples == 0


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert"])
def test_a_folder_gives_its_own_weights(kind: str, tmp_path: Path) -> None:
    model = folders.sound_folder(tmp_path, kind)
    backbone = get_backbone(tmp_path)
    samples = torch.randn(1, 3200)
    with torch.inference_mode():
        wanted = model(samples).last_hidden_state
    found = folders.outputs(backbone.build(), samples)[-1]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    random = get_backbone(f"{tmp_path}?pretrained=false&seed=1")
    assert random.digest != backbone.digest
    assert random.card.num_pretraining_examples == 0
    assert not torch.allclose(folders.outputs(random.build(), samples)[-1], wanted, atol=1e-3)


def test_a_head_of_its_own_training_is_passed_over(tmp_path: Path) -> None:
    folders.sound_folder(tmp_path, "wav2vec2")
    config = transformers.Wav2Vec2Config(**folders.WAVES, vocab_size=32)
    model = folders.make(config, transformers.Wav2Vec2ForCTC)
    model.save_pretrained(tmp_path)
    samples = torch.randn(1, 3200)
    with torch.inference_mode():
        wanted = model.wav2vec2(samples).last_hidden_state
    found = folders.outputs(get_backbone(tmp_path).build(), samples)[-1]
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_whispers_encoder_is_taken_out_of_the_whole(tmp_path: Path) -> None:
    whole = folders.sound_folder(tmp_path, "whisper")
    state = get_backbone(tmp_path).build().module.model.state_dict()  # type: ignore[union-attr]
    wanted = whole.encoder.state_dict()
    assert sorted(state) == sorted(wanted)
    assert all(torch.equal(state[key], wanted[key]) for key in wanted)


def test_clap_gives_its_audio_half(tmp_path: Path) -> None:
    audio = {
        "num_mel_bins": 16, "spec_size": 64, "patch_size": 4, "patch_stride": [4, 4],
        "window_size": 4, "depths": [1, 1], "num_attention_heads": [2, 4], "hidden_size": 32,
        "patch_embeds_hidden_size": 16, "num_classes": 3,
    }  # fmt: skip
    text = {"num_hidden_layers": 1, "hidden_size": 32, "num_attention_heads": 4, "vocab_size": 40}
    config = transformers.ClapConfig(audio_config=audio, text_config=text)
    model = folders.make(config)
    model.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text('{"nb_max_samples": 480000}')
    state = get_backbone(tmp_path).build().module.model.state_dict()  # type: ignore[union-attr]
    wanted = model.audio_model.state_dict()
    assert all(torch.equal(state[key], wanted[key]) for key in wanted)
    spec = sound_input(tmp_path)
    assert (spec.rate_hz, spec.max_samples) == (48000, 480000)
    assert (spec.extractor or {})["feature_extractor_type"] == "ClapFeatureExtractor"
    edit(tmp_path, "config.json", audio_config={**audio, "enable_fusion": True})
    with pytest.raises(BackboneError, match="CLAP joins views"):
        get_backbone(tmp_path)


def test_missing_tensors_are_named(tmp_path: Path) -> None:
    folders.sound_folder(tmp_path, "wav2vec2")
    edit(tmp_path, "config.json", num_hidden_layers=3)
    with pytest.raises(WeightsError, match=r"missing \(encoder\.layers\.2"):
        get_backbone(tmp_path).build()


def test_the_extractors_settings_become_the_input(tmp_path: Path) -> None:
    folders.sound_folder(tmp_path, "wav2vec2")
    spec = sound_input(tmp_path)
    assert (spec.rate_hz, spec.min_samples, spec.step_samples) == (16000, 1600, 1600)
    assert (spec.max_samples, spec.normalise, spec.extractor) == (320000, True, None)
    edit(tmp_path, "preprocessor_config.json", do_normalize=False)
    assert not sound_input(tmp_path).normalise


def test_networks_of_spectrograms_say_their_extractor(tmp_path: Path) -> None:
    folders.sound_folder(tmp_path / "whisper", "whisper")
    edit(tmp_path / "whisper", "preprocessor_config.json", mel_filters=[[1.0]], processor_class="P")
    spec = sound_input(tmp_path / "whisper")
    assert spec.extractor == {
        "sampling_rate": 16000, "feature_size": 80,
        "feature_extractor_type": "WhisperFeatureExtractor",
    }  # fmt: skip
    assert spec.max_samples == 2 * 160 * 50
    folders.sound_folder(tmp_path / "ast", "audio-spectrogram-transformer")
    spec = sound_input(tmp_path / "ast")
    assert spec.max_samples == 63 * 160 + 400


def test_an_extractor_must_be_there(tmp_path: Path) -> None:
    folders.sound_folder(tmp_path, "hubert")
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(WeightsError, match=r"has no preprocessor_config\.json"):
        get_backbone(tmp_path)
