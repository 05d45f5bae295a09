"""How right the models of sounds and texts are, with default settings.

- spoken-digits: each of the six speakers left out in turn (the data's own split aside), and the
  data's own split.
- wake-words: three classes, cross-validated; how many files cannot be read.
- banking77: all of the training part, and ten of each class drawn five times, both tested on the
  test part.
"""

from __future__ import annotations

import csv
import statistics
from collections.abc import Callable
from pathlib import Path

from common import Figure, make_parser, own_cache, report, say

PER_CLASS, DRAWS = 10, 5


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--only", nargs="+", choices=sorted(TASKS), default=sorted(TASKS))
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with own_cache():
        for name in arguments.only:
            say(name)
            figures += TASKS[name](arguments.data)
    report("Accuracy on sounds and texts", figures, as_json=arguments.json)


def speakers(data: Path) -> list[Figure]:
    """Leave out each speaker in turn, over all recordings."""
    import topwork

    folder = data / "spoken-digits"
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    model = topwork.train(
        [folder / row["file"] for row in rows],
        [row["label"] for row in rows],
        groups=[row["speaker"] for row in rows],
        train="head",
    )
    return [_cross_validated("spoken-digits, each speaker left out", model, 0.978)]


def digits(data: Path) -> list[Figure]:
    """Train and test as the data's author split it."""
    import topwork

    model = topwork.train(data / "spoken-digits" / "labels.csv", train="head")
    return [_tested("spoken-digits, its own split", model, 0.995)]


def wake_words(data: Path) -> list[Figure]:
    """Cross-validate, and count what is broken."""
    import topwork

    model = topwork.train(data / "wake-words", train="head")
    broken = len(model.data.skipped)
    return [
        _cross_validated("wake-words, cross-validated", model, 0.98),
        Figure(name="wake-words, files named as broken", measured=broken, form=".0f"),
    ]


def banking(data: Path) -> list[Figure]:
    """Train on all 10,003 texts."""
    import topwork

    model = topwork.train(data / "banking77", train="head")
    return [_tested("banking77, train to test", model, 0.938)]


def few_texts(data: Path) -> list[Figure]:
    """Train on ten of each class, five times."""
    import numpy as np

    import topwork

    parts = {}
    for part in ("train", "test"):
        with (data / "banking77" / f"{part}.csv").open(encoding="utf-8") as file:
            parts[part] = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    labels = np.array([label for _, label in parts["train"]])
    texts, truth = zip(*parts["test"], strict=True)
    values = []
    for seed in range(DRAWS):
        rng = np.random.default_rng(seed)
        chosen = np.concatenate(
            [rng.permutation(np.flatnonzero(labels == k))[:PER_CLASS] for k in np.unique(labels)]
        )
        some = [parts["train"][i] for i in chosen]
        model = topwork.TransferClassifier().fit([t for t, _ in some], [k for _, k in some])
        values.append(float((model.predict(texts) == np.array(truth)).mean()))
        say(f"draw {seed}: {values[-1]:.3f}")
    return [
        Figure(
            name=f"banking77, {PER_CLASS} a class, mean of {DRAWS} draws",
            measured=statistics.mean(values),
            bound=0.86,
            noise=2 * statistics.stdev(values) / DRAWS**0.5,
            note=f"from {min(values):.3f} to {max(values):.3f}",
        )
    ]


def _cross_validated(name: str, model: object, bound: float) -> Figure:
    return _figure(name, model.evaluation.accuracy, bound)  # type: ignore[attr-defined]


def _tested(name: str, model: object, bound: float) -> Figure:
    return _figure(name, model.test.accuracy, bound)  # type: ignore[attr-defined]


def _figure(name: str, score: object, bound: float) -> Figure:
    low, high = score.low, score.high  # type: ignore[attr-defined]
    return Figure(
        name=name,
        measured=score.value,  # type: ignore[attr-defined]
        bound=bound,
        note=f"{low:.3f} to {high:.3f}",
    )


TASKS: dict[str, Callable[[Path], list[Figure]]] = {
    "speakers": speakers,
    "digits": digits,
    "wake-words": wake_words,
    "banking": banking,
    "few-texts": few_texts,
}


if __name__ == "__main__":
    main()
