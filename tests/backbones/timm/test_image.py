"""Backbones by name: what is found, what it says of itself, what changes its digest."""

import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from topwork.backbones.registry import get_backbone
from topwork.backbones.repository import Repository
from topwork.errors import SettingError, UnknownBackboneError, WeightsError

TINY = "timm/test_vit?pretrained=false"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A timm model as `timm.models.save_for_hf` writes one."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = timm.create_model("resnet18", num_classes=5)
    timm.models.save_for_hf(model, tmp_path, safe_serialization=True)
    return tmp_path


def edit(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))


def test_the_embedded_backbone_says_what_it_is() -> None:
    backbone = get_backbone("efficientnet-lite0")
    assert backbone.name == "efficientnet-lite0"
    assert backbone.input.size == 224
    assert backbone.input.resize == "crop"
    assert backbone.input.mean == (0.5, 0.5, 0.5)
    assert backbone.card.licence == "Apache-2.0"
    assert backbone.digest == get_backbone("efficientnet-lite0").digest


def test_everything_that_decides_the_output_is_in_the_digest(folder: Path) -> None:
    specs = [
        "efficientnet-lite0",
        "efficientnet-lite0?size=160",
        "efficientnet-lite0?resize=squash",
        "efficientnet-lite0?pretrained=false",
        "efficientnet-lite0?pretrained=false&seed=1",
        "timm/resnet18?pretrained=false",
        "timm/resnet18?pretrained=false&stem=small",
        str(folder),
        f"{folder}?pretrained=false",
        f"{folder}?pretrained=false&stem=small",
    ]
    assert len({get_backbone(spec).digest for spec in specs}) == len(specs)


def test_a_stem_as_published_changes_nothing() -> None:
    plain, full = (get_backbone(f"timm/resnet18?pretrained=false{s}") for s in ("", "&stem=full"))
    assert (plain.digest, plain.architecture) == (full.digest, full.architecture)
    assert "stem" not in (plain.architecture or {})


def test_arguments_and_options_are_the_same_thing() -> None:
    by_argument = get_backbone("efficientnet-lite0", input_size=160, resize="squash")
    by_option = get_backbone("efficientnet-lite0?size=160&resize=squash")
    assert (by_argument.name, by_argument.digest) == (by_option.name, by_option.digest)
    assert by_option.input.size == 160
    assert get_backbone(by_argument.name).digest == by_argument.digest


def test_a_crop_cuts_no_more_than_makes_it_square() -> None:
    assert get_backbone("timm/resnet18?pretrained=false").input.crop_fraction == 1.0


def test_a_backbone_is_given_back_as_it_is() -> None:
    backbone = get_backbone("efficientnet-lite0")
    assert get_backbone(backbone) is backbone
    assert get_backbone(backbone, input_size=224) is backbone
    with pytest.raises(SettingError, match=r"cannot change .*'efficientnet-lite0'"):
        get_backbone(backbone, input_size=100)


def test_random_weights_depend_on_the_seed_alone() -> None:
    state = torch.get_rng_state()
    first, again, other = (
        next(iter(get_backbone(f"{TINY}&seed={seed}").build().module.parameters()))
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(state, torch.get_rng_state())


def test_random_weights_say_that_they_learned_nothing() -> None:
    card = get_backbone(TINY).card
    assert card.pretrained_on == "nothing (random weights)"
    assert card.num_pretraining_examples == 0


def test_dinov2_is_taken_at_224() -> None:
    assert get_backbone("timm/vit_small_patch14_dinov2?pretrained=false").input.size == 224


def test_a_folder_in_the_hubs_layout_gives_its_own_weights(folder: Path) -> None:
    backbone = get_backbone(folder)
    assert backbone.name == str(folder)
    assert backbone.card.licence == "apache-2.0"
    assert backbone.input.mean == (0.485, 0.456, 0.406)
    built = backbone.build().module.state_dict()
    saved = load_file(folder / "model.safetensors")
    assert all(torch.equal(built[key], saved[key]) for key in built)
    assert "fc.weight" not in built
    assert get_backbone(str(folder)).digest == backbone.digest


def test_a_name_on_the_hub_gets_its_weights_and_card(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "topwork.backbones.timm.image.Repository",
        lambda name: Repository(name=name, folder=folder),
    )
    backbone = get_backbone("timm/resnet50.a1_in1k")
    assert backbone.card.num_pretraining_examples == 1_281_167
    assert backbone.digest == get_backbone(folder).digest
    # without a tag, timm's own choice
    assert get_backbone("timm/resnet18").name == "timm/resnet18.a1_in1k"


def test_other_weights_in_the_folder_change_the_digest(folder: Path) -> None:
    before = get_backbone(folder).digest
    tensors = load_file(folder / "model.safetensors")
    tensors["conv1.weight"][0, 0, 0, 0] += 1
    save_file(tensors, folder / "model.safetensors")
    assert get_backbone(folder).digest != before


def test_weights_of_another_network_are_refused(folder: Path) -> None:
    edit(folder, architecture="resnet34")
    with pytest.raises(WeightsError, match=r"not those of .* tensors are missing"):
        get_backbone(folder).build()


def test_weights_of_another_shape_are_refused(folder: Path) -> None:
    edit(folder, architecture="resnet50")
    with pytest.raises(WeightsError, match=r"not those of .*size mismatch"):
        get_backbone(folder).build()


def test_an_architecture_that_would_be_fetched_is_refused(folder: Path) -> None:
    edit(folder, architecture="hf-hub:someone/something")
    with pytest.raises(UnknownBackboneError, match="'hf-hub:someone/something'"):
        get_backbone(folder).build()


def test_arguments_that_would_read_files_are_passed_over(folder: Path) -> None:
    edit(folder, model_args={"checkpoint_path": "/somewhere/evil.pth", "pretrained": True})
    assert get_backbone(folder).build().blocks


def test_an_architecture_that_is_no_name_is_refused(folder: Path) -> None:
    edit(folder, architecture=3)
    with pytest.raises(WeightsError, match="no architecture of timm; accepted"):
        get_backbone(folder)


def test_a_folder_may_be_had_with_random_weights(folder: Path) -> None:
    random = get_backbone(f"{folder}?pretrained=false&seed=1")
    assert random.card.pretrained_on == "nothing (random weights)"
    assert random.digest != get_backbone(f"{folder}?pretrained=false").digest
    built, saved = random.build().module.state_dict(), load_file(folder / "model.safetensors")
    assert not torch.equal(built["conv1.weight"], saved["conv1.weight"])


def test_unknown_names_get_the_nearest() -> None:
    with pytest.raises(UnknownBackboneError, match=r"timm has no model 'resnt18'.*'resnet18'"):
        get_backbone("timm/resnt18?pretrained=false")
    with pytest.raises(UnknownBackboneError, match=r"no model 'resnet18.b1'.*a1_in1k"):
        get_backbone("timm/resnet18.b1?pretrained=false")


def test_a_model_without_published_weights_says_so() -> None:
    with pytest.raises(WeightsError, match="no weights for 'swinv2_cr_tiny_224'"):
        get_backbone("timm/swinv2_cr_tiny_224")


def test_bad_options_are_refused() -> None:
    with pytest.raises(SettingError, match=r"resize.*'stretch'; accepted: squash"):
        get_backbone("efficientnet-lite0?resize=stretch")
    with pytest.raises(SettingError, match=r"size.* 0; accepted"):
        get_backbone("efficientnet-lite0", input_size=0)
