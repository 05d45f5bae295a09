"""The names of ways of training, and where they cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topwork.errors import SettingError
from topwork.training.strategy import Way, block_before, parse_way

BLOCKS = ("stem", "a", "b", "c")


@pytest.mark.parametrize("text", ["auto", "head", "all", "scratch", "last:1", "last:12"])
def test_a_name_and_back(text: str) -> None:
    assert str(parse_way(text)) == text


@given(st.one_of(st.text(), st.integers(), st.none(), st.from_regex(r"last:.*")))
def test_all_else_is_refused(text: object) -> None:
    try:
        way = parse_way(text)
    except SettingError as error:
        assert "accepted: auto, head, last:K" in str(error)  # noqa: PT017
    else:
        assert str(way) == text


@pytest.mark.parametrize("text", ["last:0", "last:-1", "last:", "last:1.5", "Last:1", "last:01", 3])
def test_near_misses_are_refused(text: object) -> None:
    with pytest.raises(SettingError, match=r"train is .*; accepted: auto, .* --train last:3"):
        parse_way(text)


def test_which_ways_train_blocks() -> None:
    tuned = [
        kind for kind in ("auto", "head", "last:2", "all", "scratch") if parse_way(kind).is_tuned
    ]
    assert tuned == ["last:2", "all", "scratch"]


def test_the_block_before_the_cut() -> None:
    assert block_before(BLOCKS, parse_way("last:1"), name="n") == "b"
    assert block_before(BLOCKS, parse_way("last:3"), name="n") == "stem"
    for kind in ("all", "scratch"):
        assert block_before(BLOCKS, parse_way(kind), name="n") is None


@pytest.mark.parametrize("last", [4, 9])
def test_more_blocks_than_there_are(last: int) -> None:
    with pytest.raises(
        SettingError,
        match=rf"train is 'last:{last}', and the backbone 'n' has 4 .*last:1 to last:3",
    ):
        block_before(BLOCKS, Way(kind="last", last_blocks=last), name="n")
