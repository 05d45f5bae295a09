"""Models that are pickled: whole, checked, and gone when nobody has them."""

import gc
import os
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest

from topwork.errors import ModelError
from topwork.model.model import Model, load
from topwork.model.packed import pack, unpack


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made in this test."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_a_model_comes_back_to_the_digit(
    tiny_model: Model, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = sorted(digits.rglob("*.png"))
    before = tiny_model.predict_proba(paths)
    again = pickle.loads(pickle.dumps(tiny_model))
    np.testing.assert_array_equal(again.predict_proba(paths), before)
    assert again.evaluation == tiny_model.evaluation
    assert again.device == tiny_model.device
    monkeypatch.setenv("TOPWORK_CACHE", str(tmp_path / "empty"))  # its own files are enough
    again.save(tmp_path / "model")
    np.testing.assert_array_equal(load(tmp_path / "model").predict_proba(paths), before)


def test_a_loaded_model_whose_folder_was_damaged_is_not_saved_as_whole(
    saved: Path, tmp_path: Path
) -> None:
    folder = load(saved).save(tmp_path / "model")
    model = load(folder)
    weights = folder / "backbone.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(ModelError, match=r"backbone\.safetensors' is damaged or was changed"):
        model.save(tmp_path / "again")
    with pytest.raises(ModelError, match="is damaged"):
        pickle.dumps(model)


def test_a_loaded_model_whose_folder_is_gone_is_saved_anew(saved: Path, tmp_path: Path) -> None:
    folder = load(saved).save(tmp_path / "model")
    model = load(folder)
    folder.rename(tmp_path / "moved")
    model.save(tmp_path / "again")
    assert load(tmp_path / "again").classes == model.classes


def test_what_is_unpacked_is_checked(tiny_model: Model, temporary: Path) -> None:
    packed = pack(tiny_model.parts)
    assert "model.json" in packed
    assert not list(temporary.iterdir())
    damaged = {**packed, "head.safetensors": packed["head.safetensors"][:-1] + b"?"}
    with pytest.raises(ModelError, match=r"head\.safetensors.* is damaged or was changed"):
        unpack(damaged)
    with pytest.raises(ModelError, match="lacks its recipe"):
        unpack({name: data for name, data in packed.items() if name != "recipe.toml"})
    for name in ("../evil", "/evil", "a\\..\\evil"):
        with pytest.raises(ModelError, match=r"evil', which would lie outside"):
            unpack({**packed, name: b"x"})
    assert not list(temporary.iterdir())


def test_files_are_gone_when_nobody_has_the_model(tiny_model: Model, temporary: Path) -> None:
    parts = unpack(pack(tiny_model.parts))
    assert len(list(temporary.iterdir())) == 1
    backbone = parts.backbone
    del parts
    gc.collect()
    assert len(list(temporary.iterdir())) == 1
    del backbone
    gc.collect()
    assert not list(temporary.iterdir())


def test_a_forked_child_leaves_its_parents_files(tiny_model: Model, temporary: Path) -> None:
    parts = unpack(pack(tiny_model.parts))
    child = os.fork()
    if not child:
        del parts
        gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert len(list(temporary.iterdir())) == 1
