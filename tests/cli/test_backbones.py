"""`topwork backbones`: what there is to transfer from."""

import json
from pathlib import Path

from tests import small
from tests.cli.commands import good, run
from topwork.backbones.catalog import list_backbones


def test_backbones() -> None:
    text = good("backbones").stdout
    for row in list_backbones():
        assert row.name in text
    assert "Apache-2.0" in text
    rows = json.loads(good("backbones", "--json").stdout)
    assert rows[0]["name"] == "efficientnet-lite0"
    assert set(rows[0]["card"]) == {
        "licence", "pretrained_on", "num_pretraining_examples", "source",
    }  # fmt: skip


def test_pack(tmp_path: Path) -> None:
    out = tmp_path / "packed"
    said = good("backbones", "pack", small.SMALL, "--name", "mine", "--out", str(out)).stdout
    assert f"pip install --no-deps {out}" in said.replace("\n", "")
    assert "--backbone mine" in said
    assert (out / "pyproject.toml").is_file()
    failed = run("backbones", "pack", small.SMALL, "--out", str(out))
    assert failed.exit_code
    assert "is there already" in failed.output
    other = good("backbones", "pack", small.SMALL, "--out", str(tmp_path / "two"), "--json")
    assert json.loads(other.stdout)["name"] == "test_efficientnet"
