"""Models that have not seen an example."""

from __future__ import annotations

from dataclasses import replace
from typing import final

import numpy as np

from topwork.core.shapes import Indices
from topwork.evaluation.crossval import one_thread
from topwork.heads.fit import fit_head
from topwork.model.model import Model
from topwork.runs.head import HeadRun


@final
class FoldModels:
    """A model's head, fitted again without the fold that holds an example.

    The finished model has learned from every training example, so it cannot say what spoke for a
    mistake that was made while the example was left out.
    """

    def __init__(self, model: Model, head_run: HeadRun) -> None:
        """Fit nothing yet. The model is the run's: a head on the network as it comes."""
        self._model, self._head_run = model, head_run
        self._rows = {example.digest: row for row, example in enumerate(head_run.examples)}
        self._made: dict[int, Model] = {}

    def without(self, digest: str) -> Model | None:
        """Return the model that learned from all folds but the example's, in the first draw.

        None where the example is none of the cross-validation. Each fold is fitted once.
        """
        run, row = self._head_run, self._rows.get(digest)
        if row is None or run.cross_val is None:
            return None
        for number, fold in enumerate(run.cross_val.folds):
            if row in fold:
                if number not in self._made:
                    self._made[number] = self._fit(fold)
                return self._made[number]
        return None

    def _fit(self, fold: Indices) -> Model:
        run = self._head_run
        kept = np.setdiff1d(np.arange(len(run.examples)), fold)
        with one_thread():
            head = fit_head(
                run.table,
                run.train[kept],
                run.labels.take(kept),
                settings=run.recipe.head_settings(),
            )
        return Model(replace(self._model.parts, head=head), device=self._model.device)
