"""Folders that models go into."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import final

from topwork.backbones.base import Backbone
from topwork.core.digests import digest_settings
from topwork.core.telling import tell
from topwork.errors import ModelError
from topwork.examples.example import ExampleSet
from topwork.model.archive import check_place, write_model
from topwork.model.description import read_description
from topwork.model.parts import ModelParts
from topwork.recipe import Recipe
from topwork.training.selection import Selection

NOT_LEARNED_FROM = ("data", "groups", "backbone", "time_limit", "strict")
"""Settings that say where something lies, or how long to go on: the examples and the backbone stand
for themselves by their digests."""


@final
class ModelPlace:
    """Where a run puts its model: the head first, and then what it ends with in place of it.

    The head of a run that was stopped may be replaced by the same run, and by no other.
    """

    def __init__(self, folder: Path, *, overwrite: bool, weights: bool) -> None:
        """Look at the place before the work. Raises ModelError or StoreError as `check_place`."""
        self.folder, self._overwrite, self._weights = folder, overwrite, weights
        check_place(folder, overwrite=overwrite or bool(unfinished_run(folder)))

    def claim(self, run: str, *, resume: bool = True) -> None:
        """Look again, now that it is known which run this is.

        Raises:
            ModelError: what lies there is of another run that was stopped.
        """
        there = unfinished_run(self.folder)
        if there == run:
            now = "it goes on" if resume else "it begins anew"
            tell([f"{self.folder} holds the head of this run, which was stopped: {now}."])
        elif there and not self._overwrite:
            raise ModelError(
                f"The folder {str(self.folder)!r} holds the head of a run that was stopped, of "
                "other data or settings than these. Run that command again to go on with it, give "
                "another folder, or say --overwrite (overwrite=True) to put the new model in its "
                "place."
            )

    def write(self, parts: ModelParts, run: str) -> None:
        """Write a model, whole or not at all. Raises as `write_model`."""
        own = unfinished_run(self.folder) == run
        write_model(parts, self.folder, overwrite=self._overwrite or own, weights=self._weights)


def digest_run(found: ExampleSet, recipe: Recipe, backbone: Backbone) -> str:
    """Return the digest of all that a run learns from: examples, network and settings."""
    settings = recipe.to_dict()
    examples = sorted(
        [one.digest, one.label or "", one.group or "", one.split or ""] for one in found.examples
    )
    return digest_settings(
        {
            "examples": examples,
            "backbone": backbone.digest,
            "recipe": {k: v for k, v in settings.items() if k not in NOT_LEARNED_FROM},
        }
    )


def unfinished_run(folder: Path) -> str:
    """Return the digest of the run whose head lies there, where it was stopped; else nothing."""
    with suppress(ModelError, KeyError, TypeError, ValueError):
        return Selection.from_dict(read_description(folder).get("choice", {})).unfinished
    return ""
