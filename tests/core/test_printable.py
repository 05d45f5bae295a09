"""Nothing that a terminal acts on is left in a name."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from topwork.core.printable import printable


def test_what_is_spelt_out() -> None:
    assert printable("a\tb\nc\x1b[2J\u202ed\u2066") == r"a\tb\nc\x1b[2J\u202ed\u2066"
    assert printable("C:\\new, große Straße, 今天") == "C:\\new, große Straße, 今天"


@given(st.text())
def test_one_line_without_controls(text: str) -> None:
    shown = printable(text)
    assert not any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in shown)
    assert len(shown.splitlines()) <= 1
    assert printable(shown) == shown
