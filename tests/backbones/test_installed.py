"""Backbones of installed packages are found by their entry points, and nothing is imported."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests import small
from topwork.backbones.installed import find_installed, installed_names
from topwork.backbones.registry import get_backbone, installed_beside, installed_rows
from topwork.backbones.saved.pack import pack_backbone
from topwork.errors import UnknownBackboneError, WeightsError
from topwork.executors.choose import open_executor

Install = Callable[[str], Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Pack a small network under a name, and lay the package where Python looks for some."""
    (tmp_path / "site").mkdir()
    monkeypatch.syspath_prepend(tmp_path / "site")

    def packed(name: str) -> Path:
        out = tmp_path / name
        pack_backbone(get_backbone(small.SMALL), out, name=name)
        (module,) = (path for path in out.iterdir() if path.is_dir())
        there = module.rename(tmp_path / "site" / module.name)
        info = tmp_path / "site" / f"{module.name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Name: topwork-backbone-{name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[topwork.backbones]\n{name} = {module.name}\n")
        return there

    return packed


def test_an_installed_one_is_found_by_its_name(install: Install) -> None:
    folder = install("small-one")
    assert "small-one" in installed_names()
    found, original = get_backbone("small-one"), get_backbone(small.SMALL)
    assert found.name == "small-one"
    assert folder.name not in sys.modules
    windows = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)
    one, other = (
        list(open_executor(each, pools=("mean",)).run(windows)) for each in (found, original)
    )
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    assert get_backbone("small-one?size=48").input.size == 48
    assert [row.name for row in installed_rows()] == ["small-one"]
    both = get_backbone("small-one+" + small.SMALL)
    assert [one.name for one in both.networks] == ["small-one", small.SMALL]


def test_what_else_is_installed_comes_along(install: Install) -> None:
    image, sound = get_backbone("efficientnet-lite0"), get_backbone("speech-embedding")
    before = [one.name for one in installed_beside(image)]
    install("small-one")
    assert [one.name for one in installed_beside(image)] == [*before, "small-one"]
    assert installed_beside(sound) == []  # what takes pictures is of no use
    assert "small-one" not in [one.name for one in installed_beside(get_backbone("small-one"))]


def test_a_package_without_its_folder_is_named(install: Install) -> None:
    folder = install("small-one")
    (folder / "config.json").unlink()
    with pytest.raises(WeightsError, match=r"'topwork-backbone-small-one' says.*force-reinstall"):
        get_backbone("small-one")
    assert installed_rows() == []


def test_nobody_is_found_under_another_name(install: Install) -> None:
    install("small-one")
    assert find_installed("other") is None
    with pytest.raises(UnknownBackboneError, match="Nearest: 'small-one'"):
        get_backbone("smal-one")
