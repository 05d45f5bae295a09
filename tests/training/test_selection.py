"""What was tried, as plain data and back."""

import json
from dataclasses import replace

import pytest

from topwork.evaluation.intervals import Estimate
from topwork.training.selection import Candidate, Selection

ROW = Candidate(
    strategy="last:2",
    accuracy=Estimate.around(0.9, 0.8, 0.95),
    num_examples=40,
    gain=0.1,
    gain_error=0.02,
    seconds=3.5,
    verdict="taken",
    incumbent=Estimate.around(0.8, 0.7, 0.9),
)
HEAD = Candidate(
    strategy="head", accuracy=ROW.accuracy, num_examples=40, gain=None, gain_error=None,
    seconds=1.0, verdict="",
)  # fmt: skip


@pytest.mark.parametrize(
    "selection",
    [
        Selection(strategy="head"),
        Selection(
            strategy="last:2",
            reason="Because.",
            candidates=(HEAD, ROW),
            trained="The last 2 blocks.",
            unfinished="0a1b",
        ),
    ],
)
def test_through_json_and_back(selection: Selection) -> None:
    assert Selection.from_dict(json.loads(json.dumps(selection.to_dict()))) == selection


def test_names_in_files_are_kept() -> None:
    data = Selection(strategy="last:2", candidates=(HEAD,)).to_dict()
    assert list(data) == ["way", "reason", "tried", "trained", "unfinished"]
    assert list(data["tried"][0]) == [
        "way", "accuracy", "num_examples", "gain", "gain_error", "seconds", "verdict", "incumbent",
    ]  # fmt: skip


def test_what_was_written_before_is_read() -> None:
    data = Selection(strategy="last:2", reason="So.", candidates=(HEAD, ROW)).to_dict()
    del data["unfinished"]
    for row in data["tried"]:
        del row["incumbent"]
    found = Selection.from_dict(data)
    assert found.unfinished == ""
    assert found.candidates == (HEAD, replace(ROW, incumbent=None))


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ({}, KeyError),
        ({"way": 3}, TypeError),
        ({"way": "head", "reason": None}, TypeError),
        ({"way": "head", "tried": [{"way": "head"}]}, KeyError),
        ({"way": "head", "tried": {}}, TypeError),
    ],
)
def test_other_data_is_an_error(broken: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        Selection.from_dict(broken)


def test_a_row_of_other_data_is_an_error() -> None:
    accuracy = {"value": 1.0, "low": 0.0, "high": 1.0}
    for data in ({"way": "head"}, {"way": "head", "accuracy": accuracy}):
        with pytest.raises(KeyError):
            Candidate.from_dict(data)
    with pytest.raises(TypeError):
        Candidate.from_dict({**ROW.to_dict(), "accuracy": 1.0})
