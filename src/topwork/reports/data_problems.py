"""Data problems, as the page shows them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from topwork.reports.parts import Finding, Missing
from topwork.reports.pictures import Album, brief, data_uri
from topwork.reports.sections import DataProblems

if TYPE_CHECKING:
    from topwork.evidence.data.problem import Problem
    from topwork.evidence.data.problems import Problems

MAX_SHOWN = 24

NAMES = {
    "label": "A wrong label?",
    "duplicate": "A copy.",
    "leak": "In training and test.",
    "outlier": "Far from all others.",
    "odd": "Odd.",
}

ASIDE = ("outlier", "odd")
"""Kinds whose suggestion says more than their reason does."""


def data_problems(problems: Problems | Missing, album: Album) -> DataProblems:
    """Return the top of the list, its sentences, and the whole of it to be downloaded."""
    if isinstance(problems, Missing):
        return DataProblems(missing=problems)
    items: Sequence[Problem] = problems.items
    if not items:
        return DataProblems(sentences=problems.sentences or ("No problem was found.",))
    return DataProblems(
        findings=[_finding(one, album) for one in items[:MAX_SHOWN]],
        sentences=problems.sentences,
        num_all=len(items),
        csv=_csv(problems),
    )


def _finding(one: Problem, album: Album) -> Finding:
    return Finding(
        kind=NAMES.get(one.kind, one.kind),
        reason=_briefly(one.reason, one.other),
        label="" if one.kind == "label" else one.label,
        suggestion=_briefly(one.suggestion, one.other) if one.kind in ASIDE else "",
        shown=album.show(one.digest, one.name, sound=True),
        other=None if one.other is None else album.show_named(one.other),
    )


def _briefly(text: str, name: str | None) -> str:
    """Return a sentence with the short form of another example's name in it."""
    return text if name is None else text.replace(name, brief(name))


def _csv(problems: Problems) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "problems.csv"
        problems.to_csv(path)
        return data_uri("text/csv;charset=utf-8", path.read_bytes())
