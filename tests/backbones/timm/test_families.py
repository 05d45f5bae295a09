"""The rules that find the blocks of timm's networks."""

from topwork.backbones.timm.families import FAMILIES, find_family, match_blocks


def test_a_family_is_found_by_its_class() -> None:
    assert find_family("ResNet") is FAMILIES[2]
    assert find_family("Perceiver") is None


def test_patterns_name_blocks_in_the_order_of_the_patterns_then_of_the_modules() -> None:
    modules = ["", "head", "blocks.0", "blocks.10", "blocks.2", "blocks.2.norm", "stem"]
    found = match_blocks(("stem", "blocks.#", "gone"), modules)
    assert found == ["stem", "blocks.0", "blocks.10", "blocks.2"]


def test_a_dot_in_a_pattern_is_a_dot() -> None:
    assert match_blocks(("a.#",), ["a.1", "ab1"]) == ["a.1"]
