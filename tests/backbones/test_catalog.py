"""The table of known backbones, and the rules that find blocks."""

from topwork.backbones.catalog import FAMILIES, find_family, list_backbones, match_blocks


def test_the_embedded_backbone_comes_first_and_every_row_says_its_licence() -> None:
    rows = list_backbones()
    assert rows[0].name == "efficientnet-lite0"
    assert rows[0].card.num_pretraining_examples == 1_281_167
    assert all(row.card.licence and row.card.pretrained_on and row.note for row in rows)
    assert len({row.name for row in rows}) == len(rows)


def test_a_licence_that_is_not_open_is_said() -> None:
    (dinov3,) = [row for row in list_backbones() if "dinov3" in row.name]
    assert "DINOv3" in dinov3.card.licence
    assert "licence" in dinov3.note


def test_a_family_is_found_by_its_class() -> None:
    assert find_family("ResNet") is FAMILIES[2]
    assert find_family("Perceiver") is None


def test_patterns_name_blocks_in_the_order_of_the_patterns_then_of_the_modules() -> None:
    modules = ["", "head", "blocks.0", "blocks.10", "blocks.2", "blocks.2.norm", "stem"]
    found = match_blocks(("stem", "blocks.#", "gone"), modules)
    assert found == ["stem", "blocks.0", "blocks.10", "blocks.2"]


def test_a_dot_in_a_pattern_is_a_dot() -> None:
    assert match_blocks(("a.#",), ["a.1", "ab1"]) == ["a.1"]
