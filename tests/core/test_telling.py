"""Lines that a run says of itself go to the logger."""

from __future__ import annotations

import logging

import pytest

from topwork.core.telling import tell, warn


def test_what_was_decided_and_what_looks_wrong(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "topwork"):
        tell(["30 images."])
        warn(["2 labels: 100% odd."])
    assert [(one.levelname, one.getMessage()) for one in caplog.records] == [
        ("INFO", "30 images."),
        ("WARNING", "2 labels: 100% odd."),
    ]
