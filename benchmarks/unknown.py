"""How well inputs of no class are told from own ones, beside the largest probability.

Known examples are learned from; others of the same classes, never seen, are own; and what is of no
class is foreign:
- hand signs 0 to 7, 800 examples: against the signs 8 and 9, and against photos of clothes;
- banking77 without ten of its intents, 10 a class and all: against these ten;
- spoken digits, 100 a digit: against recordings of wake words and other speech; and once more with
  a speaker who was not learned from as own;
- clothes of seven classes, 60 each: against the other three, and against hand signs;
- chest X-rays, 30 of them: against clothes.

`topwork` is the score behind `predict(reject=...)`, `largest` is 1 minus the largest probability of
the same head (Hendrycks and Gimpel 2017). AUROC and false accepts are first those at 5% false
rejects of the own examples; `as set` is what comes of the threshold that was set for 5% on the
examples learned from, left out in turn: false accepts, and false rejects in brackets.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from common import Figure, make_parser, report, say, seconds_of

LEFT_OUT_INTENTS = slice(0, 80, 8)
SCORES = ("topwork", "largest")
SMALL = ("signs", "intents", "sounds", "clothes", "xray")


@dataclass(frozen=True, kw_only=True)
class Case:
    """Examples to learn from, own ones that were not, and foreign ones by name."""

    name: str
    modality: Any
    train: Sequence[Any]
    own: Sequence[Any]
    ood: Mapping[str, Sequence[Any]]
    required: bool


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--sets", nargs="*", default=SMALL, choices=[*SMALL, "all-intents"],
                        help="what to measure; all-intents takes half an hour")  # fmt: skip
    arguments = parser.parse_args()
    makers: dict[str, Callable[[Path], Iterator[Case]]] = {
        "signs": signs,
        "intents": partial(intents, per_class=10),
        "all-intents": partial(intents, per_class=None),
        "sounds": sounds,
        "clothes": clothes,
        "xray": xray,
    }
    figures = []
    for name in arguments.sets:
        for case in makers[name](arguments.data):
            figures += measure(case)
    report("Inputs of no class", figures, as_json=arguments.json)


def measure(case: Case) -> list[Figure]:
    """Return the lines of one case: for each kind of foreign inputs, both scores."""
    import numpy as np

    from topwork.backbones.catalog import default_backbone
    from topwork.backbones.registry import get_backbone
    from topwork.core.options import RunOptions
    from topwork.evaluation.ood import OODSample, detect_by_features
    from topwork.examples.example import ExampleSet
    from topwork.features.extract import extract
    from topwork.recipe import Recipe
    from topwork.runs.head import run_head

    modality = case.modality
    backbone = get_backbone(default_backbone(modality))
    found = ExampleSet(examples=case.train, modality=modality, origin=case.name)
    recipe = Recipe(train="head", num_repeats=1)
    head_run = run_head(found, recipe, backbone, RunOptions(device="cpu"))
    cross_val = head_run.cross_val
    if cross_val is None:
        raise RuntimeError(f"{case.name}: there are no examples left out")

    def detect() -> Any:
        sample = OODSample(
            rows=head_run.train,
            labels=head_run.labels,
            classes=head_run.classes,
            probabilities=cross_val.probabilities[0],
            folds=cross_val.folds,
            method=cross_val.method,
        )
        return detect_by_features(
            head_run.table, sample, head_run.head,
            settings=recipe.head_settings(), features=head_run.features,
        )  # fmt: skip

    seconds, told = seconds_of(detect), detect()
    if told is None:
        raise RuntimeError(f"{case.name}: there is no detector")
    size = sum(tensor.nbytes for tensor in told.detector.tensors().values())
    held = 1 - cross_val.probabilities[0].max(1)
    thresholds = {"largest": np.quantile(held, 0.95)}

    def scores(examples: Sequence[Any]) -> dict[str, Any]:
        table = extract(examples, backbone, pools=head_run.pools, device="cpu").table
        rows = np.arange(table.num_rows)
        chances = head_run.head.predict(table)
        return {
            "topwork": told.detector.score(chances, table, rows),
            "largest": 1 - chances.max(1),
        }

    num_held = len(told.detector.held_out)
    at = int(np.floor(0.05 * (num_held + 1)))  # of the highest, those that are rejected
    thresholds["topwork"] = told.detector.held_out[num_held - max(at, 1)]
    say(
        f"{case.name}: {len(case.train)} examples, detector in {seconds:.1f} s, "
        f"{size / 1e6:.2f} MB; measured in training: {told.scores}"
    )
    own = scores(case.own)
    figures = []
    for what, examples in case.ood.items():
        ood = scores(examples)
        figures += _lines(case, what, own, ood, thresholds)
    return figures


def _lines(
    case: Case,
    what: str,
    own: dict[str, Any],
    ood: dict[str, Any],
    thresholds: dict[str, Any],
) -> list[Figure]:
    import numpy as np

    measured: dict[str, tuple[float, float, str]] = {}
    for name in SCORES:
        ours, others = np.sort(own[name]), ood[name]
        below = np.searchsorted(ours, others, "left") + np.searchsorted(ours, others, "right")
        accepted = float((others <= np.quantile(ours, 0.95)).mean())
        # a share of held-out examples rejects what ties with the threshold; a probability does not
        reject = np.greater_equal if name == "topwork" else np.greater
        as_set = 1 - reject(others, thresholds[name]).mean()
        rejected = reject(ours, thresholds[name]).mean()
        note = f"as set: {as_set:.1%} ({rejected:.1%})"
        measured[name] = float(below.mean() / (2 * len(ours))), accepted, note
    auroc, accepted, note = measured["topwork"]
    base_auroc, base_accepted, base_note = measured["largest"]
    start = f"{case.name} | {what}"
    of = f"{len(ours)} own, {len(others)} foreign"
    return [
        Figure(name=f"{start}: AUROC", measured=auroc, form=".3f", note=of,
               bound=base_auroc if case.required else None),
        Figure(name=f"{start}: AUROC, largest", measured=base_auroc, form=".3f"),
        Figure(name=f"{start}: false accepts", measured=accepted, form=".1%", note=note,
               bound=base_accepted if case.required else None, at_most=True),
        Figure(name=f"{start}: false accepts, largest", measured=base_accepted, form=".1%",
               note=base_note),
    ]  # fmt: skip


def signs(data: Path) -> Iterator[Case]:
    """Hand signs 0 to 7."""
    examples = _read(data / "sign-digits")
    train, own = _some([e for e in examples if e.label not in ("8", "9")], 100)
    others = [e for e in examples if e.label in ("8", "9")]
    yield Case(
        name="signs 0 to 7", modality="image", train=train, own=own, required=True,
        ood={"signs 8 and 9": others, "clothes": _read(data / "clothing")},
    )  # fmt: skip


def intents(data: Path, per_class: int | None) -> Iterator[Case]:
    """Questions of bank customers."""
    examples = _read(data / "banking77" / "train.csv")
    tests = _read(data / "banking77" / "test.csv")
    left_out = sorted({e.label for e in examples})[LEFT_OUT_INTENTS]
    seen = {e.digest for e in examples}
    train = [e for e in examples if e.label not in left_out]
    if per_class is not None:
        train, _ = _some(train, per_class)
    yield Case(
        name=f"intents, {'all' if per_class is None else f'{per_class} a class'}",
        modality="text",
        train=train,
        own=[e for e in tests if e.label not in left_out and e.digest not in seen],
        ood={"ten other intents": [e for e in tests if e.label in left_out]},
        required=True,
    )


def sounds(data: Path) -> Iterator[Case]:
    """Spoken digits."""
    examples = _read(data / "spoken-digits" / "labels.csv", group_column="speaker")
    ood = {"wake words": _read(data / "wake-words")}
    alone = [replace(e, group=None, split=None) for e in examples]
    train, own = _some(alone, 100)
    yield Case(
        name="digits, all speakers",
        modality="sound",
        train=train,
        own=own,
        ood=ood,
        required=True,
    )
    speaker = min(e.group for e in examples)
    known = [replace(e, split=None) for e in examples if e.group != speaker]
    train, _ = _some(known, 60)
    own = [e for e in examples if e.group == speaker]
    yield Case(
        name="digits, new speaker",
        modality="sound",
        train=train,
        own=own,
        ood=ood,
        required=True,
    )


def clothes(data: Path) -> Iterator[Case]:
    """Seven classes of clothes."""
    others = ("pants", "hat", "shoes")
    examples = [replace(e, split=None) for e in _read(data / "clothing")]
    train, own = _some([e for e in examples if e.label not in others], 60)
    yield Case(
        name="clothes", modality="image", train=train, own=own, required=False,
        ood={
            "three other classes": [e for e in examples if e.label in others],
            "hand signs": _read(data / "sign-digits")[::4],
        },
    )  # fmt: skip


def xray(data: Path) -> Iterator[Case]:
    """Chest X-rays."""
    examples = [replace(e, group=None) for e in _read(data / "chest-xray" / "labels.csv")]
    train, own = _some(examples, 15)
    ood = {"clothes": _read(data / "clothing")[::4]}
    yield Case(name="X-rays", modality="image", train=train, own=own, ood=ood, required=False)


def _read(path: Path, **columns: Any) -> list[Any]:
    from topwork.examples.sources import read_examples

    return list(read_examples(path, **columns).examples)


def _some(examples: Sequence[Any], per_class: int) -> tuple[list[Any], list[Any]]:
    """Return so many of each class, drawn with a seed, and all others."""
    import numpy as np

    rng = np.random.default_rng(0)
    chosen: set[int] = set()
    for label in sorted({e.label for e in examples}):
        own = [i for i, e in enumerate(examples) if e.label == label]
        chosen |= {own[k] for k in rng.permutation(len(own))[:per_class]}
    rest = [e for i, e in enumerate(examples) if i not in chosen]
    return [examples[i] for i in sorted(chosen)], rest


if __name__ == "__main__":
    main()
