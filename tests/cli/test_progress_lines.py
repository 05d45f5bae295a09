"""Lines of progress: of long stages a few, of short ones none."""

import io
import time

import pytest
from rich.console import Console

from topwork.cli import progress_lines as module
from topwork.cli.progress_lines import ProgressLines, progress_lines
from topwork.core.progress import report


@pytest.fixture(autouse=True)
def two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other tests here have none."""
    monkeypatch.setattr(module, "SHORT_SECONDS", 2.0)


class Clocked:
    """Lines by a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.written: list[str] = []
        self.lines = ProgressLines(self.written.append, lambda: self.now)

    def wait(self, seconds: float) -> list[str]:
        """Let time pass, looking twice a second; return what was written meanwhile."""
        before = len(self.written)
        for _ in range(round(2 * seconds)):
            self.now += 0.5
            self.lines.look()
        return self.written[before:]


def test_a_short_stage_has_no_line() -> None:
    clocked = Clocked()
    clocked.lines.report("read", 0, 500)
    clocked.wait(1.5)
    clocked.lines.report("read", 500, 500)
    clocked.wait(300)
    assert clocked.written == []


def test_a_long_stage_has_a_line_a_minute() -> None:
    clocked = Clocked()
    clocked.lines.report("features", 0, 3000)
    assert clocked.wait(2) == ["Features: 0 of 3,000"]
    for done in range(50, 1000, 50):  # one a second: never a line for each
        clocked.lines.report("features", done, 3000)
        clocked.wait(1)
    clocked.lines.report("features", 1000, 3000)
    assert clocked.wait(41) == ["Features: 1,000 of 3,000, 3 minutes left"]  # 62 s for a third
    assert len(clocked.wait(60)) == 1
    clocked.lines.report("features", 3000, 3000)
    assert clocked.written[-1] == "Features: 3,000 in 3 minutes"
    assert len(clocked.written) == 4
    assert clocked.wait(300) == []


def test_a_stage_of_some_seconds_has_one_line() -> None:
    clocked = Clocked()
    clocked.lines.report("views", 0, 8)
    clocked.wait(4)
    clocked.lines.report("views", 8, 8)
    assert clocked.written == ["Views: 0 of 8"]


def test_what_was_done_before_does_not_count_in_the_rate() -> None:
    clocked = Clocked()
    clocked.lines.report("try last:7", 80, 100)
    clocked.wait(2)
    clocked.lines.report("try last:7", 90, 100)
    assert clocked.wait(60) == ["Trying last:7: 90 of 100, 2 minutes left"]  # ten in 62 s


def test_a_stage_that_is_left_is_told_of_no_more() -> None:
    clocked = Clocked()
    clocked.lines.report("try last:7", 0, 100)
    clocked.wait(3)
    clocked.lines.report("train last:7", 0, 20)
    assert clocked.wait(100) == ["Training last:7: 0 of 20", "Training last:7: 0 of 20"]


def test_a_stage_may_begin_again() -> None:
    clocked = Clocked()
    for _ in range(2):
        clocked.lines.report("features", 0, 8)
        clocked.wait(11)
        clocked.lines.report("features", 8, 8)
    assert clocked.written == 2 * ["Features: 0 of 8", "Features: 8 in 15 seconds"]


def test_where_nobody_knows_how_many_there_are() -> None:
    clocked = Clocked()
    clocked.lines.report("predict", 256, 0)
    assert clocked.wait(2) == ["Predicting: 256"]


def test_the_clock_looks_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHORT_SECONDS", 0.0)
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.001)
    out = io.StringIO()
    with progress_lines(Console(file=out, width=20)):
        report("[bold]a stage of many words[/]", 1, 3)
        time.sleep(0.2)
    assert out.getvalue() == "[bold]a stage of many words[/]: 1 of 3\n"
    report("another", 1, 3)
    time.sleep(0.05)
    assert "another" not in out.getvalue()
