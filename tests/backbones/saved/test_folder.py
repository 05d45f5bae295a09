"""Folders that Topwork wrote: the backbone comes back, whole, or says what is wrong with it."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from tests import small
from tests.backbones import folders
from topwork.backbones.base import Backbone, Card
from topwork.backbones.named_architecture import architecture
from topwork.backbones.registry import get_backbone
from topwork.backbones.saved import folder as own
from topwork.backbones.saved.folder import write_backbone
from topwork.core.digests import digest_settings
from topwork.errors import BackboneError, SettingError, StoreError, WeightsError
from topwork.executors.choose import open_executor
from topwork.model.model import load
from topwork.runs.train import train

CARD = Card(
    licence="unknown",
    pretrained_on="photographs of kites",
    num_pretraining_examples=1234,
    source="topwork pretrain kites/",
)
REPORT = {
    "data": "kites/ | and more",
    "num_classes": 7,
    "epochs": 3,
    "score": {"name": "accuracy", "value": 0.91, "low": 0.88, "high": 0.935},
    "seconds": 12.345,
}
NAMES = {
    "stem": "timm/resnet18?pretrained=false&stem=small&size=32",
    "vit": "timm/test_vit?pretrained=false&size=64",
    "speech": "speech-embedding?pretrained=false",
    "array": "topwork/conv1d:4,8?pretrained=false&shape=3x40",
    "small image": "topwork/conv2d:4,8?pretrained=false&size=16",
}
KINDS = (*NAMES, "text", "sound")
FILES = {"config.json", "model.safetensors", "README.md"}


def random_backbone(kind: str, folder: Path) -> Backbone:
    if kind in NAMES:
        return get_backbone(NAMES[kind])
    if kind == "text":
        folders.text_folder(folder / "hub")
    else:
        folders.sound_folder(folder / "hub", "wav2vec2")
    return architecture(str(folder / "hub"))


def trained(backbone: Backbone) -> dict[str, torch.Tensor]:
    """Return the state of its module with every weight changed a little."""
    state = backbone.build().module.state_dict()
    random = torch.Generator().manual_seed(5)
    return {
        key: value + 0.01 * torch.randn(value.shape, generator=random)
        if value.is_floating_point()
        else value
        for key, value in state.items()
    }


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def edit(folder: Path, change: Callable[[dict[str, Any]], object], *, sign: bool = False) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text())
    change(config)
    if sign:
        config.pop("digest", None)
        config["digest"] = digest_settings(config)
    path.write_text(json.dumps(config))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backbone for arrays. Do not change it."""
    folder = tmp_path_factory.mktemp("own") / "backbone"
    backbone = get_backbone(NAMES["array"])
    write_backbone(folder, backbone, trained(backbone), card=CARD, report=REPORT)
    return folder


@pytest.fixture
def copy(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "backbone"))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_written_comes_back(kind: str, tmp_path: Path) -> None:
    backbone = random_backbone(kind, tmp_path)
    state = trained(backbone)
    folder = tmp_path / "backbone"
    made = write_backbone(folder, backbone, state, card=CARD, report=REPORT)
    assert names(folder) == FILES | ({"tokenizer.json"} if kind == "text" else set())
    moved = folder.rename(tmp_path / "moved to, ü")
    found = get_backbone(str(moved))
    assert (found.digest, found.input, found.card) == (made.digest, backbone.input, CARD)
    assert (found.name, found.architecture) == (str(moved), made.architecture)
    assert made.name == str(folder)
    network, original = found.build(), backbone.build()
    assert (network.blocks, network.layout) == (original.blocks, original.layout)
    assert network.num_prefix_tokens == original.num_prefix_tokens
    ours = network.module.state_dict()
    assert all(torch.equal(ours[key], state[key]) for key in ours | state)


@pytest.mark.parametrize("kind", KINDS)
def test_the_control_has_the_same_architecture(kind: str, tmp_path: Path) -> None:
    backbone = random_backbone(kind, tmp_path)
    folder = tmp_path / "backbone"
    write_backbone(folder, backbone, trained(backbone), card=CARD, report=REPORT)
    control = get_backbone(f"{folder}?pretrained=false&seed=2")
    assert control.card.pretrained_on == "nothing (random weights)"
    assert control.name == f"{folder}?pretrained=false&seed=2"
    assert control.architecture == get_backbone(folder).architecture
    first, again = control.build().module.state_dict(), control.build().module.state_dict()
    other = get_backbone(f"{folder}?pretrained=false").build().module.state_dict()
    assert {k: v.shape for k, v in first.items()} == {k: v.shape for k, v in other.items()}
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not all(torch.equal(first[key], other[key]) for key in first)
    digests = {get_backbone(f"{folder}{end}").digest for end in ("", "?pretrained=false")}
    assert len(digests | {control.digest}) == 3


def test_the_weights_and_the_input_are_in_the_digest_and_the_place_is_not(
    written: Path, copy: Path, tmp_path: Path
) -> None:
    found = get_backbone(copy)
    assert found.digest == get_backbone(written).digest
    assert found.digest == get_backbone(f"{copy}?precision=bf16").digest
    assert get_backbone(f"{copy}?precision=bf16").precision == "bf16"
    backbone = get_backbone(NAMES["array"])
    other = write_backbone(
        tmp_path / "other", backbone, backbone.build().module.state_dict(), card=CARD, report={}
    )
    assert other.digest not in (found.digest, backbone.digest)


@pytest.mark.parametrize("kind", ["stem", "vit", "small image"])
def test_pictures_may_be_of_another_size(kind: str, tmp_path: Path) -> None:
    backbone = get_backbone(NAMES[kind])
    write_backbone(tmp_path / "b", backbone, trained(backbone), card=CARD, report=REPORT)
    found, larger = (get_backbone(f"{tmp_path / 'b'}{end}") for end in ("", "?size=96&resize=pad"))
    assert (larger.input.size, larger.input.resize) == (96, "pad")
    assert larger.card == CARD
    assert larger.digest != found.digest
    module = larger.build().module
    with torch.inference_mode():
        assert module(torch.zeros(1, 3, 96, 96)).shape[0] == 1
    before, after = found.build().module.state_dict(), module.state_dict()
    same = [key for key in before if "pos_embed" not in key]
    assert all(torch.equal(before[key], after[key]) for key in same)


def test_tied_weights_are_written_one_by_one(tmp_path: Path) -> None:
    backbone = get_backbone(NAMES["array"])
    state = trained(backbone)
    shared = torch.randn(2, 4)
    state["block0.branch.1.weight"], state["block0.branch.1.bias"] = shared[0], shared[1]
    state["block0.branch.4.weight"] = shared[0]
    write_backbone(tmp_path / "b", backbone, state, card=CARD, report=REPORT)
    found = load_file(tmp_path / "b" / "model.safetensors")
    torch.testing.assert_close(found["block0.branch.4.weight"], shared[0], rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["array", "stem"])
def test_openvino_gives_what_torch_gives(kind: str, tmp_path: Path) -> None:
    backbone = get_backbone(NAMES[kind])
    found = write_backbone(tmp_path / "b", backbone, trained(backbone), card=CARD, report={})
    random = np.random.default_rng(0)
    windows: list[Any] = list(random.integers(0, 256, (2, 32, 32, 3)).astype(np.uint8))
    if kind == "array":
        windows = list(random.normal(size=(2, 3, 40)).astype(np.float32))
    made = (open_executor(found, pools=("mean", "std"), device=d) for d in ("openvino", "torch"))
    ours, theirs = (np.stack(list(one.run(windows))) for one in made)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def test_a_model_is_trained_on_it(tmp_path: Path) -> None:
    backbone = get_backbone(NAMES["array"])
    write_backbone(tmp_path / "b", backbone, trained(backbone), card=CARD, report=REPORT)
    random = np.random.default_rng(0)
    arrays = random.normal(size=(24, 3, 40)).astype(np.float32)
    arrays[12:] *= 3
    labels = ["calm"] * 12 + ["wild"] * 12
    model = train(arrays, labels, train="head", backbone=tmp_path / "b", num_repeats=1)
    assert model.backbone.card == CARD
    model.save(tmp_path / "model")
    shutil.rmtree(tmp_path / "b")
    predictions = load(tmp_path / "model").predict(list(arrays[[0, 20]]))
    assert [one.label for one in predictions] == ["calm", "wild"]


def test_the_model_card_is_for_people(written: Path, copy: Path) -> None:
    text = (written / "README.md").read_text(encoding="utf-8")
    for part in ("photographs of kites", "1,234", "unknown", "accuracy 0.91 (95% interval 0.88 to",
                 "--backbone ./backbone", "| epochs | 3 |", "kites/ \\| and more"):  # fmt: skip
        assert part in text
    (copy / "README.md").write_text("mine now")
    assert get_backbone(copy).card == CARD


def test_it_has_a_title(tmp_path: Path) -> None:
    backbone = get_backbone(NAMES["array"])
    write_backbone(
        tmp_path / "b", backbone, trained(backbone), card=CARD, name="Kites, 40", report=REPORT
    )
    assert (tmp_path / "b" / "README.md").read_text().startswith("# Kites, 40\n")
    assert get_backbone(tmp_path / "b").name == str(tmp_path / "b")


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
@pytest.mark.parametrize("kind", ["missing", "truncated", "edited", "empty"])
def test_a_damaged_file(name: str, kind: str, tmp_path: Path) -> None:
    backbone = random_backbone("text", tmp_path)
    folder = tmp_path / "b"
    write_backbone(folder, backbone, trained(backbone), card=CARD, report=REPORT)
    data = bytearray((folder / name).read_bytes())
    if kind == "missing":
        (folder / name).unlink()
        message = rf"lacks its {re.escape(name)}.*Copy the whole folder again"
    else:
        data[len(data) // 2] ^= 1
        damaged = {"truncated": data[:-10], "edited": data, "empty": b""}
        (folder / name).write_bytes(damaged[kind])
        message = rf"{re.escape(name)}' is damaged.*digest.*config\.json"
    with pytest.raises(WeightsError, match=message):
        get_backbone(folder)
    if name == "model.safetensors":  # the control needs none
        assert get_backbone(f"{folder}?pretrained=false").modality == "text"


def test_weights_that_change_after_it_was_named(copy: Path) -> None:
    backbone = get_backbone(copy)
    data = bytearray((copy / "model.safetensors").read_bytes())
    data[-9] ^= 1
    (copy / "model.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match="are damaged or were changed"):
        backbone.build()


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["backbone"]["card"].update(licence="MIT"),
        lambda c: c["report"].update(epochs=300),
        lambda c: c["files"].pop("model.safetensors"),
        lambda c: c.pop("digest"),
        lambda c: c.pop("backbone"),
    ],
)
def test_an_edited_description(change: Callable[[dict[str, Any]], object], copy: Path) -> None:
    edit(copy, change)
    with pytest.raises(WeightsError, match=r"was changed.*digest"):
        get_backbone(copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("backbone"), "cannot be read: KeyError"),
        (lambda c: c.update(backbone=3), "cannot be read: TypeError"),
        (lambda c: c["backbone"]["card"].update(colour="red"), "cannot be read: TypeError"),
        (lambda c: c["backbone"]["input"].update(shape=[0]), "cannot be read: SettingError"),
        (lambda c: c["backbone"].update(architecture=None), "cannot be read: TypeError"),
        (lambda c: c.update(files=[1]), "cannot be read: TypeError"),
        (lambda c: c["files"].clear(), "accepted: timm, transformers, topwork"),
        (lambda c: c["backbone"]["architecture"].update(library="x"), "is of the library 'x'"),
    ],
)
def test_a_description_that_was_forged(
    change: Callable[[dict[str, Any]], object], message: str, copy: Path
) -> None:
    edit(copy, change, sign=True)
    with pytest.raises(WeightsError, match=message):
        get_backbone(copy)


def test_a_later_format(copy: Path) -> None:
    edit(copy, lambda c: c.update(format=2))
    with pytest.raises(WeightsError, match=r"format 2;.*reads 1"):
        get_backbone(copy)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("?size=32", r"arrays.*\bsize\b.*images"),
        ("?max_tokens=32", r"arrays.*max_tokens.*texts"),
        ("?shape=3x41", r"its own shape.*cannot be changed"),
        ("?pretrained=false&shape=3x41", "its own shape"),
        ("?seed=1", r"seed.*not random"),
    ],
)
def test_options_that_make_no_sense(options: str, message: str, written: Path) -> None:
    with pytest.raises(SettingError, match=message):
        get_backbone(f"{written}{options}")


def test_naming_it_loads_no_torch(written: Path) -> None:
    code = (
        "import sys; from topwork.backbones.registry import get_backbone; "
        f"get_backbone({str(written)!r}); get_backbone({str(written)!r} + '?pretrained=false'); "
        "print(sorted({'torch', 'timm', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"


def put(folder: Path, **options: Any) -> Backbone:
    backbone = get_backbone(NAMES["array"])
    state = backbone.build().module.state_dict()
    return write_backbone(folder, backbone, state, card=CARD, report=REPORT, **options)


def test_a_backbone_is_in_the_way(copy: Path) -> None:
    before = get_backbone(copy).digest
    with pytest.raises(BackboneError, match=r"holds a backbone.*another folder, or"):
        put(copy)
    assert get_backbone(copy).digest == before
    assert put(copy, overwrite=True).digest != before
    assert names(copy.parent) == {"backbone"}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("content", [None, "", "[1]", "{}", '{"model_type": "bert"}'])
def test_a_folder_of_others_is_never_touched(
    content: str | None, overwrite: bool, tmp_path: Path
) -> None:
    (tmp_path / "model.safetensors").write_text("mine")
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(BackboneError, match=r"not empty.*no backbone"):
        put(tmp_path, overwrite=overwrite)
    assert (tmp_path / "model.safetensors").read_text() == "mine"


def test_what_others_put_beside_it_is_never_removed(copy: Path) -> None:
    (copy / "thesis.txt").write_text("mine")
    with pytest.raises(BackboneError, match=r"holds a backbone.*thesis\.txt"):
        put(copy, overwrite=True)
    assert (copy / "thesis.txt").read_text() == "mine"
    assert get_backbone(copy)


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("mine")
    with pytest.raises(BackboneError, match=r"is a file\b.*folder"):
        put(tmp_path / "b", overwrite=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("there", [False, True])
def test_a_write_that_fails_half_way_changes_nothing(
    error: BaseException, there: bool, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    folder = copy if there else copy.parent / "new"
    before = get_backbone(copy).digest
    monkeypatch.setattr(own, "model_card", fail)
    if isinstance(error, OSError):
        with pytest.raises(StoreError, match=r"Writing.*failed: No space left"):
            put(folder, overwrite=True)
    else:
        with pytest.raises(KeyboardInterrupt):
            put(folder, overwrite=True)
    assert names(copy.parent) == {"backbone"}
    assert get_backbone(copy).digest == before


def test_a_module_of_ones_own_cannot_be_written(tmp_path: Path) -> None:
    tiny = small.tiny_backbone()
    with pytest.raises(BackboneError, match="'tiny' is a module of somebody's own"):
        write_backbone(tmp_path / "b", tiny, {}, card=CARD, report=REPORT)


@pytest.mark.parametrize("kind", ["missing", "extra", "shape"])
def test_a_state_of_another_network(kind: str, tmp_path: Path) -> None:
    backbone = get_backbone(NAMES["array"])
    state = trained(backbone)
    if kind == "missing":
        state.pop("stem.0.weight")
    elif kind == "extra":
        state["top.weight"] = torch.zeros(2)
    else:
        state["stem.0.weight"] = torch.zeros(2, 3, 7)
    odd = r"'top\.weight' has the shape \[2\], expected none"
    message = odd if kind == "extra" else r"'topwork/conv1d:4,8.*stem"
    with pytest.raises(WeightsError, match=message):
        write_backbone(tmp_path / "b", backbone, state, card=CARD, report=REPORT)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("value", [float("nan"), {1, 2}, np.float32(1)])
def test_a_report_is_plain(value: object, tmp_path: Path) -> None:
    backbone = get_backbone(NAMES["array"])
    with pytest.raises(SettingError, match=r"report.*JSON"):
        write_backbone(tmp_path / "b", backbone, {}, card=CARD, report={"epochs": value})
