"""An epoch from what was saved at the cut, against the same epoch through the whole network.

Both go through Topwork's own trainer, with the same examples, batches, head, optimiser and trained
blocks. From the cut, an example is read as it was saved there; through the whole network, it is
read decoded, and runs through the frozen blocks first in every step (nothing is kept for a gradient
there). Neither is augmented. In every round each trains two epochs, in turns, and the second is
timed. Ratios are medians over the rounds of ratios within a round. What it costs to save
the outputs, once, stands beside them. Only the image network's last two blocks have a bound.

And: a fine-tuned model, saved and loaded, served by OpenVINO (device cpu) and by PyTorch.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import Figure, make_parser, own_cache, report, say

EPOCHS = 2
BOUND, DEPTH = 5.0, 2
NUM_TUNED, NUM_SERVED = 100, 200
MOST_APART = 1e-3


@dataclass(frozen=True, kw_only=True)
class Row:
    """What is measured: so many examples of a set, and from where its last blocks are trained.

    Attributes:
        depth: the last blocks that are trained; None: as many as `auto` tries.
        bound: of the ratio.
    """

    source: str
    examples: int
    backbone: str
    depth: int | None = DEPTH
    bound: float | None = None


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=500, help="of sign-digits, for the epochs")
    parser.add_argument("--others", type=int, default=200, help="texts, and sounds")
    parser.add_argument("--backbone", default="efficientnet-lite0", help="for images")
    parser.add_argument("--skip", nargs="*", default=[], choices=("texts", "sounds", "served"))
    arguments = parser.parse_args()
    rows = image_rows(arguments.images, arguments.backbone)
    if "texts" not in arguments.skip:
        rows.append(Row(source="banking77", examples=arguments.others, backbone="minilm-l6"))
    if "sounds" not in arguments.skip:
        rows.append(
            Row(
                source="spoken-digits/labels.csv",
                examples=arguments.others,
                backbone="speech-embedding",
            )
        )
    figures: list[Figure] = []
    with own_cache():
        for row in rows:
            if not (arguments.data / row.source).exists():
                say(f"skipped: {row.source} is not in {arguments.data}")
                continue
            figures += Epochs(arguments.data, row).figures(arguments.rounds)
        signs = arguments.data / "sign-digits"
        if "served" not in arguments.skip and signs.is_dir():
            figures += served(signs, arguments.backbone, NUM_TUNED, NUM_SERVED)
    report("The cut: epochs, and serving", figures, as_json=arguments.json)


def image_rows(num: int, backbone: str) -> list[Row]:
    """Return the rows of the image network."""
    return [
        Row(source="sign-digits", examples=num, backbone=backbone, bound=BOUND),
        Row(source="sign-digits", examples=num, backbone=backbone, depth=None),
    ]


class Epochs:
    """Two jobs that train the same blocks on the same examples."""

    def __init__(self, data: Path, row: Row) -> None:
        from topwork.backbones.registry import get_backbone
        from topwork.examples.sources import read_examples
        from topwork.features.activations import save_activations
        from topwork.training.cut import NETWORK, Cut
        from topwork.training.hyperparameters import hyperparameters, usual_depth
        from topwork.training.settings import Training
        from topwork.training.strategy import Strategy

        found = read_examples(data / row.source)
        self.bound = row.bound
        self.examples = spread(found.of_split("train", None), row.examples)
        backbone = get_backbone(row.backbone)
        network = backbone.build()
        depth = row.depth or usual_depth(len(network.blocks))
        block = network.blocks[-depth - 1]
        self.title = f"{backbone.name}, last:{depth} of {len(network.blocks)} blocks"
        say(f"{self.title}, {len(self.examples)} examples ...")
        started = time.perf_counter()
        saved = save_activations(self.examples, backbone, block)
        self.saving = time.perf_counter() - started
        decoded = save_activations(self.examples, backbone, None)
        given = Training(epochs=EPOCHS, augment=())
        settings = hyperparameters(
            given, Strategy(kind="last", last_blocks=depth), len(self.examples), backbone.modality,
            network,
        )  # fmt: skip
        short = Cut.of(backbone, block)
        after = short.after.module.named_parameters()
        trained = {short.whole_name(NETWORK + name) for name, own in after if own.requires_grad}
        frozen = [n for n, _ in network.module.named_parameters() if n not in trained]
        self.cut = self._job(short, saved, settings)
        self.whole = self._job(
            Cut.of(backbone, None), decoded, settings.changed(freeze=tuple(frozen))
        )

    def _job(self, cut: Any, saved: Any, settings: Any) -> Any:
        import numpy as np

        from topwork.examples.example import sort_labels
        from topwork.heads.labels import Labels
        from topwork.training.training_job import TrainingJob

        classes = sort_labels({example.label for example in saved.examples})
        codes = np.array([classes.index(e.label) for e in saved.examples], np.intp)
        labels = Labels(classes=codes, num_classes=len(classes))
        # a head fitted beforehand would take a pass of its own, and change no epoch's time
        return TrainingJob(cut=cut, saved=saved, labels=labels, settings=settings, head_first=False)

    def figures(self, num_rounds: int) -> list[Figure]:
        """Measure in turns."""
        rounds = []
        for number in range(num_rounds):
            cut, whole = self.seconds(self.cut), self.seconds(self.whole)
            say(f"  round {number + 1}: {cut:.2f} s from the cut, {whole:.2f} s through all of it")
            rounds.append((cut, whole))
        ratios = [whole / cut for cut, whole in rounds]
        cut, whole = (statistics.median(column) for column in zip(*rounds, strict=True))
        return [
            Figure(
                name=f"{self.title}: epoch through all of it over epoch from the cut",
                measured=statistics.median(ratios),
                bound=self.bound,
                form=".2f",
                note=f"from {min(ratios):.2f} to {max(ratios):.2f}; {whole:.2f} s, {cut:.2f} s; "
                f"saved once in {self.saving:.2f} s; {len(self.examples)} examples",
            )
        ]

    def seconds(self, job: Any) -> float:
        """Return how long the last of the epochs takes."""
        import numpy as np

        from topwork.training.finetune import finetune

        return float(finetune(job, np.arange(len(job.labels.classes))).history[-1].seconds)


def served(source: Path, backbone: str, num_tuned: int, num_served: int) -> list[Figure]:
    """Fine-tune on some, and let OpenVINO and PyTorch predict others."""
    import numpy as np

    import topwork
    from topwork.examples.sources import read_examples
    from topwork.training.settings import Training

    found = read_examples(source).examples
    some = spread(found, num_tuned + num_served)
    fine_tuned = spread(some, min(num_tuned, len(some) // 3))
    names = {example.name for example in fine_tuned}
    others = [source / example.name for example in some if example.name not in names]
    say(f"served: last:{DEPTH} on {len(fine_tuned)}, {len(others)} predicted ...")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "model"
        topwork.train(
            [source / example.name for example in fine_tuned],
            [example.label for example in fine_tuned],
            backbone=backbone,
            out=place,
            train=f"last:{DEPTH}",
            num_folds=2,
            training=Training(epochs=EPOCHS),
        )
        fast, true = (
            topwork.load(place, device=device).predict_proba(others) for device in ("cpu", "torch")
        )
    return [
        Figure(
            name=f"tuned, OpenVINO against PyTorch: labels that differ, of {len(others)}",
            measured=int((fast.argmax(1) != true.argmax(1)).sum()),
            bound=0,
            at_most=True,
            form=".0f",
        ),
        Figure(
            name="tuned, OpenVINO against PyTorch: greatest difference of probabilities",
            measured=float(np.abs(fast - true).max()),
            bound=MOST_APART,
            at_most=True,
            form=".1e",
        ),
    ]


def spread(items: Sequence[Any], num: int) -> list[Any]:
    """Return so many of them, evenly."""
    if num >= len(items):
        return list(items)
    return [items[place * len(items) // num] for place in range(num)]


if __name__ == "__main__":
    main()
