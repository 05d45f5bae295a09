"""transformers networks for sounds.

Four kinds: of samples (wav2vec 2.0 and its relatives), and of spectrograms, time first: Whisper's
encoder, on windows of any length instead of its 30 s; AST; CLAP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from topwork.backbones.base import Network
from topwork.backbones.transformers.encoders import build_model, tapped_blocks
from topwork.backbones.weights import Weights
from topwork.errors import BackboneError
from topwork.examples.sounds.preprocessing import SoundInput

if TYPE_CHECKING:
    import torch

OF_SAMPLES = frozenset(
    ("wav2vec2", "hubert", "wavlm", "unispeech", "unispeech-sat", "data2vec-audio", "sew")
)
AST, CLAP, CLAP_AUDIO = "audio-spectrogram-transformer", "clap", "clap_audio_model"
WHISPER = "whisper"
SOUND_TYPES = OF_SAMPLES | {AST, CLAP, CLAP_AUDIO, WHISPER}

FRONT = ("feature_projection.layer_norm", "layer_norm")
"""What the convolutions over the samples give, normalised [N, L, C], where a network has it."""


def build_sound(
    architecture: Mapping[str, Any],
    sound: SoundInput,
    *,
    name: str,
    weights: Weights | None = None,
    seed: int = 0,
) -> Network:
    """Build a transformers model for sounds, with weights or with random ones of this seed.

    Raises:
        BackboneError: transformers has no such model, or it is not one of those for sounds.
        WeightsError: the weights are not those of this model.
    """
    config = architecture["config"]
    kind = config.get("model_type")
    if kind not in SOUND_TYPES:
        raise BackboneError(
            f"The backbone {name!r} is a {kind!r} of transformers; accepted for sounds: "
            f"{', '.join(sorted(SOUND_TYPES))}. Take another backbone."
        )
    model = build_model(
        config,
        name=name,
        find_class=CLASSES.get(kind),
        find_part=(lambda whole: whole.audio_config) if kind == CLAP else None,
        rename=RENAMES.get(kind),
        weights=weights,
        seed=seed,
    )
    _run_whole_in_training(model)
    module = _make_module(model, str(kind))
    return Network(
        module=module,
        blocks=_name_blocks(module, sound, name),
        layout="NLC",
        num_prefix_tokens=2 if kind == AST else 0,
        any_length=kind in OF_SAMPLES or kind == WHISPER,
    )


def _whisper_encoder(_config: Any) -> type:
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    return WhisperEncoder


def _clap_audio(_config: Any) -> type:
    from transformers import ClapAudioModel

    return ClapAudioModel


def _of_whisper_encoder(key: str) -> str | None:
    key = key.removeprefix("model.")
    return key.removeprefix("encoder.") if key.startswith("encoder.") else None


def _of_clap_audio(key: str) -> str | None:
    key = key.removeprefix("audio_model.")
    return key if key.startswith("audio_encoder.") else None


CLASSES = {WHISPER: _whisper_encoder, CLAP: _clap_audio, CLAP_AUDIO: _clap_audio}
RENAMES = {WHISPER: _of_whisper_encoder, CLAP: _of_clap_audio, CLAP_AUDIO: _of_clap_audio}


def _run_whole_in_training(model: torch.nn.Module) -> None:
    """Keep training from leaving out layers, or moments of the sound.

    Each block must run to be heard. The moments are drawn from NumPy's own chance, which no seed
    of ours reaches, and a sound shorter than one stretch of them is an error; `mask` among the
    views (sound_views.py) does the same, repeatably.
    """
    for part in model.modules():
        config: Any = getattr(part, "config", None)
        if hasattr(config, "mask_time_prob"):
            config.apply_spec_augment = False
        for owner in (config, part):
            if isinstance(getattr(owner, "layerdrop", None), float):
                owner.layerdrop = 0.0


def _make_module(model: torch.nn.Module, kind: str) -> Any:
    """Return a module whose `states` gives what is told of each layer, the last one being new."""
    from torch import nn

    class SoundEncoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model: Any = model
            self.taps = nn.ModuleDict()

        def states(self, windows: torch.Tensor) -> list[torch.Tensor]:
            if kind == WHISPER:
                return self._whisper(windows)
            if kind in (CLAP, CLAP_AUDIO):
                out = self.model(input_features=windows)
                return [out.last_hidden_state]
            out = self.model(windows, output_hidden_states=True)
            return [*out.hidden_states, out.last_hidden_state]

        def _whisper(self, windows: torch.Tensor) -> list[torch.Tensor]:
            """Whisper's own forward, but for positions: those of a window's own length."""
            at_once = nn.functional.gelu(self.model.conv1(windows.transpose(1, 2)))
            states = [nn.functional.gelu(self.model.conv2(at_once)).transpose(1, 2)]
            states[0] = states[0] + self.model.embed_positions.weight[: states[0].shape[1]]
            for layer in self.model.layers:
                states.append(layer(states[-1], None))
            return [*states, self.model.layer_norm(states[-1])]

        def forward(self, windows: torch.Tensor) -> torch.Tensor:
            states = self.states(windows)
            for place, tap in self.taps.items():
                tap(states[int(place)])
            return states[-1]

    return SoundEncoder().eval()


def _name_blocks(module: Any, sound: SoundInput, name: str) -> tuple[str, ...]:
    """Name the blocks, adding taps where no submodule gives a layer's output."""
    import torch

    modules = dict(module.model.named_modules())
    if "audio_encoder" in modules:  # CLAP: the stages give more than a tensor
        stages = [n for n in modules if n.endswith(".downsample")]
        return tuple(
            f"model.{block}"
            for block in ("audio_encoder.patch_embed", *stages, "audio_encoder.norm")
        )
    states: list[torch.Tensor] = []

    def run() -> list[torch.Tensor]:
        states.extend(module.states(_probe(module.model.config, sound)))
        if states[-1].shape == states[-2].shape and torch.equal(states[-1], states[-2]):
            del states[-1]
        return states

    layers = tapped_blocks(
        module,
        run,
        failed=f"The backbone {name!r} does not run on {sound.min_samples} samples",
        advice="Take another backbone.",
    )
    fronts = [f"model.{front}" for front in FRONT if front in modules][:1]
    return (*(fronts if module.model.config.model_type in OF_SAMPLES else ()), *layers)


def _probe(config: Any, sound: SoundInput) -> torch.Tensor:
    """Return noise of the shape of a short window."""
    import torch

    chance = torch.Generator().manual_seed(0)
    if config.model_type == AST:
        return torch.randn(1, config.max_length, config.num_mel_bins, generator=chance)
    if config.model_type == WHISPER:
        return torch.randn(1, 8, config.num_mel_bins, generator=chance)
    return torch.randn(1, sound.min_samples, generator=chance)
