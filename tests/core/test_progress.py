"""How far a pass is: told at the start, at the end, and often enough between."""

import pytest

from topwork.features import progress
from topwork.features.progress import Report


def test_it_tells_the_start_the_end_and_every_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PROGRESS_SECONDS", 1e9)
    told: list[tuple[int, int]] = []
    report = Report(lambda done, total: told.append((done, total)), done=3, total=40)
    for _ in range(37):
        report.add(1)
    report.finish()
    report.finish()
    assert told == [(3, 40), (19, 40), (35, 40), (40, 40)]


def test_it_needs_nobody_to_listen() -> None:
    report = Report(None, done=0, total=1)
    report.add(1)
    report.finish()
