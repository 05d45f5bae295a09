"""The names of ways of training, and where they cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topwork.errors import SettingError
from topwork.training.strategy import Strategy, block_before, parse_strategy

BLOCKS = ("stem", "a", "b", "c")


@pytest.mark.parametrize(
    "text", ["auto", "head", "all", "scratch", "last:1", "last:12", "contrast:3"]
)
def test_a_name_and_back(text: str) -> None:
    assert str(parse_strategy(text)) == text


@given(st.one_of(st.text(), st.integers(), st.none(), st.from_regex(r"last:.*")))
def test_all_else_is_refused(text: object) -> None:
    try:
        strategy = parse_strategy(text)
    except SettingError as error:
        assert "accepted: auto, head, last:K" in str(error)  # noqa: PT017
    else:
        assert str(strategy) == text


@pytest.mark.parametrize(
    "text",
    ["last:0", "last:-1", "last:", "last:1.5", "Last:1", "last:01", 3, "contrast", "contrast:0"],
)
def test_near_misses_are_refused(text: object) -> None:
    with pytest.raises(SettingError, match=r"accepted: auto, .*--train last:3"):
        parse_strategy(text)


def test_which_ways_train_blocks() -> None:
    fine_tuned = [
        kind
        for kind in ("auto", "head", "last:2", "contrast:2", "all", "scratch")
        if parse_strategy(kind).trains_blocks
    ]
    assert fine_tuned == ["last:2", "contrast:2", "all", "scratch"]


def test_the_block_before_the_cut() -> None:
    assert block_before(BLOCKS, parse_strategy("last:1"), name="n") == "b"
    assert block_before(BLOCKS, parse_strategy("last:3"), name="n") == "stem"
    assert block_before(BLOCKS, parse_strategy("contrast:2"), name="n") == "a"
    for kind in ("all", "scratch"):
        assert block_before(BLOCKS, parse_strategy(kind), name="n") is None


@pytest.mark.parametrize("last", [4, 9])
def test_more_blocks_than_there_are(last: int) -> None:
    with pytest.raises(
        SettingError,
        match=rf"last:{last}', .*'n' has 4 .*last:1 to last:3",
    ):
        block_before(BLOCKS, Strategy(kind="last", last_blocks=last), name="n")
