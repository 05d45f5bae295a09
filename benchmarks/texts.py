"""How fast the features of texts are extracted, beside sentence-transformers' own encode.

The same network (all-MiniLM-L6-v2), the same texts, in turns within one run, on all cores:
- ours: `extract` into an empty store, from the texts to the shards: cut into tokens, run, pooled
  (mean, max and class token of all seven levels), rounded and written. Once as by default (bf16
  where the CPU computes in it natively), once in float32.
- theirs: `SentenceTransformer.encode`, from the texts to the last level's mean; it sorts by length
  and computes in batches of 32. Loading the model is not counted, on either side.
Also: how far batches of many are from one text at a time, and bf16 from float32.
"""

from __future__ import annotations

import csv
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import Figure, make_parser, own_cache, rates_of, report, say, seconds_of

AGREEMENT_TEXTS = 200


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--texts", type=int, default=3000, help="0: all")
    arguments = parser.parse_args()
    with own_cache():
        with (arguments.data / "banking77" / "train.csv").open(encoding="utf-8") as file:
            texts = list(dict.fromkeys(row["text"] for row in csv.DictReader(file)))
        bench = Bench(texts[: arguments.texts or None])
        rounds = []
        for number in range(arguments.rounds):
            rounds.append(bench.round())
            rates = ", ".join(f"{name} {rate:.0f}" for name, rate in rounds[-1].items())
            say(f"round {number + 1}, texts/s: {rates}")
        figures = [*_ratios(rounds), *bench.agreement()]
    report(f"Extraction of {len(bench.texts)} texts", figures, as_json=arguments.json)


def _ratios(rounds: Sequence[dict[str, float]]) -> list[Figure]:
    figures = [
        Figure(
            name=f"{name} over sentence-transformers",
            measured=statistics.median(r[name] / r["sentence-transformers"] for r in rounds),
            bound=1.5 if name == "default" else None,
            form=".2f",
        )
        for name in ("default", "float32")
    ]
    return figures + rates_of("texts/s", rounds)


class Bench:
    """Everything that is built once; `round` measures each thing once, one after the other."""

    def __init__(self, texts: Sequence[str]) -> None:
        from sentence_transformers import SentenceTransformer

        from topwork.backbones.registry import get_backbone
        from topwork.examples.sources import read_inputs

        self.texts = list(texts)
        self.examples = read_inputs(self.texts, modality="text")
        self.ours = {
            "default": get_backbone("minilm-l6"),
            "float32": get_backbone("minilm-l6?precision=f32"),
        }
        folder = self.ours["default"].input.tokenizer.parent  # type: ignore[union-attr]
        self.theirs = SentenceTransformer(str(folder), device="cpu")
        self.theirs.encode(self.texts[:64])
        for backbone in self.ours.values():  # compiled once, kept
            self.extract(backbone, self.examples[:64])

    def round(self) -> dict[str, float]:
        """Return texts/s of everything."""
        num = len(self.texts)
        rates = {
            name: num / seconds_of(lambda b=backbone: self.extract(b, self.examples))
            for name, backbone in self.ours.items()
        }
        return rates | {
            "sentence-transformers": num / seconds_of(lambda: self.theirs.encode(self.texts))
        }

    def extract(self, backbone: Any, examples: Sequence[Any]) -> Any:
        """Extract into an empty store, and return the last level's mean."""
        import numpy as np

        from topwork.features.extract import default_pools, extract
        from topwork.features.store import FeatureStore

        pools = default_pools(len(examples), "text")
        with tempfile.TemporaryDirectory() as folder:
            store = FeatureStore(Path(folder))
            done = extract(examples, backbone, pools=pools, device="cpu", store=store)
            segments = done.table.segments
            last = [i for i, s in enumerate(segments) if s.block == segments[-1].block]
            mean = [i for i in last if segments[i].pool == "mean"]
            return done.table.read(np.arange(done.table.num_rows), mean)

    def agreement(self) -> list[Figure]:
        """Return how far the vectors are apart, as shares of their length."""
        import numpy as np

        from topwork.executors.choose import open_executor
        from topwork.features.stream import stream_features

        some = self.examples[:: max(1, len(self.examples) // AGREEMENT_TEXTS)]
        found = {}
        for name, backbone in self.ours.items():
            executor = open_executor(backbone, pools=("mean", "max", "prefix"), device="cpu")
            spec = backbone.input
            found[name] = np.stack([v for _, v in stream_features(some, executor, spec)])
            alone = [next(stream_features([one], executor, spec))[1] for one in some]
            found[f"{name}, alone"] = np.stack(alone)
        theirs = self.theirs.encode(
            [self.texts[self.examples.index(one)] for one in some], normalize_embeddings=False
        )

        def apart(a: Any, b: Any) -> float:
            return float((np.linalg.norm(a - b, axis=1) / np.linalg.norm(b, axis=1)).max())

        mean = found["float32"][:, -3 * theirs.shape[1] : -2 * theirs.shape[1]]
        unit = mean / np.linalg.norm(mean, axis=1, keepdims=True)
        return [
            Figure(
                name=f"one text alone against many, {name}",
                measured=apart(found[f"{name}, alone"], found[name]),
                bound=1e-4,
                at_most=True,
                form=".1e",
            )
            for name in self.ours
        ] + [
            Figure(
                name="bf16 against float32",
                measured=apart(found["default"], found["float32"]),
                form=".1e",
            ),
            Figure(
                name="float32 against sentence-transformers' vectors",
                measured=apart(unit, theirs),
                bound=1e-3,
                at_most=True,
                form=".1e",
            ),
        ]


if __name__ == "__main__":
    main()
