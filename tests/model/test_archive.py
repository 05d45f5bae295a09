"""A model on disk: round trips, damage, and what must never be lost."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import small
from topwork.backbones.base import Backbone
from topwork.backbones.registry import get_backbone
from topwork.core import files
from topwork.core.digests import digest_file, digest_settings
from topwork.errors import BackboneError, ModelError, SettingError, StoreError, WeightsError
from topwork.evaluation.metrics import Evaluation
from topwork.executors.base import POOLS
from topwork.executors.openvino import ConversionError
from topwork.heads.kernel_head import KernelHead
from topwork.model import archive
from topwork.model.archive import summary
from topwork.model.model import Model, load
from topwork.model.parts import DataCounts
from topwork.recipe import Recipe
from topwork.runs.train import train

FILES = {
    "model.json", "head.safetensors", "recipe.toml", "backbone.safetensors", "answers.safetensors",
    "foreign.safetensors", "README.md",
}  # fmt: skip
COMPILED = {"layout.json", "network.xml", "network.bin"}


@pytest.fixture
def copy(saved: Path, tmp_path: Path) -> Path:
    """A model folder that a test may spoil."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


@pytest.fixture(scope="module")
def probabilities(saved: Path, digits: Path) -> np.ndarray:
    return load(saved).predict_proba(sorted(digits.rglob("*.png")))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def edit(folder: Path, change: Callable[[dict[str, Any]], object], *, sign: bool = False) -> None:
    """Change model.json; `sign` makes its digest fit again."""
    description = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    change(description)
    if sign:
        description.pop("digest")
        description["digest"] = digest_settings(description)
    (folder / "model.json").write_text(json.dumps(description), encoding="utf-8")


def test_what_lies_in_the_folder(saved: Path) -> None:
    assert names(saved) == FILES | {"compiled"}
    assert names(saved / "compiled") == COMPILED
    description = json.loads((saved / "model.json").read_text(encoding="utf-8"))
    assert description["classes"] == list(small.NAMES)
    assert description["backbone"]["card"]["num_pretraining_examples"] == 0
    assert description["backbone"]["digest"] == get_backbone(small.SMALL).digest
    assert description["data"]["per_class"] == {"one": 10, "two": 10, "zero": 10}
    assert set(description["evaluation"]["accuracy"]) == {"value", "low", "high"}
    assert set(description["versions"]) >= {"topwork", "openvino", "numpy"}
    assert Recipe.read(saved / "recipe.toml") == Recipe.from_dict(description["recipe"])


def test_nothing_in_it_can_run_code(saved: Path) -> None:
    for path in saved.rglob("*"):
        if path.is_file():
            start = path.read_bytes()[:4]
            assert not start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK"))
            assert path.suffix in {".json", ".safetensors", ".toml", ".xml", ".bin", ".md"}


def test_predictions_come_back_bit_for_bit(tiny_model: Model, digits: Path, tmp_path: Path) -> None:
    paths = sorted(digits.rglob("*.png"))
    folder = tmp_path / "models of ours" / "Ziffern ü 数字"
    assert tiny_model.save(folder) == folder
    loaded = load(str(folder))
    np.testing.assert_array_equal(loaded.predict_proba(paths), tiny_model.predict_proba(paths))
    assert loaded.evaluation == tiny_model.evaluation
    assert loaded.recipe == tiny_model.recipe
    assert loaded.data == tiny_model.data
    assert loaded.classes == tiny_model.classes
    assert loaded.backbone == tiny_model.backbone
    assert loaded.notes == tiny_model.notes
    assert summary(loaded.parts) == summary(tiny_model.parts)
    assert names(tmp_path / "models of ours") == {folder.name}


def test_a_loaded_model_can_be_saved_again(
    saved: Path, tmp_path: Path, digits: Path, probabilities: np.ndarray
) -> None:
    load(saved).save(tmp_path / "again")
    assert names(tmp_path / "again") == FILES | {"compiled"}
    found = load(tmp_path / "again").predict_proba(sorted(digits.rglob("*.png")))
    np.testing.assert_array_equal(found, probabilities)


def test_a_loaded_model_can_be_saved_again_where_nothing_is_cached(
    saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(saved)
    monkeypatch.setenv("TOPWORK_CACHE", str(tmp_path / "empty"))
    model.save(tmp_path / "again")
    assert names(tmp_path / "again") == FILES | {"compiled"}


def test_a_loaded_model_scores(saved: Path, tmp_path: Path) -> None:
    root = small.write_folder(tmp_path / "test", small.digit_pictures(4, skip=10))
    found = load(saved).evaluate(root)
    assert isinstance(found, Evaluation)
    assert found.accuracy.value > 0.8


def test_the_answers_come_back(tiny_model: Model, tmp_path: Path) -> None:
    read = load(tiny_model.save(tmp_path / "model")).oof_predictions
    assert read is not None
    assert tiny_model.oof_predictions is not None
    assert read.names == tiny_model.oof_predictions.names
    np.testing.assert_array_equal(read.truth, tiny_model.oof_predictions.truth)
    np.testing.assert_allclose(
        read.probabilities, tiny_model.oof_predictions.probabilities, atol=1e-7
    )  # float32
    assert read.probabilities.argmax(1).tolist().count(0) > 0


def test_what_tells_foreign_inputs_comes_back(
    tiny_model: Model, digits: Path, tmp_path: Path
) -> None:
    read = load(tiny_model.save(tmp_path / "model"))
    assert read.ood == tiny_model.ood
    images = sorted(digits.rglob("*.png"))
    assert read.predict(images, reject=0.2) == tiny_model.predict(images, reject=0.2)
    assert (tmp_path / "model" / "foreign.safetensors").stat().st_size < 100_000


def test_a_model_of_before_foreign_inputs_were_told(copy: Path, digits: Path) -> None:
    def older(description: dict[str, Any]) -> None:
        del description["foreign"], description["files"]["foreign.safetensors"]

    (copy / "foreign.safetensors").unlink()
    edit(copy, older, sign=True)
    old = load(copy)
    assert old.detector is None
    assert old.ood is None
    image = digits / "one" / "0.png"
    assert old.predict(image).ood is None  # type: ignore[union-attr]
    with pytest.raises(SettingError, match="or by an earlier version"):
        old.predict(image, reject=0.2)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["foreign"]["detector"].update(kind="oracle"),
        lambda d: d["foreign"]["detector"].update(columns=[[[99]]]),
        lambda d: d["foreign"]["detector"].update(neither=3),
        lambda d: d["foreign"]["scores"].pop("false_accept"),
        lambda d: d["foreign"].pop("detector"),
    ],
)
def test_a_forged_detector(change: Callable[[dict[str, Any]], object], copy: Path) -> None:
    edit(copy, change, sign=True)
    with pytest.raises(ModelError, match=r"cannot be read.*train .* again"):
        load(copy)


def test_a_model_trained_on_skipped_and_ignored_files_comes_back(
    tiny_backbone: Backbone, tmp_path: Path
) -> None:
    root = small.write_folder(tmp_path / "data", small.digit_pictures(2))
    (root / "one" / "broken.png").write_bytes(b"text")
    (root / "one" / "notes.txt").write_text("a note")
    (root / "two" / "copy.png").write_bytes((root / "two" / "0.png").read_bytes())
    model = train(root, backbone=tiny_backbone, num_repeats=1, out=tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.data == model.data
    assert (len(loaded.data.skipped), loaded.data.num_duplicates) == (1, 1)
    assert loaded.data.ignored


def test_a_model_without_a_score_comes_back(tiny_backbone: Backbone, tmp_path: Path) -> None:
    images, labels = small.colours(2, 1)
    model = train(images, labels, backbone=tiny_backbone, out=tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert loaded.evaluation is None
    assert loaded.notes == model.notes


CHILD = """
import sys
from topwork import load
model = load(sys.argv[1])
predictions = model.predict(sys.argv[2:])
bad = sorted({"torch", "sklearn", "scipy", "timm"} & set(sys.modules))
assert not bad, bad
print(" ".join(one.label for one in predictions))
"""


@pytest.mark.slow
def test_a_bare_process_loads_and_predicts(copy: Path, digits: Path, tmp_path: Path) -> None:
    paths = [str(digits / name / "0.png") for name in ("two", "zero", "one")]
    moved = copy.rename(tmp_path / "moved to, ü")
    empty = {"TOPWORK_CACHE": str(tmp_path / "empty"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", CHILD, str(moved), *paths],
        capture_output=True, text=True, env={**os.environ, **empty}, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == "two zero one\n"
    kept = [path for path in (tmp_path / "empty").rglob("*") if path.is_file()]
    assert {path.suffix for path in kept} <= {".blob"}  # OpenVINO's own, to start faster


def test_the_compiled_form_inside_serves_every_door(
    copy: Path, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compile_anew(*arguments: object) -> None:
        raise AssertionError("the network was compiled again")

    wanted = load(copy).evaluate(digits, include_known=True).accuracy
    monkeypatch.setenv("TOPWORK_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr("topwork.executors.openvino.compile_network", compile_anew)
    assert load(copy).evaluate(digits, include_known=True).accuracy == wanted


def test_the_weights_serve_torch(copy: Path, digits: Path, probabilities: np.ndarray) -> None:
    found = load(copy, device="torch").predict_proba(sorted(digits.rglob("*.png")))
    np.testing.assert_allclose(found, probabilities, atol=1e-3)


def test_damaged_weights_are_found_when_they_are_used(copy: Path, digits: Path) -> None:
    data = bytearray((copy / "backbone.safetensors").read_bytes())
    data[-1000] ^= 1
    (copy / "backbone.safetensors").write_bytes(data)
    image = digits / "one" / "0.png"
    assert load(copy).predict(image)  # the compiled form serves
    with pytest.raises(WeightsError, match="are damaged or were changed"):
        load(copy, device="torch").predict(image)


def test_without_weights_the_folder_is_small(
    saved: Path, digits: Path, tmp_path: Path, probabilities: np.ndarray
) -> None:
    folder = load(saved).save(tmp_path / "small", weights=False)
    assert names(folder) == FILES - {"backbone.safetensors"}
    found = load(folder).predict_proba(sorted(digits.rglob("*.png")))
    np.testing.assert_array_equal(found, probabilities)


def test_without_weights_the_backbone_must_be_the_same(
    saved: Path, digits: Path, tmp_path: Path
) -> None:
    folder = load(saved).save(tmp_path / "small", weights=False)
    edit(folder, lambda d: d["backbone"].update(digest="0" * 64), sign=True)
    with pytest.raises(WeightsError, match=r"not the one .* trained on"):
        load(folder).predict(digits / "one" / "0.png")
    edit(folder, lambda d: d["backbone"].update(name="efficientnet-lite9"), sign=True)
    with pytest.raises(BackboneError, match="efficientnet-lite0"):
        load(folder).predict(digits / "one" / "0.png")


def test_a_module_of_ones_own_without_weights_cannot_come_back(
    tiny_model: Model, digits: Path, tmp_path: Path
) -> None:
    folder = tiny_model.save(tmp_path / "small", weights=False)
    assert load(folder).classes == small.NAMES
    with pytest.raises(BackboneError, match="tiny"):
        load(folder, device="torch").predict(digits / "one" / "0.png")


def test_a_network_that_openvino_cannot_hold_is_saved_as_weights(
    tiny_model: Model, tmp_path: Path, digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise ConversionError("no form of it")

    monkeypatch.setattr("topwork.executors.openvino.ensure_compiled", refuse)
    folder = tiny_model.save(tmp_path / "model")
    assert names(folder) == FILES
    with pytest.raises(WeightsError, match="'tiny' is a module of somebody's own"):
        load(folder, device="torch").predict(digits / "one" / "0.png")


def test_a_device_that_is_not_known(saved: Path, digits: Path) -> None:
    with pytest.raises(SettingError, match="The device is 'abacus'"):
        load(saved, device="abacus").predict(digits / "one" / "0.png")


def test_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no Topwork model in .*nowhere.*--out"):
        load(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"has no model\.json.*--out"):
        load(tmp_path)


EVERY = [
    *sorted(FILES - {"model.json", "README.md"}),
    *sorted(f"compiled/{name}" for name in COMPILED),
]


@pytest.mark.parametrize("name", EVERY)
def test_a_missing_file(name: str, copy: Path) -> None:
    (copy / name).unlink()
    with pytest.raises(ModelError, match=rf"lacks its {name}.*Copy the whole"):
        load(copy)


@pytest.mark.parametrize("name", [n for n in EVERY if n != "backbone.safetensors"])
@pytest.mark.parametrize("kind", ["truncated", "edited", "empty", "longer"])
def test_a_damaged_file(kind: str, name: str, copy: Path) -> None:
    data = bytearray((copy / name).read_bytes())
    if kind == "edited":
        data[len(data) // 2] ^= 1
    damaged = {"truncated": data[:-10], "edited": data, "empty": b"", "longer": data + b"\n"}
    (copy / name).write_bytes(damaged[kind])
    with pytest.raises(ModelError, match=rf"{name}' is damaged.*digest"):
        load(copy)


@pytest.mark.parametrize("content", [b"", b'{"format": 1,', b"\xff\xfe\x00", b"{}}"])
def test_a_damaged_description(content: bytes, copy: Path) -> None:
    (copy / "model.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.json' is damaged.*train .* again"):
        load(copy)


@pytest.mark.parametrize("content", ["[]", "{}", "3", '{"made_by": "somebody"}'])
def test_a_description_of_another_program(content: str, copy: Path) -> None:
    (copy / "model.json").write_text(content)
    with pytest.raises(ModelError, match=r"model\.json' .*not written by Topwork"):
        load(copy)


def test_a_later_format(copy: Path) -> None:
    for form in (3, 0, True, None, "2", [2]):
        edit(copy, lambda d, form=form: d.update(format=form))
        with pytest.raises(ModelError, match=r"of format .*reads 2 and 1.*Upgrade"):
            load(copy)


def test_a_model_of_format_1(copy: Path, saved: Path, digits: Path) -> None:
    """It knew only images, in float32, and did not say so; its layout said the size alone."""

    def older(description: dict[str, Any]) -> None:
        description["format"] = 1
        del description["backbone"]["precision"], description["backbone"]["input"]["modality"]
        network = description["backbone"]["architecture"]
        description["backbone"]["architecture"] = network["model"]  # a string, timm's name
        del description["data"]["typical_seconds"], description["choice"], description["foreign"]
        for name in ("foreign.safetensors", "answers.safetensors"):
            del description["files"][name]
        description["files"]["compiled/layout.json"] = digest_file(layout)

    layout = copy / "compiled" / "layout.json"
    now = json.loads(layout.read_text())
    then = {key: now[key] for key in ("backbone", "digest", "segments")}
    layout.write_text(json.dumps({"format": 2, "size": now["windows"]["shape"][0], **then}))
    edit(copy, older, sign=True)
    old = load(copy)
    assert (old.backbone.modality, old.backbone.precision) == ("image", "f32")
    assert old.backbone.architecture == load(saved).backbone.architecture
    # its heads had no bend before the softmax
    new = load(saved)
    assert isinstance(new.head, KernelHead)
    parts = replace(new.parts, head=replace(new.head, linked=False))
    images = sorted(digits.rglob("*.png"))
    found = old.predict_proba(images)
    np.testing.assert_array_equal(found, Model(parts).predict_proba(images))
    assert not np.array_equal(found, new.predict_proba(images))
    old.save(copy.with_name("again"))
    np.testing.assert_array_equal(load(copy.with_name("again")).predict_proba(images), found)
    assert json.loads((copy.with_name("again") / "model.json").read_text())["format"] == 2


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ("[" * 100_000 + "]" * 100_000, "nested too deep"),
        ('{"made_by": "topwork", "format": 2, "a": NaN}', "the number NaN"),
        ('{"made_by": "topwork", "format": 2, "a": -Infinity}', "the number -Infinity"),
        ('{"made_by": "topwork", "format": 2, "a": 1e999}', "is damaged"),
        ('{"made_by": "topwork", "format": 1, "a": ' + "9" * 5000 + "}", "is damaged"),
    ],
)
def test_a_hostile_description(content: str, word: str, copy: Path) -> None:
    (copy / "model.json").write_text(content)
    with pytest.raises(ModelError, match=word):
        load(copy)


def test_a_huge_description_is_not_read(copy: Path) -> None:
    with (copy / "model.json").open("r+b") as file:
        file.truncate(100_000_001)
    with pytest.raises(ModelError, match=r"100,000,001 bytes; accepted: at most 100,000,000"):
        load(copy)


def test_files_stay_inside_the_folder(copy: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("not of the model")
    for name in ("../outside", str(outside), "a/../../outside", "C:\\outside", "..\\outside"):
        edit(copy, lambda d, name=name: d["files"].update({name: "0" * 64}), sign=True)
        with pytest.raises(ModelError, match="outside its folder"):
            load(copy)
        edit(copy, lambda d, name=name: d["files"].pop(name), sign=True)
    load(copy)
    (copy / "recipe.toml").rename(outside)
    (copy / "recipe.toml").symlink_to(outside)
    with pytest.raises(ModelError, match=r"is a link to .*outside.*cp -rL"):
        load(copy)
    (copy / "recipe.toml").unlink()
    (copy / "recipe.toml").symlink_to("recipe.toml")
    with pytest.raises(ModelError, match=r"recipe\.toml"):
        load(copy)


@pytest.mark.parametrize(
    "name",
    ["head.safetensors", "recipe.toml", "foreign.safetensors", "compiled/network.bin",
     "compiled/network.xml", "compiled/layout.json"],
)  # fmt: skip
def test_what_is_required_must_be_named(name: str, copy: Path) -> None:
    edit(copy, lambda d: d["files"].pop(name), sign=True)
    with pytest.raises(ModelError, match=f"names no {name}.*train .* again"):
        load(copy)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs another user")
def test_a_folder_that_may_not_be_read(copy: Path) -> None:
    for path in (copy / "model.json", copy / "head.safetensors"):
        path.chmod(0)
        code = (
            "import os, sys; from topwork.model.archive import read_model\n"
            "from pathlib import Path; place = Path(sys.argv[1])\n"
            "os.chdir(place); os.seteuid(65534)\n"
            "try: read_model(Path('.'))\n"
            "except Exception as error: print(type(error).__name__, error)"
        )
        for folder in (*copy.parents, copy):
            if folder != Path("/") and folder.owner() == "root":
                folder.chmod(folder.stat().st_mode | 0o5)
        done = subprocess.run(
            [sys.executable, "-c", code, str(copy)], capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith("ModelError"), done.stdout
        assert "Permission denied" in done.stdout
        path.chmod(0o644)


def test_a_head_of_no_numbers_is_found_when_it_is_used(copy: Path, digits: Path) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = load_file(copy / "head.safetensors")
    for name, tensor in tensors.items():
        if tensor.dtype.kind == "f":
            tensors[name] = np.full_like(tensor, np.nan)
    save_file(tensors, copy / "head.safetensors")
    digest = digest_file(copy / "head.safetensors")
    edit(copy, lambda d: d["files"].update({"head.safetensors": digest}), sign=True)
    with pytest.raises(ModelError, match=r"cannot be read|not numbers \(NaN\)"):
        load(copy).predict(digits / "one" / "0.png")


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["classes"].reverse(),
        lambda d: d["evaluation"]["accuracy"].update(value=0.5),
        lambda d: d.pop("digest"),
        lambda d: d["files"].pop("recipe.toml"),
    ],
)
def test_an_edited_description(change: Callable[[dict[str, Any]], object], copy: Path) -> None:
    edit(copy, change)
    with pytest.raises(ModelError, match=r"changed after .*digest.*train .* again"):
        load(copy)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("head"),
        lambda d: d.pop("files"),
        lambda d: d["head"].update(segments=3),
        lambda d: d["head"].update(pools=3),
        lambda d: d["head"].update(blocks=["bn1"]),
        lambda d: d["head"].update(kind="dense"),
        lambda d: d["head"].update(kind="tree"),
        lambda d: d["backbone"].pop("card"),
        lambda d: d["backbone"]["card"].update(colour="blue"),
        lambda d: d["backbone"]["input"].update(size=-1),
        lambda d: d["evaluation"].pop("accuracy"),
        lambda d: d["recipe"].update(seed=-1),
        lambda d: d["data"].update(skipped=[1]),
        lambda d: d.update(files=[1]),
        lambda d: d["files"].update({"recipe.toml": 3}),
        lambda d: d.update(classes=["one", "two"]),
        lambda d: d.update(classes=["one", "two", "two"]),
        lambda d: d.update(classes=["one", "two", 3]),
        lambda d: d.update(classes="abc"),
        lambda d: d.update(classes=None),
        lambda d: d.update(notes=[1]),
        lambda d: d.update(pools=[1]),
        lambda d: d.update(data=3),
        lambda d: d.update(choice=3),
        lambda d: d.update(recipe=[]),
        lambda d: d.update(backbone=[]),
        lambda d: d["backbone"].update(input=3),
        lambda d: d["backbone"].update(precision=7),
        lambda d: d["backbone"].update(name=None),
        lambda d: d["backbone"].update(digest=3),
        lambda d: d["backbone"].update(architecture="resnet"),
        lambda d: d.update(head=None),
    ],
)
def test_a_description_that_was_forged(
    change: Callable[[dict[str, Any]], object], copy: Path
) -> None:
    edit(copy, change, sign=True)
    with pytest.raises(ModelError, match=r"(?s)cannot be read.*train .* again"):
        load(copy)


def test_a_head_of_before_there_were_several(copy: Path, saved: Path) -> None:
    def older(description: dict[str, Any]) -> None:
        del description["head"]["kind"], description["head"]["unit"]
        for name in ("head", "dropout", "label_smoothing"):
            description["recipe"].pop(name, None)

    edit(copy, older, sign=True)
    old, new = load(copy), load(saved)
    assert old.recipe.head == "kernel"
    for name, tensor in new.head.tensors().items():
        np.testing.assert_array_equal(old.head.tensors()[name], tensor)
    assert old.head.settings() == new.head.settings()


def test_a_forged_head(copy: Path) -> None:
    (copy / "head.safetensors").write_bytes(b"\x10\x00\x00\x00\x00\x00\x00\x00 no tensors here")
    digest = digest_file(copy / "head.safetensors")
    edit(copy, lambda d: d["files"].update({"head.safetensors": digest}), sign=True)
    with pytest.raises(ModelError, match=r"head\.safetensors' is not a safetensors"):
        load(copy)


def test_a_folder_that_is_not_empty_is_refused(tiny_model: Model, tmp_path: Path) -> None:
    folder = tiny_model.save(tmp_path / "model")
    before = (folder / "model.json").read_bytes()
    with pytest.raises(ModelError, match=r"holds a model already.*--overwrite"):
        tiny_model.save(folder)
    assert (folder / "model.json").read_bytes() == before


def test_an_empty_folder_is_taken(tiny_model: Model, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    tiny_model.save(tmp_path / "model")
    assert load(tmp_path / "model").classes == small.NAMES


def test_overwriting_leaves_the_new_model_alone(
    tiny_model: Model, copy: Path, tmp_path: Path
) -> None:
    tiny_model.save(copy, overwrite=True)
    assert load(copy).backbone.name == "tiny"
    assert names(tmp_path) == {"model"}
    (copy / "model.json").write_text("damaged")
    tiny_model.save(copy, overwrite=True)
    assert load(copy).backbone.name == "tiny"


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("content", [None, "", "[1]", '{"format": 1}', '{"made_by": "me"}'])
def test_a_folder_of_others_is_never_touched(
    content: str | None, overwrite: bool, tiny_model: Model, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    if content is not None:
        (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelError, match=r"not empty.*no Topwork model.*another folder"):
        tiny_model.save(tmp_path, overwrite=overwrite)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_what_others_put_beside_a_model_is_never_removed(tiny_model: Model, copy: Path) -> None:
    (copy / "thesis.txt").write_text("mine")
    with pytest.raises(ModelError, match=r"and thesis\.txt that .*Move these"):
        tiny_model.save(copy, overwrite=True)
    assert (copy / "thesis.txt").read_text() == "mine"
    assert load(copy)


def test_a_file_in_the_way(tiny_model: Model, tmp_path: Path) -> None:
    (tmp_path / "model").write_text("mine")
    with pytest.raises(ModelError, match=r"model.* is a file.*name of a folder"):
        tiny_model.save(tmp_path / "model", overwrite=True)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("there", [False, True])
def test_a_save_that_fails_half_way_changes_nothing(
    error: BaseException, there: bool, tiny_model: Model, copy: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def fail(*arguments: object) -> None:
        raise error

    folder = copy if there else tmp_path / "new"
    before = names(tmp_path)
    monkeypatch.setattr(archive, "summary", fail)
    if isinstance(error, OSError):
        with pytest.raises(StoreError, match=r"Saving the model.*No space left"):
            tiny_model.save(folder, overwrite=True)
    else:
        with pytest.raises(KeyboardInterrupt):
            tiny_model.save(folder, overwrite=True)
    assert names(tmp_path) == before
    if there:
        assert load(folder).backbone.name == small.SMALL


def test_a_rename_that_fails_leaves_the_old_model(
    tiny_model: Model, copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if Path(target) == copy and self.suffix == ".part":
            raise PermissionError(13, "Permission denied")
        return plain(self, target)

    monkeypatch.setattr(files, "exchange", lambda *_names: False)  # as on other systems
    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(StoreError, match="Permission denied"):
        tiny_model.save(copy, overwrite=True)
    assert names(tmp_path) == {"model"}
    assert load(copy).backbone.name == small.SMALL


def test_a_relative_path_is_taken_from_here(
    tiny_model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    tiny_model.save("pets")
    assert load("pets").classes == small.NAMES
    with pytest.raises(ModelError, match="holds a model already"):
        tiny_model.save(Path("pets"))


def test_a_summary_is_plain(tiny_model: Model) -> None:
    data = summary(tiny_model.parts)
    assert json.loads(json.dumps(data)) == data
    assert data["pools"] == [pool for pool in POOLS if pool in tiny_model.pools]
    assert isinstance(tiny_model.data, DataCounts)
