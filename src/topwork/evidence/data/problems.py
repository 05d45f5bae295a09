"""Problems of the data, the worst first.

left-out probabilities -> label errors, confusions
features               -> candidates for copies, outliers
a look at the inputs   -> copies, odd inputs
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt

from topwork.core.files import write_bytes
from topwork.core.plain import Plain
from topwork.core.shapes import Doubles, Float64, Indices, Int
from topwork.errors import DataError
from topwork.evidence.data.confusions import Confusion, find_confusions
from topwork.evidence.data.duplicates import (
    DuplicatePair,
    Leaks,
    families,
    find_candidates,
    score_leaks,
    verify,
)
from topwork.evidence.data.outliers import find_outliers
from topwork.evidence.data.problem import (
    KINDS,
    Kind,
    Problem,
    in_order,
    of_copies,
    of_labels,
    of_odd,
    of_outliers,
)
from topwork.evidence.data.thumbnails import look_at, modality_of
from topwork.examples.example import Example, Modality
from topwork.features.table import FeatureTable
from topwork.heads.labels import Labels

MAX_LOOKED = 2_000
"""Images or sounds that are decoded, at most: 1 ms a photo of 400 x 500 pixels. Those that may be
copies and those that are far out come first; then others, evenly."""

MAX_PAIRS = 4_000
"""Candidates for copies that are compared, at most: about 1 ms each."""


@final
@dataclass(frozen=True, kw_only=True)
class Problems(Plain):
    """What is wrong with the data.

    Attributes:
        items: the worst first; a kind's later ones fade (see `FADING`).
        confusions: pairs of classes that are taken for one another.
        score_without_leaks: what copies do to the score; None where there are none.
        num_looked: how many inputs were decoded, of `num_examples`, to find copies and odd ones.
    """

    items: tuple[Problem, ...]
    confusions: tuple[Confusion, ...]
    score_without_leaks: Leaks | None
    num_examples: int
    num_looked: int

    @property
    def counts(self) -> dict[Kind, int]:
        """How many there are of each kind, 0 included."""
        found = Counter(item.kind for item in self.items)
        return {kind: found[kind] for kind in KINDS}

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a person should know, shortest way."""
        counts = [
            f"{count:,} {KINDS[kind][count > 1]}" for kind, count in self.counts.items() if count
        ]
        of = f"Of {self.num_examples:,} examples"
        sentences = [
            f"{of}: {', '.join(counts)}." if counts else f"{of}, none stands out as wrong."
        ]
        if self.score_without_leaks is not None:
            sentences.append(self.score_without_leaks.sentence)
        sentences += [confusion.sentence for confusion in self.confusions]
        if self.num_looked < self.num_examples:
            sentences.append(
                f"Only {self.num_looked:,} were looked at for copies and odd inputs: those that "
                "the features hold for alike or far out, and some of the rest."
            )
        return tuple(sentences)

    def to_csv(self, path: str | Path) -> None:
        """Write the list as a table with the columns of `Problem`, whole or not at all."""
        text = io.StringIO()
        writer = csv.DictWriter(text, [field.name for field in fields(Problem)])
        writer.writeheader()
        for item in self.items:
            own = asdict(item)
            writer.writerow({**own, "severity": f"{item.severity:.4f}", "other": item.other or ""})
        write_bytes(Path(path), text.getvalue().encode("utf-8"))


def find_problems(
    *,
    examples: Sequence[Example],
    labels: Labels | Int[np.ndarray, " n"],
    classes: Sequence[str],
    oof_predictions: Float64[np.ndarray, "n k"] | None,
    table: FeatureTable,
    indices: Int[np.ndarray, " n"],
    test_examples: Sequence[Example] = (),
    test_indices: Int[np.ndarray, " m"] | None = None,
    test_probabilities: Float64[np.ndarray, "m k"] | None = None,
    modality: Modality | None = None,
) -> Problems:
    """Look for wrong labels, copies, leaks, outliers, odd inputs and classes that are confused.

    Args:
        examples: that were learned from, [N], with their `labels` as positions in `classes`.
        oof_predictions: what models said that had not seen the example, [N, K]; None where none
            could be asked: labels and confusions are then not judged.
        table: features; `indices` are those of the examples, [N].
        test_examples: of the test part, [M], with `test_indices`, and what the model said of them,
            `test_probabilities` [M, K], where it was asked.
        modality: None: seen from the first example.

    Raises:
        DataError: the lengths do not fit together.
    """
    truth = np.asarray(labels.classes if isinstance(labels, Labels) else labels, np.intp)
    test_indices = (
        np.zeros(0, np.intp) if test_indices is None else np.asarray(test_indices, np.intp)
    )
    _check(
        "examples", len(examples), labels=truth, oof_predictions=oof_predictions, indices=indices
    )
    _check(
        "test_examples", len(test_examples), indices=test_indices, probabilities=test_probabilities
    )
    everything = (*examples, *test_examples)
    outliers = find_outliers(table, indices, truth)
    candidates = find_candidates(table, np.concatenate([indices, test_indices]))[:MAX_PAIRS]
    modality = modality or modality_of(everything)
    wanted = _to_look_at(candidates, np.argsort(-outliers.scores), len(everything), modality)
    looks = dict(zip(wanted, look_at([everything[i] for i in wanted], modality), strict=True))
    copies = verify(candidates, looks)
    items = of_copies(copies, everything, len(examples)) + of_odd(looks, everything)
    items += of_outliers(outliers, examples)
    confusions: tuple[Confusion, ...] = ()
    leaks = None
    if test_probabilities is not None:
        leaks = _test_leaks(copies, len(examples), test_examples, test_probabilities, classes)
    if oof_predictions is not None and len(examples):
        items += of_labels(oof_predictions, truth, examples, classes)
        confusions = find_confusions(oof_predictions, truth, classes)
        leaks = leaks or _crossed_leaks(copies, examples, oof_predictions, truth)
    return Problems(
        items=in_order(items),
        confusions=confusions,
        score_without_leaks=leaks,
        num_examples=len(everything),
        num_looked=len(looks),
    )


def _to_look_at(
    candidates: Sequence[DuplicatePair], farthest: Indices, num: int, modality: Modality
) -> list[int]:
    """Return the positions to decode: possible copies, what is far out, then some of the rest."""
    most = num if modality in ("text", "array") else MAX_LOOKED
    wanted: dict[int, None] = {}
    for pair in candidates:
        if len(wanted.keys() | {pair.first, pair.second}) > most:
            break
        wanted |= {pair.first: None, pair.second: None}
    far = farthest[: max(1, most // 10)].tolist()
    evenly = np.linspace(0, num - 1, min(num, most)).round().astype(int).tolist()
    for position in (*far, *evenly, *(range(num) if num <= most else ())):
        if len(wanted) >= most:
            break
        wanted.setdefault(position)
    return list(wanted)


def _test_leaks(
    copies: Sequence[DuplicatePair],
    num_train: int,
    examples: Sequence[Example],
    probabilities: Doubles,
    classes: Sequence[str],
) -> Leaks | None:
    family = families(copies, num_train + len(examples))
    leaked = np.isin(family[num_train:], family[:num_train])
    named = np.array([example.label for example in examples], object)
    right = np.array(classes, object)[probabilities.argmax(1)] == named
    groups = [example.group for example in examples]
    return score_leaks(right.astype(np.float64), leaked, part="test", groups=groups)


def _crossed_leaks(
    copies: Sequence[DuplicatePair],
    examples: Sequence[Example],
    oof_predictions: Doubles,
    truth: Indices,
) -> Leaks | None:
    own = [pair for pair in copies if pair.second < len(examples)]
    family = families(own, len(examples))
    leaked = np.bincount(family)[family] > 1
    right = (oof_predictions.argmax(1) == truth).astype(np.float64)
    groups = [example.group for example in examples]
    return score_leaks(right, leaked, part="cross-validation", groups=groups)


def _check(name: str, num: int, **arrays: npt.NDArray[Any] | None) -> None:
    for other, array in arrays.items():
        if array is not None and len(array) != num:
            raise DataError(
                f"There are {num} {name}, and {len(array)} {other} of them. Give one for each."
            )
