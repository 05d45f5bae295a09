import pytest
from hypothesis import given
from hypothesis import strategies as st

from topwork.core.units import parse_seconds
from topwork.errors import SettingError


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("2h 5m 1s", 7501),
        ("10 min", 600), (" 10M ", 600), ("45", 45), (45, 45), (0.5, 0.5), ("1h30", 3630),
    ],
)  # fmt: skip
def test_reads_what_people_write(said: str | float, seconds: float) -> None:
    assert parse_seconds(said) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "said", ["", "10x", "m", "m10", "30m1h", "-5m", "0", 0, "0m", "nan", "inf", float("nan"), True,
             "9" * 400, "١٠m"],
)  # fmt: skip
def test_says_what_is_accepted(said: str | float) -> None:
    with pytest.raises(SettingError, match=r"The time limit is .*; accepted: hours, minutes and s"):
        parse_seconds(said)


@given(h=st.integers(0, 99), m=st.integers(0, 999), s=st.integers(0, 999))
def test_parts_are_added_up(h: int, m: int, s: int) -> None:
    parts = [f"{n}{unit}" for n, unit in ((h, "h"), (m, "m"), (s, "s")) if n]
    if parts:
        assert parse_seconds("".join(parts)) == h * 3600 + m * 60 + s
