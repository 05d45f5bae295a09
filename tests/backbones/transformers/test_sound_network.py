"""Networks for sounds: every layer as transformers gives it, traced with any length."""

import json
from typing import Any

import pytest
import torch
import transformers

from tests.backbones import folders
from topwork.backbones.base import Network
from topwork.backbones.transformers.encoders import clean_config
from topwork.backbones.transformers.sound_network import build_sound
from topwork.errors import BackboneError
from topwork.examples.sounds.preprocessing import SoundInput

SOUND = SoundInput(rate_hz=16000, min_samples=1600, step_samples=1600, max_samples=320000)
STABLE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer"}


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def build(model: Any, config: Any = None, state: Any = None) -> Network:
    plain = clean_config(json.loads((config or model.config).to_json_string()), "tiny")
    network = build_sound({"config": plain}, SOUND, name="tiny")
    network.module.model.load_state_dict(state or model.state_dict())  # type: ignore[union-attr]
    return network


@pytest.mark.parametrize(
    ("kind", "more", "front"),
    [
        ("wav2vec2", {}, True),
        ("wav2vec2", STABLE, True),
        ("hubert", {"feat_proj_layer_norm": False}, False),
        ("wavlm", STABLE, True),
        ("unispeech-sat", {}, True),
        ("data2vec-audio", {"conv_pos_kernel_size": 5, "num_conv_pos_embeddings": 2}, True),
        ("sew", {"conv_dim": [16] * 13}, True),
    ],
)
def test_networks_of_samples_give_their_hidden_states(
    kind: str, more: dict[str, Any], front: bool
) -> None:
    config = transformers.AutoConfig.for_model(kind, **{**folders.WAVES, **more})
    model = folders.make(config)
    network = build(model)
    windows = noise(2, 4800)
    with torch.inference_mode():
        out = model(windows, output_hidden_states=True)
    found = folders.outputs(network, windows)[int(front) :]
    wanted = list(out.hidden_states)
    if len(found) > len(wanted):  # the norm, or the return to the convolutions' rate
        wanted.append(out.last_hidden_state)
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[-1], out.last_hidden_state, rtol=1e-4, atol=1e-4)
    assert (network.layout, network.any_length, network.num_prefix_tokens) == ("NLC", True, 0)


@pytest.mark.parametrize("kind", ["wav2vec2", "wavlm"])
def test_openvino_agrees_at_any_length(kind: str) -> None:
    sizes = {**folders.WAVES, "num_hidden_layers": 1}
    network = build(folders.make(transformers.AutoConfig.for_model(kind, **sizes)))
    assert folders.converted(network, noise(1, 1600), [noise(1, 3200), noise(2, 8000)]) < 1e-4


def test_whispers_encoder_takes_windows_of_any_length_and_its_own_as_published() -> None:
    config = folders.config_of("whisper")
    model = folders.make(config).encoder.eval()
    network = build(model, config)
    whole = noise(2, 100, 80)
    with torch.inference_mode():
        wanted = model(whole.transpose(1, 2), output_hidden_states=True)
    found = folders.outputs(network, whole)
    assert len(found) == 4
    for ours, theirs in zip(found, wanted.hidden_states, strict=False):
        if theirs is not wanted.hidden_states[-1]:
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[-1], wanted.last_hidden_state, rtol=1e-4, atol=1e-4)
    assert network.any_length
    assert folders.converted(network, noise(1, 10, 80), [noise(1, 30, 80), whole]) < 1e-4


def test_the_spectrogram_transformer_has_two_tokens_of_its_own() -> None:
    model = folders.make(folders.config_of("audio-spectrogram-transformer"))
    network = build(model)
    windows = noise(2, 64, 32)
    with torch.inference_mode():
        out = model(windows, output_hidden_states=True)
    found = folders.outputs(network, windows)
    for ours, theirs in zip(found, [*out.hidden_states, out.last_hidden_state], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
    assert (network.num_prefix_tokens, network.any_length) == (2, False)
    assert folders.converted(network, windows[:1], [windows]) < 1e-4


def test_the_audio_half_of_clap_is_taken() -> None:
    audio = {
        "num_mel_bins": 16, "spec_size": 64, "patch_size": 4, "patch_stride": [4, 4],
        "window_size": 4, "depths": [1, 1], "num_attention_heads": [2, 4], "hidden_size": 32,
        "patch_embeds_hidden_size": 16, "num_classes": 3, "enable_fusion": False,
    }  # fmt: skip
    config = transformers.ClapConfig(
        audio_config=audio, text_config={"num_hidden_layers": 1, "hidden_size": 32}
    )
    model = folders.make(config.audio_config, transformers.ClapAudioModel)
    network = build(model, config)
    windows = noise(2, 1, 256, 16)
    with torch.inference_mode():
        out = model(input_features=windows, output_hidden_states=True)
    found = folders.outputs(network, windows)
    assert [f.shape[2] for f in found] == [16, 32, 32]
    for ours, theirs in zip(found, out.hidden_states, strict=False):
        if ours is not found[-1]:
            torch.testing.assert_close(ours, theirs.flatten(2).mT, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found[-1].mean(1), out.pooler_output, rtol=1e-4, atol=1e-4)
    assert not network.any_length
    assert folders.converted(network, windows[:1], []) < 1e-4


@pytest.mark.parametrize("kind", ["wav2vec2", "hubert", "wavlm", "unispeech-sat", "data2vec-audio"])
def test_in_training_every_layer_runs_on_all_of_the_sound(kind: str) -> None:
    config = transformers.AutoConfig.for_model(
        kind, **folders.WAVES, layerdrop=1.0, mask_time_prob=0.9, hidden_dropout=0.0,
        attention_dropout=0.0, activation_dropout=0.0, feat_proj_dropout=0.0,
    )  # fmt: skip
    network = build(folders.make(config))
    windows = noise(2, 1600)
    wanted = network.module(windows)
    network.module.train()
    torch.testing.assert_close(network.module(windows), wanted, rtol=1e-4, atol=1e-4)


def test_another_kind_is_named() -> None:
    with pytest.raises(BackboneError, match=r"'encodec'.*; accepted for sounds"):
        build_sound({"config": {"model_type": "encodec"}}, SOUND, name="a/b")


def test_windows_too_short_are_refused() -> None:
    short = SoundInput(rate_hz=16000, min_samples=100, max_samples=320000)
    config = transformers.AutoConfig.for_model("wav2vec2", **folders.WAVES)
    plain = clean_config(json.loads(config.to_json_string()), "tiny")
    with pytest.raises(BackboneError, match="does not run on 100 samples"):
        build_sound({"config": plain}, short, name="tiny")
