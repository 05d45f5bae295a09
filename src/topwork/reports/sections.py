"""Sections of the page, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from topwork.reports.parts import (
    Chart,
    ClassRow,
    Fact,
    Finding,
    Gallery,
    Large,
    Matrix,
    Missing,
    Score,
    ScoreRow,
    Shown,
    Wrong,
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """What to do next: why, and the command that does it; `href` is of where more is said."""

    why: str
    command: str = ""
    href: str = ""


@dataclass(frozen=True, kw_only=True)
class ClassTile:
    """A class by an example of it, with how many of its examples are found.

    Attributes:
        rate: in words: `86%`, `5 of 6`.
        of: how many there were to be found, in words.
        found: the same as `rate` in percent, for its bar; None where none was tested.
    """

    label: str
    rate: str
    of: str
    found: float | None
    shown: Shown


@dataclass(frozen=True, kw_only=True)
class ClassTiles:
    """All classes, the hardest first: those `shown`, those `folded`, and those of few examples.

    Attributes:
        few: how the classes of few examples fare together, in a sentence.
        few_tiles: these classes themselves.
    """

    shown: Sequence[ClassTile] = ()
    folded: Sequence[ClassTile] = ()
    few: str = ""
    few_tiles: Sequence[ClassTile] = ()


@dataclass(frozen=True, kw_only=True)
class Worth:
    """What transfer was worth.

    Attributes:
        sentence: the verdict; empty where there is none.
        gain: in points; None where nothing was compared.
        against: on how many examples of all; or why nothing was compared.
        conditions: questions that decide whether transfer helps: question, answer, reason.
        control: what would tell it better: a control that is trained from scratch.
        notes: what was not tried, and why.
    """

    sentence: str
    gain: Score | None
    against: str
    conditions: Sequence[tuple[str, str, str]] = ()
    control: Step | None = None
    notes: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What the page begins with: how good the model is, its classes, and what to do next.

    Attributes:
        headline: how often it is right on what it has not seen, in words; `interval`, of 95%.
        warning: why that says little; empty where nothing is amiss.
        measured: how the headline was come by, and what stands beside it, in sentences.
        classes: with a picture of each.
        next_steps: what to do now, the most worth first; `more`, what else stands out.
        mail: all of it in a line.
        remarks: on the data, and on the run.
    """

    headline: str
    interval: str
    warning: str = ""
    measured: Sequence[str] = ()
    classes: ClassTiles
    next_steps: Sequence[Step] = ()
    more: Sequence[str] = ()
    mail: str = ""
    remarks: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Scores:
    """Scores by method and class, matrices, reliability, and inputs of no class.

    Attributes:
        few: the classes of few examples, where there are many classes.
        roc: of two classes; None of more. `threshold`: how to choose another.
    """

    methods: Sequence[str] = ()
    rows: Sequence[ScoreRow] = ()
    classes: Sequence[ClassRow] = ()
    few: Sequence[ClassRow] = ()
    classes_of: str = ""
    matrices: Sequence[Matrix] = ()
    reliability: Chart | Missing
    roc: Chart | None = None
    threshold: Step | None = None
    ood: str = ""
    missing: Missing | None = None


@dataclass(frozen=True, kw_only=True)
class Mistakes:
    """The surest mistakes, or why there are none; `num_left_out` are shown by name alone."""

    wrong: Sequence[Wrong] = ()
    missing: Missing | None = None
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class DataProblems:
    """What seems wrong with the data; `csv` is a data URI of the whole list."""

    findings: Sequence[Finding] = ()
    sentences: Sequence[str] = ()
    num_all: int = 0
    csv: str | None = None
    missing: Missing | None = None


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where all of it comes from, and how the model is used."""

    facts: Sequence[Fact]
    recipe: str
    skipped: Sequence[tuple[str, str]] = ()
    num_skipped: int = 0
    usage: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, kw_only=True)
class Page:
    """The whole page, part by part, in its order.

    Attributes:
        name: of the model. `title`: what it does.
        larges: pictures that open, for all thumbnails.
    """

    name: str
    title: str
    subtitle: str
    made: str
    modality: str
    opening: Opening
    worth: Worth
    scores: Scores
    mistakes: Mistakes
    curve: Chart | Missing
    depth: Chart | Missing
    candidates: Chart | Missing
    problems: DataProblems
    seen: Sequence[tuple[str, Gallery | Missing]]
    provenance: Provenance
    larges: Sequence[Large] = ()
