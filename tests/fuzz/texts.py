"""Mutated texts: plain ones, recipes, tokenizers, configurations.

Right is an answer or a refusal. Wrong is a plain text that is not the beginning of the one that
was cut off. The others say by themselves what they mean, and cannot be wrong.
"""

import json
import shutil
from pathlib import Path
from random import Random

import numpy as np
from safetensors.numpy import save_file

from tests.fuzz.judge import Attempt, Judge, WrongAnswer
from tests.fuzz.mutations import Mutant, forge, mutate
from topwork.backbones.registry import get_backbone
from topwork.core.digests import digest_file
from topwork.examples.contents import read_text
from topwork.examples.texts.preprocessing import TextInput
from topwork.examples.texts.tokens import text_windows
from topwork.recipe import Recipe

TEXT = "Where is my card, asked the café's owner. It rains… ☃\n" * 20
LEVELS = (50, 2_000, 100_000)


def begin(folder: Path) -> Judge:
    """Make the good texts, and return what tries a mutant of one."""
    made = good_texts()
    for kind in ("timm", "bert", "wav2vec2"):
        (folder / kind).mkdir(exist_ok=True)
        save_file({"conv1.weight": np.ones(3, np.float32)}, folder / kind / "model.safetensors")
        for file in ("tokenizer.json", "preprocessor_config.json"):
            (folder / kind / file).write_bytes(made[file])

    def judge(rng: Random, _seed: int) -> Attempt:
        name = rng.choice(list(made))
        mutant = _mutant(made[name], rng)
        path = folder / name
        path.write_bytes(mutant.data)
        return lambda: _read(path, mutant)

    return judge


def _read(path: Path, mutant: Mutant) -> str:
    if path.suffix == ".toml":
        Recipe.read(path)
    elif path.name == "preprocessor_config.json":
        shutil.copy(path, path.parent / "wav2vec2")
        get_backbone(path.parent / "wav2vec2")
    elif path.name == "config.json":
        get_backbone(path.parent)
    elif path.suffix == ".json":
        form = TextInput(tokenizer=path, tokenizer_digest=digest_file(path), max_tokens=16)
        text_windows(TEXT, form)
    else:
        found = read_text(path)
        if mutant.how == "cut" and not TEXT.startswith(found) and path.stem != "old":
            raise WrongAnswer(f"{path.name}, cut at {mutant.start}: {found[-20:]!r}")
        return "same" if found == TEXT else "other"
    return "other"


def _mutant(data: bytes, rng: Random) -> Mutant:
    if data[:1] == b"{" and rng.randrange(6) == 0:
        levels = rng.choice(LEVELS)
        place = data.index(b":") + 1
        deep = b"[" * levels + b"]" * levels + b', "x": '
        return Mutant(data=data[:place] + deep + data[place:], how="deep", start=place)
    if data[:1] == b"{" and rng.randrange(2):
        plain = json.loads(data)
        forge(plain, rng)
        return Mutant(data=json.dumps(plain).encode(), how="forged", start=0)
    return mutate(data, rng)


def good_texts() -> dict[str, bytes]:
    """Return a text in three encodings, a recipe, a tokenizer and configurations, by name."""
    words = {word: i for i, word in enumerate(["[UNK]", "[CLS]", "[SEP]", *"abcdefghij", "my"])}
    tokenizer = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]},
        "decoder": None,
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": words,
        },
    }  # fmt: skip
    timm = {"architecture": "resnet18", "num_classes": 3, "num_features": 512,
              "pretrained_cfg": {"input_size": [3, 64, 64], "mean": [0.5, 0.5, 0.5],
                                 "std": [0.5, 0.5, 0.5], "interpolation": "bicubic"}}  # fmt: skip
    bert = {"model_type": "bert", "vocab_size": 14, "max_position_embeddings": 64,
            "hidden_size": 32, "num_hidden_layers": 2, "pad_token_id": 0}  # fmt: skip
    wave = {"model_type": "wav2vec2", "hidden_size": 32, "num_hidden_layers": 2}
    extractor = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 16_000,
                 "do_normalize": True, "feature_size": 1}  # fmt: skip
    recipe = Recipe().with_settings({"train": "last:2", "epochs": 3, "label_column": "kind"})
    return {
        "plain.txt": TEXT.encode(),
        "wide.txt": TEXT.encode("utf-16"),
        "old.txt": TEXT.replace("☃", "").encode("cp1252"),
        "recipe.toml": recipe.to_toml().encode(),
        "tokenizer.json": json.dumps(tokenizer).encode(),
        "preprocessor_config.json": json.dumps(extractor).encode(),
        "timm/config.json": json.dumps(timm).encode(),
        "bert/config.json": json.dumps(bert).encode(),
        "wav2vec2/config.json": json.dumps(wave).encode(),
    }
