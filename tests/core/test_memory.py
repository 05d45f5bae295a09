"""Memory that is free, as the system says."""

import os
from pathlib import Path

import pytest

from topwork.core import memory


def test_it_is_between_nothing_and_all() -> None:
    found = memory.available_bytes()
    assert found is not None
    assert 2**20 < found < 2**50


def test_where_the_system_does_not_say(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> str:
        raise OSError

    monkeypatch.setattr(Path, "read_text", refused)
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PAGE_SIZE": 4096}.get(name, 1000))
    assert memory.available_bytes() == 4_096_000
    monkeypatch.setattr(os, "sysconf", refused)
    assert memory.available_bytes() is None
