"""The table of known backbones."""

import pytest

from topwork.backbones.catalog import EMBEDDED, default_backbone, list_backbones
from topwork.errors import SettingError
from topwork.examples.example import Modality


def test_the_embedded_backbones_come_first_and_every_row_says_its_licence() -> None:
    rows = list_backbones()
    assert [row.name for row in rows[:3]] == ["efficientnet-lite0", "speech-embedding", "minilm-l6"]
    assert {row.modality for row in rows} == {"image", "sound", "text"}
    assert rows[0].card.num_pretraining_examples == 1_281_167
    assert all(row.card.licence and row.card.pretrained_on and row.note for row in rows)
    assert len({row.name for row in rows}) == len(rows)


def test_a_licence_that_is_not_open_is_said() -> None:
    (dinov3,) = [row for row in list_backbones() if "dinov3" in row.name]
    assert "DINOv3" in dinov3.card.licence
    assert "licence" in dinov3.note


@pytest.mark.parametrize("modality", ["image", "sound", "text"])
def test_the_default_of_a_modality_is_embedded(modality: Modality) -> None:
    assert EMBEDDED[default_backbone(modality)].modality == modality


def test_arrays_have_no_default() -> None:
    with pytest.raises(SettingError, match=r"arrays.*topwork\.from_module"):
        default_backbone("array")
