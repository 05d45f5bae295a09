"""Folders of sentence-transformers, beside the library's own encode."""

import json
from pathlib import Path
from typing import Any

import pytest
import sentence_transformers
import torch
from sentence_transformers import SentenceTransformer

from tests.backbones import folders
from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.backbones.saved.rebuild import card_from, describe_backbone
from topwork.errors import BackboneError, WeightsError

TEXTS = ("a", "a b c", "q w e r t y u i o p")
parts = sentence_transformers.sentence_transformer.modules


def save(tmp_path: Path, pooling: Any, *more: Any) -> SentenceTransformer:
    folders.text_folder(tmp_path / "bert")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        transformer = parts.Transformer(str(tmp_path / "bert"), max_seq_length=32)
        pool = parts.Pooling(32, pooling_mode=pooling)
        made = SentenceTransformer(modules=[transformer, pool, *more], device="cpu")
    made.save(str(tmp_path / "made"))
    return made


def sentence(backbone: Backbone, encoder: SentenceTransformer, text: str) -> torch.Tensor:
    tokens = torch.tensor([encoder.tokenizer(text)["input_ids"]])
    return folders.outputs(backbone.build(), tokens)[-1][0]


@pytest.mark.parametrize(
    "pooling", ["mean", "cls", "max", "lasttoken", "weightedmean", "mean_sqrt_len_tokens",
                ["cls", "mean"]],
    ids=str,
)  # fmt: skip
def test_the_last_block_is_what_its_own_encode_gives(pooling: Any, tmp_path: Path) -> None:
    encoder = save(tmp_path, pooling)
    backbone = get_backbone(tmp_path / "made")
    for text in TEXTS:
        wanted = encoder.encode([text], convert_to_tensor=True)[0]
        torch.testing.assert_close(sentence(backbone, encoder, text), wanted, rtol=1e-4, atol=1e-5)
    assert backbone.input.settings()["max_tokens"] == 32
    assert backbone.build().blocks[-1] == "sentence"


def test_dense_layers_come_with_their_weights_and_the_norm_is_left_out(tmp_path: Path) -> None:
    dense = parts.Dense(32, 8, activation_function=torch.nn.Tanh())
    encoder = save(tmp_path, "mean", dense, parts.Normalize())
    backbone = get_backbone(tmp_path / "made")
    wanted = encoder.encode([TEXTS[1]], convert_to_tensor=True)[0]
    found = sentence(backbone, encoder, TEXTS[1])
    assert found.shape == (8,)
    torch.testing.assert_close(found / found.norm(), wanted, rtol=1e-4, atol=1e-5)
    tokens = torch.randint(4, 30, (2, 9))
    assert folders.converted(backbone.build(), tokens, [tokens[:1, :5]]) < 1e-4
    assert json.loads(json.dumps(describe_backbone(backbone)))["architecture"]["pooling"] == {
        "pools": ["mean"],
        "dense": [{"sizes": [32, 8], "bias": True, "activation": "Tanh"}],
    }
    assert card_from(describe_backbone(backbone)["card"]) == backbone.card


def test_the_older_form_of_a_pooling_is_read(tmp_path: Path) -> None:
    save(tmp_path, "mean")
    (config,) = (tmp_path / "made").glob("*_Pooling/config.json")
    new = get_backbone(tmp_path / "made")
    old = {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True,
           "pooling_mode_cls_token": False}  # fmt: skip
    config.write_text(json.dumps(old))
    assert get_backbone(tmp_path / "made").digest == new.digest


def test_a_pooling_that_is_not_known_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "mean")
    (config,) = (tmp_path / "made").glob("*_Pooling/config.json")
    config.write_text(json.dumps({"pooling_mode": "median"}))
    with pytest.raises(BackboneError, match=r"\['median'\]; accepted: .*cls, last"):
        get_backbone(tmp_path / "made")


def test_modules_that_are_not_known_are_refused(tmp_path: Path) -> None:
    save(tmp_path, "mean")
    path = tmp_path / "made" / "modules.json"
    modules = json.loads(path.read_text())
    path.write_text(json.dumps([*modules, {"type": "evil.Code", "path": "3_Code"}]))
    with pytest.raises(BackboneError, match=r"\['Transformer', 'Pooling', 'Code'\]"):
        get_backbone(tmp_path / "made")
    path.write_text(json.dumps([modules[0], {**modules[1], "path": "../bert"}]))
    with pytest.raises(WeightsError, match="accepted: paths inside it"):
        get_backbone(tmp_path / "made")


def test_a_dense_layer_that_is_not_known_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "mean", parts.Dense(32, 8))
    (config,) = (tmp_path / "made").glob("*_Dense/config.json")
    said = json.loads(config.read_text())
    config.write_text(json.dumps({**said, "activation_function": "os.system"}))
    with pytest.raises(BackboneError, match=r"_Dense' .*'system'; accepted"):
        get_backbone(tmp_path / "made")
    config.write_text(json.dumps({**said, "out_features": 9}))
    with pytest.raises(WeightsError, match="not those of its dense layer"):
        get_backbone(tmp_path / "made").build()
