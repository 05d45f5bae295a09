"""Heads without the fold of an example: those of the cross-validation itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from topwork.backbones.base import Backbone
from topwork.evidence.attribution import fold_models
from topwork.evidence.attribution.fold_models import FoldModels
from topwork.examples.sources import read_examples
from topwork.heads.base import Head
from topwork.heads.fit import fit_head
from topwork.model.model import Model
from topwork.recipe import Recipe
from topwork.runs.head import HeadRun, run_head


@pytest.fixture(scope="module")
def run(digits: Path, tiny_backbone: Backbone) -> HeadRun:
    return run_head(read_examples(digits), Recipe(train="head", num_repeats=2), tiny_backbone)


def test_each_example_is_answered_as_when_it_was_left_out(
    run: HeadRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted: list[int] = []

    def counted(table, rows, *more, **named) -> Head:  # type: ignore[no-untyped-def]
        fitted.append(len(rows))
        return fit_head(table, rows, *more, **named)

    monkeypatch.setattr(fold_models, "fit_head", counted)
    finished = Model(run.parts())
    folds = FoldModels(finished, run)
    assert run.cross_val is not None
    for row, example in enumerate(run.examples):
        model = folds.without(example.digest)
        assert model is not None
        said = model.head.predict(run.table, run.train[[row]])
        np.testing.assert_allclose(said[0], run.cross_val.probabilities[0, row], atol=1e-4)
        assert model.predict(example.read()).label in finished.classes
    assert fitted == [24] * 5  # each fold once
    of_all = finished.head.predict(run.table, run.train)
    assert not np.allclose(of_all, run.cross_val.probabilities[0], atol=1e-3)


def test_there_is_none_without_a_fold(run: HeadRun) -> None:
    finished = Model(run.parts())
    assert FoldModels(finished, run).without("of no example") is None
    alone = replace(run, cross_val=None)
    assert FoldModels(finished, alone).without(run.examples[0].digest) is None
