"""Whether a learning curve foretells what twice the examples give, and how often its band holds.

The head on frozen features, of four public sets (the training parts; spoken digits with speakers
kept apart) and of random halves, quarters and eighths of them. Two questions, for each of these:
- past: from the sizes up to half of the largest, what was predicted for the largest, and what came
  true there: what a person sees. Both are asked about the same examples, left out in turn.
- half: the curve of a random half alone, which never saw the rest, against what came true with
  heads that learned from the whole: harder, since both sides have the luck of their own examples.
  It is also asked whether the 95% intervals of the two sides allow for the difference.
The last measured value ("it stays as it is") stands beside them. Features are computed first, and
kept in the usual cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import Figure, make_parser, report, say

SETS = {
    "sign-digits": ("sign-digits", None),
    "clothing": ("clothing/train", None),
    "spoken-digits": ("spoken-digits/labels.csv", "speaker"),
    "banking77": ("banking77/train.csv", None),
}
SHARES = (1.0, 0.5, 0.25, 0.125)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A prediction, what came true, and what standing still would have said."""

    kind: str
    set: str
    share: float
    num_from: int
    num_at: int
    predicted: Any
    came_true: Any
    last: float

    @property
    def error(self) -> float:
        """In points."""
        return 100.0 * (self.predicted.value - self.came_true.value)

    @property
    def holds(self) -> bool:
        """Whether the interval holds the value that was measured."""
        return bool(self.predicted.low <= self.came_true.value <= self.predicted.high)

    @property
    def agrees(self) -> bool:
        """Whether the intervals of both sides allow for the difference."""
        from topwork.evaluation.intervals import difference

        apart = difference(self.predicted, self.came_true)
        return bool(apart.low <= 0 <= apart.high)

    def __str__(self) -> str:
        return (
            f"{self.kind} {self.set} x {self.share:g}, {self.num_from} -> {self.num_at}: predicted "
            f"{self.predicted}, came true {self.came_true}, {self.error:+.1f} points"
            + ("" if self.holds else ", outside")
        )


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="draws of the halves")
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    arguments = parser.parse_args()
    cases = []
    for name in arguments.sets:
        curves = dict(curves_of(arguments.data, name, arguments.seeds))
        for case in cases_of(name, curves):
            say(str(case))
            cases.append(case)
    report("Predicted from half of the data", figures_of(cases), as_json=arguments.json)


def curves_of(data: Path, name: str, num_seeds: int) -> Iterator[tuple[tuple[float, int], Any]]:
    """Yield share and seed, and the curve of that part of a set."""
    import numpy as np

    from topwork.evidence.learning_curve.curve import learning_curve
    from topwork.examples.folds import stratified_sample

    table, rows, labels = features_of(data, name)
    for seed in range(num_seeds):
        part = np.arange(len(rows))
        for share in SHARES:
            if share < 1:
                part = part[stratified_sample(labels.classes[part], len(part) // 2, seed)]
            elif seed:
                continue
            curve = learning_curve(table, rows[part], labels.take(part))
            yield (share, seed), curve


def features_of(data: Path, name: str) -> tuple[Any, Any, Any]:
    """Return the table of a set, the rows of its training part, and their labels."""
    import numpy as np

    from topwork.backbones.catalog import default_backbone
    from topwork.backbones.registry import get_backbone
    from topwork.examples.example import sort_labels
    from topwork.examples.sources import read_examples
    from topwork.examples.split import divide
    from topwork.features.extract import default_pools, extract
    from topwork.heads.labels import Labels

    place, group_column = SETS[name]
    found = read_examples(data / place, group_column=group_column)
    train = divide(found).train
    backbone = get_backbone(default_backbone(found.modality))
    extraction = extract(train, backbone, pools=default_pools(len(train), found.modality))
    classes = sort_labels({example.label or "" for example in extraction.examples})
    labels = Labels.of(extraction.examples, classes)
    return extraction.table.in_memory(), np.arange(len(extraction.examples)), labels


def cases_of(name: str, curves: dict[tuple[float, int], Any]) -> Iterator[Case]:
    """Yield both kinds of prediction that the curves of a set allow."""
    for (share, seed), curve in curves.items():
        past = curve.past
        if past is not None:
            last = curve.accuracy[curve.sizes.index(past.num_from)].value
            yield Case(kind="past", set=name, share=share, num_from=past.num_from,
                       num_at=past.num_at, predicted=past.predicted, came_true=past.came_true,
                       last=last)  # fmt: skip
        if share == SHARES[0]:
            continue
        whole = curves[share * 2, seed if share * 2 < 1 else 0]
        at, reach = whole.sizes[-1], curve.line[-1][0]
        if 1.5 * curve.sizes[-1] <= at <= reach:  # without kept folds a size has an upper bound
            yield Case(kind="half", set=name, share=share * 2, num_from=curve.sizes[-1], num_at=at,
                       predicted=curve.predict(at), came_true=whole.accuracy[-1],
                       last=curve.accuracy[-1].value)  # fmt: skip


def figures_of(cases: Sequence[Case]) -> list[Figure]:
    """Return errors and coverage of both kinds."""
    figures = []
    for kind in ("past", "half"):
        own = [case for case in cases if case.kind == kind]
        whole = [case for case in own if case.share == 1]
        for what, some in (("the whole sets", whole), ("all", own)):
            if not some:
                continue
            errors = [abs(case.error) for case in some]
            still = [abs(100 * (case.last - case.came_true.value)) for case in some]
            figures.append(
                Figure(
                    name=f"{kind}, {what}: mean error in points",
                    measured=sum(errors) / len(errors),
                    bound=1.5 if some is whole else None,
                    at_most=True,
                    form=".2f",
                    note=f"of {len(some)}; greatest {max(errors):.1f}; if it stayed as it was "
                    f"{sum(still) / len(still):.2f}",
                )
            )
        if own:
            figures.append(_share(f"{kind}: interval holds", [c.holds for c in own], 0.8))
            figures.append(_share(f"{kind}: both intervals allow", [c.agrees for c in own], None))
    return figures


def _share(name: str, which: Sequence[bool], bound: float | None) -> Figure:
    return Figure(
        name=name, measured=sum(which) / len(which), bound=bound, form=".2f",
        note=f"{sum(which)} of {len(which)}",
    )  # fmt: skip


if __name__ == "__main__":
    main()
