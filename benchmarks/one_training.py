"""One training in a process of its own with an empty cache, tested; prints one line of JSON.

`strategies.py` and `transfer.py` start it; by hand it repeats one cell of their tables.
`--train last` is the depth that `auto` tries. The time is that of one training from examples that
were read already (they are hashed while they are read), with torch imported; testing is not in it.
Training from random weights is not cross-validated here: its whole time limit goes into the one
network that is tested, which is to its advantage.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from common import make_parser, own_cache
from draws import draw


def main() -> None:
    """Train, test and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--set", required=True, help="such as sign-digits-100; see draws.py")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train", default="auto", help="head, last, last:K, all, scratch or auto")
    parser.add_argument("--backbone", help="in place of the one that comes with Topwork")
    parser.add_argument("--time-limit", help="of the training: 90s, 10m")
    arguments = parser.parse_args()
    with own_cache():
        line = run(
            arguments.data,
            arguments.set,
            seed=arguments.seed,
            train=arguments.train,
            backbone=arguments.backbone,
            time_limit=arguments.time_limit,
        )
    print(json.dumps(line))


def run(
    data: Path,
    name: str,
    *,
    seed: int,
    train: str,
    backbone: str | None = None,
    time_limit: str | None = None,
) -> dict[str, Any]:
    """Return what is known of the training and the tests."""
    import numpy as np

    from topwork.backbones.catalog import default_backbone
    from topwork.backbones.registry import get_backbone
    from topwork.evaluation.intervals import effective_share, wilson
    from topwork.model.model import Model
    from topwork.recipe import Recipe
    from topwork.runs.train import train_examples
    from topwork.training.hyperparameters import usual_depth

    drawn = draw(data, name, seed)
    network = get_backbone(backbone or default_backbone(drawn.whole.modality))
    num_blocks = len(network.build().blocks)  # whatever is trained, so that all begin alike
    strategy = f"last:{usual_depth(num_blocks)}" if train == "last" else train
    recipe = Recipe(train=strategy, seed=seed, time_limit=time_limit, backbone=network.name)

    def fit(examples: Any, unscored: tuple[str, ...]) -> Any:
        return Model(train_examples(examples, recipe, network, scored=train not in unscored))

    started = time.perf_counter()
    whole = fit(drawn.whole, ("scratch",))
    seconds = time.perf_counter() - started
    right: list[bool] = []
    clusters: list[int] = []
    settled = [whole.selection.strategy]
    for split in drawn.splits:
        model = whole
        if split.train is not drawn.whole:
            model = fit(split.train, ("scratch", "head"))  # the head is the same without a score
            settled.append(model.selection.strategy)
        for example, said in zip(split.test, model.stream(split.test), strict=True):
            right.append(said.label == example.label)
            clusters.append(drawn.clusters[example.name])
    numbers = np.unique(clusters, return_inverse=True)[1]
    share = effective_share(np.array(right, float), numbers)
    accuracy = wilson(float(np.mean(right)), len(right) * share)
    return {
        "set": name,
        "seed": seed,
        "train": train,
        "backbone": backbone,
        "time_limit": time_limit,
        "way": whole.selection.strategy,
        "settled": settled,
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "num_train": len(drawn.whole.examples),
        "num_test": len(right),
        "seconds": round(seconds, 2),
        "reason": whole.selection.reason,
        "notes": list(whole.notes),
        "tried": [
            {"way": one.strategy, "accuracy": one.accuracy.value, "seconds": round(one.seconds, 2),
             "verdict": one.verdict}
            for one in whole.selection.candidates
        ],
        "right": "".join("1" if one else "0" for one in right),
        "clusters": clusters,
    }  # fmt: skip


if __name__ == "__main__":
    main()
