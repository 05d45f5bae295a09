"""Dataclasses as plain data, and back."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topwork.core.plain import KEY, Plain, from_plain, to_plain


@dataclass(frozen=True, kw_only=True)
class Inner(Plain):
    SHOWN: ClassVar[tuple[str, ...]] = ("half",)

    value: float
    kind: Literal["a", "b"] = "a"

    @property
    def half(self) -> float:
        return self.value / 2


@dataclass(frozen=True, kw_only=True)
class Outer(Plain):
    name: str
    inner: Inner | None
    strategy: str = field(metadata={KEY: "way"})
    rows: tuple[tuple[float, ...], ...] = ()
    pair: tuple[int, str] = (0, "")
    counts: Mapping[str, int] = field(default_factory=dict)
    inners: Sequence[Inner] = ()
    words: list[str] = field(default_factory=list)
    either: int | str = 0
    anything: Any = None
    sure: bool = False
    length: int = field(init=False, default=3)


ONE = Outer(
    name="one",
    inner=Inner(value=0.5, kind="b"),
    strategy="head",
    rows=((0.25, 1.0), ()),
    pair=(3, "x"),
    counts={"cat": 2},
    inners=(Inner(value=1.0),),
    words=["a"],
    either="text",
    anything=[1, {"deep": None}],
    sure=True,
)


def test_there_and_back() -> None:
    data = ONE.to_dict()
    assert data == {
        "name": "one", "inner": {"value": 0.5, "kind": "b", "half": 0.25}, "way": "head",
        "rows": [[0.25, 1.0], []], "pair": [3, "x"], "counts": {"cat": 2},
        "inners": [{"value": 1.0, "kind": "a", "half": 0.5}], "words": ["a"], "either": "text",
        "anything": [1, {"deep": None}], "sure": True, "length": 3,
    }  # fmt: skip
    assert Outer.from_dict(json.loads(json.dumps(data))) == ONE


def test_defaults_may_be_left_out_and_unknown_names_are_left_aside() -> None:
    found = Outer.from_dict({"name": "one", "inner": None, "way": "head", "later": [1, 2]})
    assert found == Outer(name="one", inner=None, strategy="head")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"name": None}, TypeError, r"None.* str"),
        ({"name": 3}, TypeError, r"3.* str"),
        ({"inner": 0.5}, TypeError, r"0\.5.* Inner"),
        ({"inner": {}}, KeyError, r"Inner lacks.* value"),
        ({"inner": {"value": "much"}}, TypeError, r"'much'.* float"),
        ({"inner": {"value": True}}, TypeError, r"True.* float"),
        ({"inner": {"value": 1, "kind": "c"}}, ValueError, r"'c'; accepted: 'a', 'b'"),
        ({"rows": 3}, TypeError, r"3 is no list"),
        ({"rows": "text"}, TypeError, r"'text' is no list"),
        ({"rows": [["text"]]}, TypeError, r"'text'.* float"),
        ({"pair": [3]}, ValueError, r"zip"),
        ({"pair": ["x", 3]}, TypeError, r"'x'.* int"),
        ({"counts": [["cat", 2]]}, TypeError, r"\[\['cat', 2\]\]"),
        ({"counts": {"cat": 2.5}}, TypeError, r"2\.5.* int"),
        ({"counts": {"cat": True}}, TypeError, r"True.* int"),
        ({"inners": {"value": 1}}, TypeError, r"no list"),
        ({"inners": [None]}, TypeError, r"None.* Inner"),
        ({"words": [1]}, TypeError, r"1.* str"),
        ({"either": 2.5}, TypeError, r"2\.5.* int"),
        ({"sure": 1}, TypeError, r"1.* bool"),
    ],
)
def test_other_data_is_refused(
    change: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        Outer.from_dict({**ONE.to_dict(), **change})


@pytest.mark.parametrize("name", ["name", "inner", "way"])
def test_a_field_that_is_missing_is_named(name: str) -> None:
    data = {key: value for key, value in ONE.to_dict().items() if key != name}
    with pytest.raises(KeyError, match=rf"Outer lacks.*\b{name}\b"):
        Outer.from_dict(data)


def test_no_table_at_all() -> None:
    for data in (None, [], "text", 3):
        with pytest.raises(TypeError, match="Outer"):
            Outer.from_dict(data)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [{1, 2}, object(), b"bytes", np.arange(3), Outer, np.int64(3)])
def test_what_has_no_plain_form(value: object) -> None:
    with pytest.raises(TypeError, match=type(value).__name__):
        to_plain({"here": [value]})


def test_whole_numbers_stand_for_floats() -> None:
    found = from_plain(Inner, {"value": 2})
    assert found.value == 2.0
    assert isinstance(found.value, float)


def test_plain_types_alone() -> None:
    assert from_plain(tuple[float, ...], [1, 2.5]) == (1.0, 2.5)
    assert from_plain(dict[str, int], {"a": 1}) == {"a": 1}
    assert from_plain(list[str], ["a"]) == ["a"]
    with pytest.raises(TypeError, match=r"'a'.* int"):
        from_plain(int, "a")


@given(
    rows=st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False))),
    counts=st.dictionaries(st.text(), st.integers()),
    name=st.text(),
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
)
def test_all_that_is_made_comes_back(
    rows: list[list[float]], counts: dict[str, int], name: str, value: float | None
) -> None:
    one = Outer(
        name=name, inner=None if value is None else Inner(value=value), strategy="x",
        rows=tuple(map(tuple, rows)), counts=counts,
    )  # fmt: skip
    assert Outer.from_dict(json.loads(json.dumps(one.to_dict()))) == one
