"""Answers come back from their file as they went in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from topwork.errors import DataError, ModelError
from topwork.examples.example import Example
from topwork.model.predictions import Predictions
from topwork.model.predictions_file import read_predictions, write_predictions


def answers() -> Predictions:
    examples = [
        Example(name=f"große/{i}.jpg", digest=f"{i:064x}", read=lambda: b"", group=group)
        for i, group in enumerate(["anna", None, "ben"])
    ]
    probabilities = np.random.default_rng(0).dirichlet([1, 1], (4, 3))
    return Predictions.of(examples, np.array([0, 1, 1]), probabilities)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    given = answers()
    write_predictions(tmp_path / "a", {"left_out": given, "tested": None}, given.digests)
    found, trained_on = read_predictions(tmp_path / "a")
    assert list(found) == ["left_out"]
    assert trained_on == given.digests
    read = found["left_out"]
    assert (read.names, read.digests, read.groups) == (given.names, given.digests, given.groups)
    np.testing.assert_array_equal(read.truth, given.truth)
    np.testing.assert_allclose(read.probabilities, given.probabilities, atol=1e-7)


def test_repeats_are_averaged() -> None:
    given = answers()
    assert given.probabilities.shape == (3, 2)
    np.testing.assert_allclose(given.probabilities.sum(1), 1)


def test_where_there_are_none_there_is_no_file(tmp_path: Path) -> None:
    write_predictions(tmp_path / "a", {"left_out": None})
    assert not (tmp_path / "a").exists()


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    write_predictions(tmp_path / "a", {"left_out": answers()})
    (tmp_path / "a").write_bytes((tmp_path / "a").read_bytes()[:-9])
    with pytest.raises(ModelError, match="cannot be read"):
        read_predictions(tmp_path / "a")


def test_numbers_must_fit() -> None:
    given = answers()
    with pytest.raises(DataError, match="3 examples"):
        Predictions(
            names=given.names[:2],
            digests=given.digests,
            groups=given.groups,
            truth=given.truth,
            probabilities=given.probabilities,
        )
