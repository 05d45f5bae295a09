"""Backbones for texts from folders: their weights, windows, prompts and digests."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.backbones import folders
from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.errors import BackboneError, SettingError, WeightsError
from topwork.examples.texts.preprocessing import TextInput

TOKENS = torch.tensor([[2, 5, 9, 7, 3], [2, 6, 6, 8, 3]])


def text_input(name: str | Path) -> TextInput:
    spec = get_backbone(name).input
    assert isinstance(spec, TextInput)
    return spec


def last(backbone: Backbone) -> torch.Tensor:
    return folders.outputs(backbone.build(), TOKENS)[-1]


def edit(folder: Path, file: str = "config.json", **changes: Any) -> None:
    path = folder / file
    said = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(said | changes))


def rename(folder: Path, change: Any) -> None:
    path = folder / "model.safetensors"
    tensors = {change(key): tensor for key, tensor in load_file(path).items()}
    save_file({key: tensor for key, tensor in tensors.items() if key}, path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folders.text_folder(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_minilm_is_the_mean_of_its_tokens_as_sentence_transformers_has_it() -> None:
    import sentence_transformers

    from topwork.backbones.catalog import MINILM_L6
    from topwork.backbones.embedded import find_embedded

    backbone = get_backbone("minilm-l6")
    folder = find_embedded(MINILM_L6)["config.json"].parent
    encoder = sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    text = "How do I activate my card?"
    wanted = encoder.encode([text], convert_to_tensor=True)[0]
    tokens = torch.tensor([encoder.tokenizer(text)["input_ids"]])
    network = backbone.build()
    found = folders.outputs(network, tokens)[-1].mean(1)[0]
    torch.testing.assert_close(found / found.norm(), wanted, rtol=1e-5, atol=1e-6)
    assert (len(network.blocks), network.num_prefix_tokens) == (7, 1)
    assert text_input("minilm-l6").max_tokens == 256


def test_a_folder_gives_its_own_weights(tmp_path: Path) -> None:
    model = folders.text_folder(tmp_path, "roberta")
    backbone = get_backbone(tmp_path)
    with torch.inference_mode():
        wanted = model(input_ids=TOKENS).last_hidden_state
    torch.testing.assert_close(last(backbone), wanted, rtol=1e-5, atol=1e-5)
    assert backbone.card.source == f"folder {tmp_path}"
    assert backbone.card.licence == "unknown"


def test_heads_prefixes_and_older_names_are_understood(folder: Path) -> None:
    wanted = last(get_backbone(folder))
    rename(
        folder,
        lambda key: (
            None
            if "pooler" in key
            else "bert."
            + key.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            )
        ),
    )
    tensors = load_file(folder / "model.safetensors")
    save_file({**tensors, "cls.predictions.bias": torch.ones(40)}, folder / "model.safetensors")
    torch.testing.assert_close(last(get_backbone(folder)), wanted, rtol=0, atol=0)


def test_a_pickle_of_tensors_will_do(folder: Path) -> None:
    wanted = last(get_backbone(folder))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    torch.testing.assert_close(last(get_backbone(folder)), wanted, rtol=0, atol=0)


def test_missing_tensors_are_named(folder: Path) -> None:
    rename(folder, lambda key: None if "layer.1.attention" in key else key)
    with pytest.raises(WeightsError, match=r"BertModel: 10 tensors .*\(encoder\.layer\.1"):
        get_backbone(folder).build()


def test_tensors_of_another_shape_are_refused(folder: Path) -> None:
    edit(folder, hidden_size=64)
    with pytest.raises(WeightsError, match="not those of backbone"):
        get_backbone(folder).build()


def test_a_type_that_transformers_has_not_is_refused(folder: Path) -> None:
    edit(folder, model_type="nothing-of-the-kind")
    with pytest.raises(BackboneError, match=r"cannot build .*'nothing-of-the-kind'"):
        get_backbone(folder).build()


def test_networks_with_code_of_their_own_are_refused(folder: Path) -> None:
    edit(folder, auto_map={"AutoModel": "modeling.Evil"})
    with pytest.raises(BackboneError, match=r"needs code .*\(auto_map"):
        get_backbone(folder)


def test_quantised_networks_are_refused(folder: Path) -> None:
    edit(folder, quantization_config={"bits": 4})
    with pytest.raises(BackboneError, match="quantised weights; accepted: float32"):
        get_backbone(folder)


def test_settings_that_would_fetch_are_passed_over(folder: Path) -> None:
    edit(folder, _attn_implementation="kernels/evil", attn_implementation="kernels/evil")
    backbone = get_backbone(folder)
    assert "kernels" not in json.dumps(backbone.architecture)
    assert backbone.build().blocks


def test_everything_that_decides_the_output_is_in_the_digest(folder: Path) -> None:
    names = ["", "?pretrained=false", "?pretrained=false&seed=1", "?max_tokens=32", "?prompt=q: "]
    digests = [get_backbone(f"{folder}{name}").digest for name in names]
    edit(folder, hidden_act="relu")
    digests.append(get_backbone(folder).digest)
    rename(folder, lambda key: key + "x")
    digests.append(get_backbone(folder).digest)
    vocabulary = folder / "tokenizer.json"
    vocabulary.write_text(vocabulary.read_text().replace('"z"', '"!"'))
    digests.append(get_backbone(folder).digest)
    assert len(set(digests)) == len(digests)


def test_the_windows_length_is_as_published(folder: Path) -> None:
    assert text_input(folder).max_tokens == 64  # the positions that it has
    edit(folder, "tokenizer_config.json", model_max_length=48)
    assert text_input(folder).max_tokens == 48
    edit(folder, "sentence_bert_config.json", max_seq_length=32)
    assert text_input(folder).max_tokens == 32
    assert text_input(f"{folder}?max_tokens=60").max_tokens == 60
    edit(folder, max_position_embeddings=8192)
    assert text_input(f"{folder}?max_tokens=600").max_tokens == 600
    (folder / "sentence_bert_config.json").unlink()
    edit(folder, "tokenizer_config.json", model_max_length=10**30)
    assert text_input(folder).max_tokens == 512


def test_more_tokens_than_positions_are_refused(folder: Path) -> None:
    with pytest.raises(SettingError, match="at most 64 tokens; max_tokens is 65"):
        get_backbone(f"{folder}?max_tokens=65")


def test_positions_that_start_behind_the_padding_are_fewer(tmp_path: Path) -> None:
    folders.text_folder(tmp_path, "roberta", pad_token_id=1)
    assert text_input(tmp_path).max_tokens == 62
    tokens = torch.full((1, 62), 5)
    assert get_backbone(tmp_path).build().module(tokens).shape == (1, 62, 32)


def test_the_prompt_is_the_authors_unless_given(folder: Path) -> None:
    said = {"prompts": {"query": "query: "}, "default_prompt_name": "query"}
    edit(folder, "config_sentence_transformers.json", **said)
    assert text_input(folder).prompt == "query: "
    assert text_input(f"{folder}?prompt=").prompt == ""
    edit(folder, "config_sentence_transformers.json", default_prompt_name=None)
    assert text_input(folder).prompt == ""


def test_lower_case_outside_the_tokenizer_is_refused(folder: Path) -> None:
    edit(folder, "sentence_bert_config.json", do_lower_case=True)
    with pytest.raises(BackboneError, match="lower case before the tokenizer"):
        get_backbone(folder)
