"""What unfolds to more than is free, or than it can mean, is refused."""

import pytest

from topwork.errors import SourceError
from topwork.examples import unfolding
from topwork.examples.unfolding import SMALL_BYTES, check_unfolded_bytes

WORDS = ("The file 'a': it unfolds", "Cut it")


def test_it_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfolding, "available_bytes", lambda: 2**40)
    check_unfolded_bytes(SMALL_BYTES, 1, *WORDS)
    check_unfolded_bytes(500 * SMALL_BYTES, SMALL_BYTES, *WORDS)
    monkeypatch.setattr(unfolding, "available_bytes", lambda: None)  # nothing is known
    check_unfolded_bytes(500 * SMALL_BYTES, SMALL_BYTES, *WORDS)


def test_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfolding, "available_bytes", lambda: 1_000)
    match = r"unfolds to 1,001 bytes or more, and 1,000 are free\. Cut it, or use a machine"
    with pytest.raises(SourceError, match=match):
        check_unfolded_bytes(1_001, 1_001, *WORDS)


def test_more_than_it_can_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfolding, "available_bytes", lambda: 2**40)
    match = r"unfolds to 300,000,000 bytes or more from 2,000; .* 500 times .* you think .*Cut it"
    with pytest.raises(SourceError, match=match):
        check_unfolded_bytes(300_000_000, 2_000, *WORDS)
