"""Several networks stand side by side as one backbone."""

import pytest

from tests import small
from topwork.backbones.base import RANDOM
from topwork.backbones.joined import join_backbones, network_names, split_names
from topwork.backbones.random import with_random_weights
from topwork.backbones.registry import get_backbone
from topwork.errors import BackboneError, ModalityError, SettingError
from topwork.executors.fake import fake_backbone

OTHER = "topwork/conv2d:4,8?pretrained=false&size=32"


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a", ["a"]),
        ("a+b", ["a", "b"]),
        ("a?size=160+b?size=64&resize=pad", ["a?size=160", "b?size=64&resize=pad"]),
        ("a?prompt=x + y", ["a?prompt=x + y"]),
        ("a+b?prompt=x+y", ["a", "b?prompt=x+y"]),
    ],
)
def test_names_are_split_at_the_plus_and_a_prompt_is_whole(text: str, names: list[str]) -> None:
    assert split_names(text) == names


def test_a_name_with_a_plus_is_both() -> None:
    both = get_backbone(f"{small.SMALL}+{OTHER}")
    assert [one.digest for one in both.networks] == [
        get_backbone(small.SMALL).digest, get_backbone(OTHER).digest,
    ]  # fmt: skip
    assert both.name == f"{small.SMALL}+{OTHER}"
    assert both.digest not in {one.digest for one in both.networks}
    assert both.card.num_pretraining_examples == 0
    assert get_backbone(small.SMALL).networks == (get_backbone(small.SMALL),)


def test_sizes_go_to_each() -> None:
    both = get_backbone(f"{small.SMALL}+{OTHER}", input_size=48)
    assert [getattr(one.input, "size", None) for one in both.networks] == [48, 48]


def test_random_weights_are_those_of_each_and_their_blocks_keep_their_names() -> None:
    both = join_backbones([get_backbone(small.SMALL), get_backbone(OTHER)])
    other = with_random_weights(both, 1)
    assert other.digest != both.digest
    assert all(one.name.endswith(RANDOM) for one in other.networks)
    assert network_names(other) == network_names(both)


def test_what_does_not_go_together_is_refused() -> None:
    one, two = fake_backbone("one"), fake_backbone("two")
    assert join_backbones([one]) is one
    with pytest.raises(SettingError, match=r"'one\+two\+one'; accepted: up to 4 networks, each on"):
        join_backbones([one, two, one])
    with pytest.raises(SettingError, match="accepted: up to 4"):
        join_backbones([fake_backbone(str(i)) for i in range(5)])
    with pytest.raises(ModalityError, match="'one' and 'tiny sound' take images and sounds"):
        join_backbones([one, small.tiny_sound_backbone()])
    with pytest.raises(BackboneError, match=r"'one\+two' is 2 networks.*train = 'head' or 'auto'"):
        join_backbones([one, two]).build()
