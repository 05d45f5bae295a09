"""Tiny random networks of transformers, in folders as the hub has them."""

import functools
import json
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openvino
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from topwork.backbones.base import Network

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz")

SIZES = {
    "vocab_size": 40,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
}
OTHER_NAMES = {
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 48},
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64},
    "bloom": {"n_layer": 2, "n_head": 4},
    "t5": {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4},
    "deberta-v2": {
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
    },
    "modernbert": {
        "local_attention": 48,
        "global_attn_every_n_layers": 2,
        "cls_token_id": 2,
        "sep_token_id": 3,
        "bos_token_id": 2,
        "eos_token_id": 3,
    },
    "qwen3": {"num_key_value_heads": 2, "head_dim": 8},
    "llama": {"num_key_value_heads": 2},
    "albert": {"embedding_size": 16},
}
WAVES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "conv_dim": [16] * 7,
}
SOUNDS: dict[str, dict[str, Any]] = {
    "whisper": {
        "d_model": 32,
        "encoder_layers": 2,
        "encoder_attention_heads": 4,
        "encoder_ffn_dim": 48,
        "decoder_layers": 1,
        "decoder_attention_heads": 4,
        "decoder_ffn_dim": 48,
        "num_mel_bins": 80,
        "max_source_positions": 50,
        "vocab_size": 60,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 1,
    },
    "audio-spectrogram-transformer": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "max_length": 64,
        "num_mel_bins": 32,
    },
}
EXTRACTORS = {
    "whisper": {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80},
    "audio-spectrogram-transformer": {
        "feature_extractor_type": "ASTFeatureExtractor",
        "max_length": 64,
        "num_mel_bins": 32,
    },
}


def make(config: Any, kind: Any = None, seed: int = 0) -> Any:
    """Return a seeded random model in eval mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = transformers.AutoModel.from_config(config) if kind is None else kind(config)
    return made.eval()


def config_of(kind: str, **changes: Any) -> Any:
    own = SOUNDS.get(kind) or ({**SIZES, **OTHER_NAMES.get(kind, {})})
    return transformers.AutoConfig.for_model(kind, **{**own, **changes})


def write_tokenizer(folder: Path, *, prefix: bool = True) -> Path:
    """Write a tokenizer of letters, which adds [CLS] and [SEP] if it has a prefix."""
    vocab = {word: i for i, word in enumerate(WORDS)}
    made = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    if prefix:
        made.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    folder.mkdir(parents=True, exist_ok=True)
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]",
                    "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"})
    )  # fmt: skip
    return folder / "tokenizer.json"


def text_folder(folder: Path, kind: str = "bert", *, prefix: bool = True, **changes: Any) -> Any:
    """Write a network for texts with its tokenizer; return the network."""
    model = make(config_of(kind, **changes))
    model.save_pretrained(folder)
    write_tokenizer(folder, prefix=prefix)
    return model


def sound_folder(folder: Path, kind: str, **changes: Any) -> Any:
    """Write a network for sounds with its extractor's settings; return the network."""
    if kind in SOUNDS:
        config = config_of(kind, **changes)
    else:
        config = transformers.AutoConfig.for_model(kind, **{**WAVES, **changes})
    model = make(config)
    model.save_pretrained(folder)
    said = EXTRACTORS.get(kind, {"feature_extractor_type": "Wav2Vec2FeatureExtractor"})
    (folder / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 16000, **said}))
    return model


def outputs(network: Network, windows: torch.Tensor) -> list[torch.Tensor]:
    """Return what the blocks give."""
    found: dict[str, torch.Tensor] = {}
    modules = dict(network.module.named_modules())
    handles = [
        modules[block].register_forward_hook(
            lambda _m, _i, output, block=block: found.__setitem__(block, output)
        )
        for block in network.blocks
    ]
    with torch.inference_mode():
        network.module(windows)
    for handle in handles:
        handle.remove()
    return [found[block] for block in network.blocks]


@functools.cache
def core() -> Any:
    return openvino.Core()


def converted(
    network: Network,
    example: torch.Tensor,
    others: list[torch.Tensor],
    first: Sequence[torch.Tensor] = (),
) -> float:
    """Return how far OpenVINO is from torch, relative, on windows of other numbers and lengths."""
    kind = openvino.Type.i64 if example.dtype == torch.int64 else openvino.Type.f32
    shape = [-1, -1 if network.any_length else example.shape[1], *example.shape[2:]]
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the tracer: what is traced is checked below
        model = openvino.convert_model(network.module, example_input=example, input=[(shape, kind)])
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    compiled = core().compile_model(model, "CPU", options)
    worst = 0.0
    for windows in (*first, example, *others):
        with torch.inference_mode():
            wanted = network.module(windows).numpy()
        got = compiled(windows.numpy())[0]
        worst = max(worst, float(abs(got - wanted).max() / abs(wanted).max()))
    return worst
