"""Times, sizes and shares as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topwork.core.units import parse_seconds, parse_share, parse_size, readable
from topwork.errors import SettingError


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("90s", 90), ("10m", 600), ("1h30m", 5400), ("1.5h", 5400), ("2h 5m 1s", 7501),
        ("10 min", 600), (" 10M ", 600), ("45", 45), (45, 45), (0.5, 0.5), ("1h30", 3630),
    ],
)  # fmt: skip
def test_times_that_people_write(said: str | float, seconds: float) -> None:
    assert parse_seconds(said) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "said", ["", "10x", "m", "m10", "30m1h", "-5m", "0", 0, "0m", "nan", "inf", float("nan"), True,
             "9" * 400, "١٠m"],
)  # fmt: skip
def test_times_that_are_none(said: str | float) -> None:
    with pytest.raises(SettingError, match=r"accepted: .*90s, 10m or 1h30m") as caught:
        parse_seconds(said)
    assert repr(said) in str(caught.value)


@given(h=st.integers(0, 99), m=st.integers(0, 999), s=st.integers(0, 999))
def test_parts_are_added_up(h: int, m: int, s: int) -> None:
    parts = [f"{n}{unit}" for n, unit in ((h, "h"), (m, "m"), (s, "s")) if n]
    if parts:
        assert parse_seconds("".join(parts)) == h * 3600 + m * 60 + s


@pytest.mark.parametrize(
    ("text", "share"),
    [("5%", 0.05), ("0.05", 0.05), (" 5 % ", 0.05), ("100%", 1.0), ("12.5%", 0.125),
     ("1e-2", 0.01)],
)  # fmt: skip
def test_shares(text: str, share: float) -> None:
    assert parse_share(text, "--reject") == pytest.approx(share)


@pytest.mark.parametrize("text", ["", "%", "some", "5%%", "%5", "1/20"])
def test_shares_that_are_none(text: str) -> None:
    with pytest.raises(SettingError, match=r"--reject.*accepted: .*5% or 0\.05") as caught:
        parse_share(text, "--reject")
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [("0", 0), ("12", 12), ("12B", 12), ("500MB", 500_000_000), ("1.5 GB", 1_500_000_000),
     ("2kb", 2000), (" 1tb ", 10**12), ("0.5KB", 500)],
)  # fmt: skip
def test_sizes(text: str, num_bytes: int) -> None:
    assert parse_size(text) == num_bytes


@pytest.mark.parametrize("text", ["", "MB", "-1", "1e9", "3XB", "2 MB free", "1.GB", "١x"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(SettingError, match=r"accepted: .*B, KB, MB, GB, TB") as caught:
        parse_size(text)
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"),
     (10**9, "1.0 GB"), (3 * 10**12, "3.0 TB")],
)  # fmt: skip
def test_sizes_for_a_person(num_bytes: int, text: str) -> None:
    assert readable(num_bytes) == text
