"""Words for heads, read and refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topwork.errors import SettingError
from topwork.heads.settings import HeadSettings, parse_head


@pytest.mark.parametrize(
    ("text", "kind", "units"),
    [
        ("kernel", "kernel", ()),
        ("linear", "linear", ()),
        ("nearest", "nearest", ()),
        ("mlp:256", "mlp", (256,)),
        ("mlp:256,128", "mlp", (256, 128)),
        ("mlp:8192,1,1,1,1,1,1,1", "mlp", (8192, 1, 1, 1, 1, 1, 1, 1)),
    ],
)
def test_words(text: str, kind: str, units: tuple[int, ...]) -> None:
    found = parse_head(text)
    assert (found.kind, found.units) == (kind, units)
    assert (found.dropout, found.label_smoothing) == (0.2, 0.1)


@pytest.mark.parametrize(
    "text",
    ["", "Kernel", "mlp", "mlp:", "mlp:0", "mlp:8193", "mlp:99999999999", "mlp:1,", "mlp:1, 2",
     "mlp:-3", "mlp:1.5", "mlp:1,1,1,1,1,1,1,1,1", "mlp:٣", "linear ", "mlp:256\n", None, 3, []],
)  # fmt: skip
def test_words_that_are_not_accepted(text: object) -> None:
    with pytest.raises(SettingError, match=re.escape(f"head is {text!r}; accepted: kernel, lin")):
        parse_head(text)  # type: ignore[arg-type]


@given(st.lists(st.integers(1, 8192), min_size=1, max_size=8))
def test_any_units_come_back(units: list[int]) -> None:
    assert parse_head("mlp:" + ",".join(map(str, units))).units == tuple(units)


def test_shares_are_kept() -> None:
    expected = HeadSettings(kind="mlp", units=(8,), dropout=0.0, label_smoothing=0.99)
    assert parse_head("mlp:8", dropout=0, label_smoothing=0.99) == expected


@pytest.mark.parametrize("name", ["dropout", "label_smoothing"])
@pytest.mark.parametrize("value", [-0.1, 1, 1.5, float("nan"), True, "0.1"])
def test_shares_that_are_not_accepted(name: str, value: object) -> None:
    message = f"{name} is {re.escape(repr(value))}; accepted: .*0 or more and less than 1"
    with pytest.raises(SettingError, match=message):
        parse_head("mlp:8", **{name: value})  # type: ignore[arg-type]
