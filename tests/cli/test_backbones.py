"""`topwork backbones`: what there is to transfer from."""

import json

from tests.cli.commands import good
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
