"""A packed backbone is a project that pip takes."""

import hashlib
import tomllib
from pathlib import Path

import pytest

from tests import small
from topwork.backbones.joined import join_backbones
from topwork.backbones.registry import get_backbone
from topwork.backbones.saved.pack import pack_backbone
from topwork.errors import BackboneError, SettingError


def test_the_package_names_the_backbone_and_has_no_code(tmp_path: Path) -> None:
    out = tmp_path / "packed"
    assert pack_backbone(get_backbone(small.SMALL), out) == "test_efficientnet"
    project = tomllib.loads((out / "pyproject.toml").read_text())
    module = "topwork_backbone_test_efficientnet"
    assert project["project"]["name"] == "topwork-backbone-test_efficientnet"
    assert project["project"]["entry-points"]["topwork.backbones"] == {"test_efficientnet": module}
    assert project["tool"]["setuptools"]["packages"] == [module]
    files = {path.name for path in (out / module).iterdir()}
    assert files == {"__init__.py", "config.json", "model.safetensors"}
    assert (out / module / "__init__.py").read_text().count("\n") == 1
    card = (out / "README.md").read_text()
    assert "packed with Topwork" in card
    assert "--backbone test_efficientnet\n" in card


def test_every_file_has_its_digest(tmp_path: Path) -> None:
    out = tmp_path / "packed"
    pack_backbone(get_backbone(small.SMALL), out, name="one")
    lines = [line.split("  ") for line in (out / "SHA256SUMS").read_text().splitlines()]
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert {name for _, name in lines} == there - {"SHA256SUMS"}
    for digest, name in lines:
        assert hashlib.sha256((out / name).read_bytes()).hexdigest() == digest


def test_options_are_kept(tmp_path: Path) -> None:
    text = small.tiny_text_backbone()
    with pytest.raises(BackboneError, match="module of somebody's own"):
        pack_backbone(text, tmp_path / "own", name="own")
    assert not (tmp_path / "own").exists()
    pack_backbone(get_backbone("timm/test_vit?pretrained=false&size=32"), tmp_path / "vit")
    (folder,) = (path for path in (tmp_path / "vit").iterdir() if path.is_dir())
    found = get_backbone(folder)
    assert found.input == get_backbone("timm/test_vit?pretrained=false&size=32").input


def test_what_cannot_be_packed_is_refused(tmp_path: Path) -> None:
    one = get_backbone(small.SMALL)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "notes.txt").write_text("mine")
    with pytest.raises(BackboneError, match="Nothing in it was touched"):
        pack_backbone(one, tmp_path / "there")
    with pytest.raises(SettingError, match=r"'a b'; accepted: letters, digits"):
        pack_backbone(one, tmp_path / "x", name="a b")
    both = join_backbones([one, get_backbone("topwork/conv2d:4?pretrained=false&size=32")])
    with pytest.raises(BackboneError, match="is 2 networks"):
        pack_backbone(both, tmp_path / "x", name="both")
