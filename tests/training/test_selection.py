"""What was tried, as plain data and back."""

import json

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
)
HEAD = Candidate(
    strategy="head", accuracy=ROW.accuracy, num_examples=40, gain=None, gain_error=None,
    seconds=1.0, verdict="",
)  # fmt: skip


@pytest.mark.parametrize(
    "choice",
    [
        Selection(strategy="head"),
        Selection(
            strategy="last:2",
            reason="Because.",
            candidates=(HEAD, ROW),
            trained="The last 2 blocks.",
        ),
    ],
)
def test_through_json_and_back(selection: Selection) -> None:
    assert Selection.from_dict(json.loads(json.dumps(selection.to_dict()))) == selection


@pytest.mark.parametrize("broken", [{}, {"way": "head", "reason": ""}])
def test_other_data_is_an_error(broken: dict[str, object]) -> None:
    with pytest.raises(KeyError):
        Selection.from_dict(broken)


def test_a_row_of_other_data_is_an_error() -> None:
    with pytest.raises(KeyError):
        Candidate.from_dict({"way": "head"})
    with pytest.raises(TypeError):
        Candidate.from_dict({"way": "head", "accuracy": {"value": 1.0, "low": 0.0, "high": 1.0}})
