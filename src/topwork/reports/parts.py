"""Parts of the page, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Missing:
    """What stands in the place of something that could not be made.

    Attributes:
        why: it is not there, in a sentence.
        remedy: what would make it, in a sentence.
    """

    why: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class ReportTable:
    """Rows of text under a header; the first column names the row."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing with its numbers.

    Attributes:
        svg: an element that stands in HTML as it is; its colours are the page's.
        title: a few words.
        caption: how to read it, in a sentence or two.
        table: the numbers that are drawn.
    """

    svg: str
    title: str
    caption: str
    table: ReportTable


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An example as a person sees or hears it; of one that is not there any more, the name.

    Attributes:
        name: short enough to stand under it; `whole_name` is all of it.
        picture: data URI of a small image, `width` x `height` pixels; None where there is none.
        large: id of the `Large` that it opens; None where there is none.
        sound: data URI of its first seconds.
        text: its beginning.
    """

    name: str
    whole_name: str = ""
    picture: str | None = None
    width: int = 0
    height: int = 0
    large: str | None = None
    sound: str | None = None
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class Large:
    """A picture as large as it opens, once on the page, under its whole name."""

    id: str
    name: str
    picture: str
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A wrong answer, with probabilities in words; of an example left out, or of the test part."""

    digest: str
    shown: Shown
    true: str
    predicted: str
    probability: str
    probability_of_true: str
    is_test: bool


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a confusion matrix; `heat`, 0 to 1, is the share of its row; `href` of its pair."""

    text: str
    heat: float
    href: str | None = None
    label: str = ""
    is_right: bool = False


@dataclass(frozen=True, kw_only=True)
class ConfusedPair:
    """The examples of one class that were taken for another, or as many as there is room for."""

    id: str
    true: str
    predicted: str
    count: int
    shown: Sequence[Shown]


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """A confusion matrix, of all classes or of those most confused; `note` says which."""

    id: str
    title: str
    classes: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    pairs: Sequence[ConfusedPair]
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A picture with words: of a filter, a patch, a region that spoke for an answer."""

    picture: str
    width: int
    height: int
    alt: str
    caption: str = ""
    pixels: bool = False


@dataclass(frozen=True, kw_only=True)
class Marked:
    """A text whose words spoke for an answer or against it.

    Attributes:
        parts: each a word, its weight, and its shade: -4 (against) to 4 (for).
    """

    title: str
    parts: Sequence[tuple[str, float, int]] = ()


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Figures of one kind, or marked texts, with what they show; large ones where `is_wide`.

    Attributes:
        is_folded: whether it opens only where it is asked for.
    """

    text: str
    figures: Sequence[Figure] = ()
    marked: Sequence[Marked] = ()
    is_wide: bool = False
    is_folded: bool = False


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One problem of the data, as it is listed; `other` is what it repeats or resembles."""

    kind: str
    reason: str
    label: str
    suggestion: str
    shown: Shown
    other: Shown | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """A score by its name, with its interval, as text."""

    value: str
    interval: str


@dataclass(frozen=True, kw_only=True)
class ScoreRow:
    """One score by every method."""

    name: str
    scores: Sequence[Score]


@dataclass(frozen=True, kw_only=True)
class ClassRow:
    """How a class fares: texts, and the recall's interval in percent for its bar."""

    label: str
    num_examples: str
    recall: Score
    precision: Score
    f1: str
    bar: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One line of provenance; `whole` is what a shortened value stands for."""

    name: str
    value: str
    is_code: bool = False
    whole: str = ""
