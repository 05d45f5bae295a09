"""The head with altered views beside its examples, against the head without.

    python benchmarks/views.py [DATA] [--sets sign-digits-50 clothing-200] [--seeds 5]

Both learn from the same draws and are tested on the same other examples (draws.py). Printed: the
accuracy of each, its log loss, what the views add to the accuracy with its standard error over the
draws, and how long the search and the fit took, after the features were there.
"""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Any

from common import Figure, make_parser, report, say
from draws import draw, is_there

SETS = (
    *(f"sign-digits-{num}" for num in (50, 200, 1000)),
    *("clothing-50", "clothing-200", "spoken-digits-50"),
)
WAYS = {"without views": {"num_views": 1}, "with views": {}}


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    figures = []
    for name in options.sets:
        if not is_there(options.data, name):
            say(f"{name} is not in {options.data}: left out")
            continue
        figures += measure(options.data, name, options.seeds)
    report("Altered views in the head", figures, as_json=options.json)


def measure(data: Path, name: str, seeds: int) -> list[Figure]:
    """Return the lines of one set."""
    found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
    for seed in range(seeds):
        split = draw(data, name, seed).splits[0]
        for way, settings in WAYS.items():
            found[way].append(_tested(split, settings))
    figures = []
    for way, rows in found.items():
        right, loss, seconds = (list(column) for column in zip(*rows, strict=True))
        figures.append(
            Figure(
                name=f"{name}, {way}",
                measured=statistics.mean(right),
                noise=2 * _error(right),
                note=f"log loss {statistics.mean(loss):.3f}; search and fit "
                f"{statistics.median(seconds):.1f} s",
            )
        )
    gains = [b[0] - a[0] for a, b in zip(*found.values(), strict=True)]
    figures.append(
        Figure(
            name=f"{name}, gain of views",
            measured=statistics.mean(gains),
            bound=-0.003,
            noise=2 * _error(gains),
            form="+.4f",
            note=f"standard error {_error(gains):.4f}",
        )
    )
    return figures


def _tested(split: Any, settings: dict[str, Any]) -> tuple[float, float, float]:
    """Return a head's accuracy and log loss on what it has not seen, and how long it took."""
    import time

    import numpy as np

    from topwork.backbones.catalog import default_backbone
    from topwork.backbones.registry import get_backbone
    from topwork.core.options import RunOptions
    from topwork.features.extract import extract
    from topwork.heads.fit import fit_head
    from topwork.recipe import Recipe
    from topwork.runs.head_features import head_features

    backbone = get_backbone(default_backbone(split.train.modality))
    recipe = Recipe(train="head").with_settings(settings)
    features = head_features(split.train, recipe, backbone, RunOptions())
    table = features.table.in_memory()
    started = time.perf_counter()
    head = fit_head(table, features.train, features.labels)
    seconds = time.perf_counter() - started
    tested = extract(split.test, backbone, pools=features.pools)
    place = {label: k for k, label in enumerate(features.classes)}
    truth = np.array([place[example.label] for example in tested.examples])
    said = head.predict(tested.table, np.arange(len(truth)))
    own = said[np.arange(len(truth)), truth]
    right = float((said.argmax(1) == truth).mean())
    return right, float(-np.log(np.maximum(own, 1e-15)).mean()), seconds


def _error(values: list[float]) -> float:
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")


if __name__ == "__main__":
    main()
