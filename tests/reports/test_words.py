"""Numbers in words: nothing is called certain that is not."""

import pytest

from topwork.evaluation.intervals import Estimate
from topwork.reports.words import (
    counted,
    percent,
    points,
    points_span,
    seconds,
    span,
    whole_percent,
)


@pytest.mark.parametrize(
    ("share", "said"),
    [(0.8934, "89.3%"), (1.0, "100%"), (0.9997, ">99.9%"), (0.0, "0%"), (0.0002, "<0.1%")],
)
def test_percent(share: float, said: str) -> None:
    assert percent(share) == said
    assert percent(Estimate.around(share, 0, 1)) == said


def test_nothing_for_nothing() -> None:
    assert percent(None) == ""
    assert span(None) == ""


def test_chances_are_never_certain() -> None:
    assert [whole_percent(p) for p in (1.0, 0.994, 0.5, 0.004)] == [">99%", "99%", "50%", "<1%"]


def test_points_have_a_true_minus() -> None:
    assert points(0.353) == "+35.3 points"
    assert points(-0.005) == "−0.5 points"
    assert points_span(-0.005, 0.013) == "−0.5 to +1.3"
    assert span(Estimate(value=0.5, low=0.25, high=0.75)) == "25.0 to 75.0%"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.42, "0.4 s"),
        (12.4, "12 s"),
        (59.7, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3900, "1 h 05 min"),
    ],
)
def test_seconds(value: float, said: str) -> None:
    assert seconds(value) == said


def test_counts() -> None:
    assert counted(1, "photo") == "1 photo"
    assert counted(1204, "class", "classes") == "1,204 classes"
