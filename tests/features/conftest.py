"""Puts the fake network in place of the one that `extract` would open."""

from pathlib import Path

import pytest

from topwork.executors.fake import FakeExecutor
from topwork.features import extract
from topwork.features.store import FeatureStore


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[FakeExecutor]:
    """Every executor that was opened, in order."""
    executors: list[FakeExecutor] = []

    def open_fake(*args: object, **kwargs: object) -> FakeExecutor:
        executors.append(FakeExecutor())
        return executors[-1]

    monkeypatch.setattr(extract, "open_executor", open_fake)
    return executors
