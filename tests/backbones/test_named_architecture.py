"""What is trained from nothing, by name."""

from pathlib import Path

import pytest
import torch

from tests.backbones import folders
from topwork.backbones.named_architecture import architecture
from topwork.backbones.registry import get_backbone
from topwork.errors import SettingError, UnknownBackboneError
from topwork.examples.arrays.preprocessing import ArrayInput
from topwork.executors.block_shapes import listening


@pytest.mark.parametrize(
    ("name", "size", "wanted"),
    [
        ("timm/resnet18", 32, "timm/resnet18?pretrained=false&stem=small&size=32"),
        ("timm/resnet18", 64, "timm/resnet18?pretrained=false&stem=small&size=64"),
        ("timm/resnet18", 65, "timm/resnet18?pretrained=false&size=65"),
        ("timm/resnet18", None, "timm/resnet18?pretrained=false"),
        ("timm/resnet18?stem=full", 32, "timm/resnet18?pretrained=false&stem=full&size=32"),
        ("timm/resnet18.a1_in1k?size=32", None,
         "timm/resnet18.a1_in1k?pretrained=false&stem=small&size=32"),
        ("timm/test_vit?resize=squash", 32, "timm/test_vit?pretrained=false&size=32&resize=squash"),
        ("efficientnet-lite0", 64, "efficientnet-lite0?pretrained=false&size=64"),
        ("speech-embedding", None, "speech-embedding?pretrained=false"),
        ("minilm-l6?max_tokens=32", None, "minilm-l6?pretrained=false&max_tokens=32"),
        ("topwork/conv2d", 32, "topwork/conv2d?pretrained=false&size=32"),
    ],
)  # fmt: skip
def test_names_lead_to_random_weights(name: str, size: int | None, wanted: str) -> None:
    found = architecture(name, size=size)
    assert found.name == wanted
    assert found.digest == get_backbone(wanted).digest
    assert found.card.pretrained_on == "nothing (random weights)"


def test_arrays_say_their_shape() -> None:
    found = architecture("topwork/conv1d:8,16", input_shape=(3, 40))
    assert found.input == ArrayInput(shape=(3, 40))
    assert found.name == "topwork/conv1d:8,16?pretrained=false&shape=3x40"
    assert architecture(found.name, input_shape=(3, 40)) == found


def test_the_seed_is_an_argument_or_an_option() -> None:
    by_argument = architecture("timm/resnet18", size=32, seed=3)
    assert by_argument == architecture("timm/resnet18?seed=3", size=32)
    assert by_argument != architecture("timm/resnet18?seed=3", size=32, seed=0)


def test_a_folder_gives_its_architecture(tmp_path: Path) -> None:
    folders.text_folder(tmp_path)
    found = architecture(str(tmp_path))
    assert found.modality == "text"
    assert found.card.pretrained_on == "nothing (random weights)"


def test_the_small_stem_keeps_the_places() -> None:
    network = architecture("timm/resnet18", size=32).build()
    found: dict[str, tuple[int, ...]] = {}
    with (
        listening(network, lambda block, out: found.update({block: tuple(out.shape)})),
        torch.inference_mode(),
    ):
        network.module(torch.zeros(1, 3, 32, 32))
    assert found["maxpool"] == (1, 64, 32, 32)
    assert found["layer4.1"] == (1, 512, 4, 4)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("timm/resnet18?pretrained=true", {}, "pretrained=true"),
        ("timm/resnet18", {"input_shape": (3, 9)}, r"images.*arrays of \(3"),
        ("minilm-l6", {"size": 32}, r"texts.*\bsize\b.*images"),
        ("topwork/mlp?shape=3x8", {"input_shape": (3, 9)}, r"takes \(3, 8\).*arrays of \(3, 9\)"),
        ("topwork/mlp", {}, r"not said.*\?shape="),
        ("timm/test_vit?stem=large", {}, "stem='large'; accepted: small"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        architecture(name, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet18", r"'resnet18'\. Nearest: 'timm/resnet18'"),
        ("resnt18", r"Nearest: 'timm/resnet18'"),
        ("conv1d", r"Nearest: 'topwork/conv1d'"),
        ("timm/resnt18", "no model 'resnt18'; nearest: 'resnet18'"),
        ("topwork/conv", r"nearest: 'topwork/conv2d'"),
    ],
)
def test_others_get_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UnknownBackboneError, match=message):
        architecture(name)
