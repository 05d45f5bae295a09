"""Whoever listens is told of the work inside, and of none other."""

import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from topwork.core import progress
from topwork.core.progress import Tally, listening, renamed, report, staged

Told = list[tuple[str, int, int]]


def into(told: Told) -> Callable[[str, int, int], None]:
    return lambda stage, done, total: told.append((stage, done, total))


def test_it_needs_nobody_to_listen() -> None:
    report("read", 1, 2)
    tally = Tally("features", done=0, total=1)
    tally.add(1)
    tally.finish()
    with renamed("{} again"):
        report("read", 1, 2)
    with listening(None):
        report("read", 1, 2)


def test_what_runs_inside_is_told() -> None:
    told: Told = []
    report("before", 1, 1)
    with listening(into(told)):
        report("read", 1, 2)
        staged("predict")(3, 4)
    report("after", 1, 1)
    assert told == [("read", 1, 2), ("predict", 3, 4)]


def test_it_stops_listening_after_an_error() -> None:
    told: Told = []
    with pytest.raises(ZeroDivisionError), listening(into(told)):
        raise ZeroDivisionError
    report("after", 1, 1)
    assert told == []


def test_the_innermost_listener_alone_is_told() -> None:
    outer: Told = []
    inner: Told = []
    with listening(into(outer)):
        with listening(into(inner)):
            report("inside", 1, 1)
        report("between", 1, 1)
        with listening(None):  # nobody new: who listens goes on
            report("to whoever listens", 1, 1)
    assert inner == [("inside", 1, 1)]
    assert outer == [("between", 1, 1), ("to whoever listens", 1, 1)]


def test_a_stage_stays_with_who_listened_when_it_began() -> None:
    told: Told = []
    with listening(into(told)):
        tell = staged("read")
    tell(1, 2)
    assert told == [("read", 1, 2)]
    quiet = staged("read")
    with listening(into(told)):
        quiet(2, 2)
    assert told == [("read", 1, 2)]


def test_stages_take_another_name() -> None:
    told: Told = []
    with listening(into(told)):
        with renamed("{} of the test set"), renamed("{} again"):
            report("read", 1, 2)
            report("{}", 1, 2)
        with renamed("fold 1 of {2}: {}"):  # only `{}` stands for the stage
            report("train", 1, 2)
        report("write", 1, 1)
    assert [stage for stage, *_ in told] == [
        "read again of the test set", "{} again of the test set", "fold 1 of {2}: train", "write",
    ]  # fmt: skip


def test_a_thread_is_heard_in_a_copy_of_the_context() -> None:
    told: Told = []
    with listening(into(told)), ThreadPoolExecutor(1) as pool:
        pool.submit(report, "without", 1, 1).result()
        pool.submit(contextvars.copy_context().run, report, "within", 1, 1).result()
    assert told == [("within", 1, 1)]


def test_listening_in_a_thread_is_its_own_affair() -> None:
    told: Told = []
    aside: Told = []

    def run() -> None:
        with listening(into(aside)):
            report("aside", 1, 1)

    with listening(into(told)), ThreadPoolExecutor(1) as pool:
        pool.submit(contextvars.copy_context().run, run).result()
        report("here", 1, 1)
    assert (aside, told) == ([("aside", 1, 1)], [("here", 1, 1)])


def test_an_error_of_the_listener_ends_the_work() -> None:
    def stop(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), listening(stop):
        report("read", 1, 2)


def test_a_tally_tells_the_start_the_end_and_every_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 1e9)
    told: Told = []
    with listening(into(told)):
        tally = Tally("features", done=3, total=40)
        for _ in range(37):
            tally.add(1)
        tally.finish()
        tally.finish()
    assert told == [("features", done, 40) for done in (3, 19, 35, 40)]


def test_a_tally_tells_every_so_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN", 0.0)
    told: Told = []
    with listening(into(told)):
        tally = Tally("features", done=0, total=3)
        for _ in range(3):
            tally.add(1)
        tally.finish()
    assert [done for _, done, _ in told] == [0, 1, 2, 3]
