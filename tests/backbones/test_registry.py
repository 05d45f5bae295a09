"""One entrance for every backbone: what a name leads to, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.backbones import folders
from topwork.backbones.registry import get_backbone
from topwork.errors import BackboneError, SettingError, UnknownBackboneError, WeightsError

EMBEDDED = ("efficientnet-lite0", "speech-embedding", "minilm-l6")


def write_config(folder: Path, **config: object) -> Path:
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def test_every_kind_has_an_embedded_one() -> None:
    found = {name: get_backbone(name) for name in EMBEDDED}
    assert [b.modality for b in found.values()] == ["image", "sound", "text"]
    assert [b.precision for b in found.values()] == ["f32", "f32", "bf16"]
    assert {b.card.licence for b in found.values()} == {"Apache-2.0"}
    assert all((b.card.num_pretraining_examples or 0) > 1_000_000 for b in found.values())


@pytest.mark.parametrize("name", EMBEDDED)
def test_random_weights_and_precision_are_options(name: str) -> None:
    random = get_backbone(f"{name}?pretrained=false&seed=3")
    assert random.card.pretrained_on == "nothing (random weights)"
    assert random.name == f"{name}?pretrained=false&seed=3"
    others = (get_backbone(name), get_backbone(f"{name}?pretrained=false"))
    assert len({b.digest for b in (random, *others)}) == 3
    for precision in ("f32", "bf16"):
        chosen = get_backbone(f"{name}?precision={precision}")
        assert (chosen.precision, chosen.digest) == (precision, get_backbone(name).digest)


def test_the_config_says_what_a_folder_holds(tmp_path: Path) -> None:
    folders.text_folder(tmp_path / "text")
    folders.sound_folder(tmp_path / "sound", "hubert")
    assert get_backbone(tmp_path / "text").modality == "text"
    assert get_backbone(str(tmp_path / "sound")).modality == "sound"
    assert get_backbone(f"{tmp_path}/sound?pretrained=false").input.modality == "sound"


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(UnknownBackboneError, match=r"Nearest: 'efficientnet-lite[02]', 'eff"):
        get_backbone("efficientnet_lite")
    with pytest.raises(UnknownBackboneError, match="Nearest: 'minilm-l6'"):
        get_backbone("minilm")


def test_a_name_of_the_hub_that_cannot_be_reached_says_so() -> None:
    with pytest.raises(WeightsError, match=r"'some/where'.* not in the hub's cache"):
        get_backbone("some/where")


@pytest.mark.parametrize("name", ["speech-embedding", "minilm-l6"])
def test_options_of_images_are_refused(name: str) -> None:
    with pytest.raises(SettingError, match=r"\bsize is for images"):
        get_backbone(name, input_size=100)
    with pytest.raises(SettingError, match=r"\bresize is for images"):
        get_backbone(f"{name}?resize=crop")
    with pytest.raises(SettingError, match=f"cannot change the backbone '{name}'"):
        get_backbone(get_backbone(name), input_size=100)


def test_options_of_texts_are_refused_elsewhere(tmp_path: Path) -> None:
    folders.sound_folder(tmp_path, "hubert")
    for name in ("efficientnet-lite0", "timm/resnet18", "speech-embedding", tmp_path):
        with pytest.raises(SettingError, match="max_tokens is for texts"):
            get_backbone(f"{name}?max_tokens=100")


def test_a_network_for_images_of_transformers_is_refused(tmp_path: Path) -> None:
    write_config(tmp_path, model_type="vit", image_size=224, patch_size=16)
    with pytest.raises(BackboneError, match=r"'vit'.*timm name"):
        get_backbone(tmp_path)
    write_config(tmp_path, model_type="clip", vision_config={}, text_config={})
    with pytest.raises(BackboneError, match=r"'clip'.*timm name"):
        get_backbone(tmp_path)


def test_a_network_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_config(tmp_path, model_type="encodec", sampling_rate=24000)
    with pytest.raises(BackboneError, match=r"'encodec'.*takes no texts"):
        get_backbone(tmp_path)


def test_a_config_that_names_nothing_is_refused(tmp_path: Path) -> None:
    write_config(tmp_path, some="thing")
    with pytest.raises(WeightsError, match=r"\(timm\) nor a model_type"):
        get_backbone(tmp_path)


def test_naming_a_backbone_loads_no_torch(tmp_path: Path) -> None:
    folders.text_folder(tmp_path / "text")
    folders.sound_folder(tmp_path / "sound", "hubert")
    timm = "timm/test_vit?pretrained=false"
    get_backbone(timm)  # what timm says is kept now
    names = (*EMBEDDED, timm, str(tmp_path / "text"), str(tmp_path / "sound"))
    code = (
        "import sys; from topwork.backbones.registry import get_backbone\n"
        f"for name in {names!r}: get_backbone(name)\n"
        "heavy = 'torch', 'timm', 'transformers', 'onnx', 'openvino', 'openwakeword'\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
