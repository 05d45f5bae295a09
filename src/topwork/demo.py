"""Shows what transferred knowledge is worth, on handwritten digits that need no download.

scikit-learn's 1,797 digits, 8 x 8 pixels each, are written as folders of pictures, and the very
same `train` learns from 50 and from 1,000 of them, tested on the rest: once from the pre-trained
network, once from a network of the same architecture with random weights, under the same kind of
head. What it does not know: what a network trained in full from scratch would do.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from topwork import files
from topwork.console import results
from topwork.errors import SettingError
from topwork.evaluation.intervals import difference
from topwork.evaluation.metrics import Evaluation
from topwork.examples.splits import stratified_sample
from topwork.model import Progress
from topwork.pipeline import train
from topwork.recipe import DEFAULT_BACKBONE

SIZES = (50, 1000)
RANDOM = f"{DEFAULT_BACKBONE}?pretrained=false"
MARK = ".topwork-demo"
"""A file that says: this folder was made by the demo, and may be made anew by it."""


@dataclass(frozen=True, kw_only=True)
class DemoRow:
    """Scores after learning from so many examples, tested on the rest."""

    num_examples: int
    pretrained: Evaluation
    random: Evaluation

    @property
    def worth(self) -> tuple[float, float, float]:
        """How much higher the accuracy is with the pre-trained network: value, low, high."""
        return difference(self.pretrained.accuracy, self.random.accuracy)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "num_examples": self.num_examples,
            "pretrained": self.pretrained.to_dict(),
            "random": self.random.to_dict(),
            "worth": dict(zip(("value", "low", "high"), self.worth, strict=True)),
        }


def run_demo(
    out: Path, *, sizes: Sequence[int] = SIZES, on_progress: Progress | None = None
) -> list[DemoRow]:
    """Write the pictures, train, and return a row for each size.

    Raises:
        SettingError: `out` holds something that the demo did not make.
    """
    rows = []
    for size in sizes:
        folder = out / f"digits-{size}"
        with files.disk_errors(f"Writing the pictures to {str(folder)!r}"):
            write_digits(folder, num_train=size)
        scores: list[Evaluation] = []
        for backbone in (DEFAULT_BACKBONE, RANDOM):
            what = "pre-trained" if backbone == DEFAULT_BACKBONE else "random"
            test = train(
                folder, backbone=backbone, on_progress=_named(on_progress, size, what)
            ).test
            if test is None:
                raise SettingError(f"{str(folder)!r} has lost its test part. Remove it.")
            scores.append(test)
        rows.append(DemoRow(num_examples=size, pretrained=scores[0], random=scores[1]))
    return rows


def write_digits(folder: Path, *, num_train: int, seed: int = 0) -> None:
    """Write `train/` with so many digits and `test/` with the rest, a folder for each class."""
    from sklearn.datasets import load_digits

    if folder.is_file():
        raise SettingError(f"{str(folder)!r} is a file. Give a folder: topwork demo --out FOLDER.")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise SettingError(
            f"The folder {str(folder)!r} is not empty, and was not made by the demo. Give another: "
            "topwork demo --out FOLDER."
        )
    shutil.rmtree(folder, ignore_errors=True)
    digits = load_digits()
    chosen = set(stratified_sample(digits.target, size=num_train, seed=seed).tolist())
    folder.mkdir(parents=True)
    (folder / MARK).touch()
    for i, (pixels, label) in enumerate(zip(digits.images, digits.target, strict=True)):
        home = folder / ("train" if i in chosen else "test") / str(label)
        home.mkdir(parents=True, exist_ok=True)
        grey = np.round(pixels * (255 / 16)).astype(np.uint8)
        Image.fromarray(grey).save(home / f"{i:04}.png")


def show_demo(rows: Sequence[DemoRow]) -> None:
    """Print the scores side by side, and what they mean."""
    from rich.table import Table

    console = results()
    table = Table(
        "learned from", title="Accuracy on handwritten digits, with 95% intervals",
        title_justify="left",
    )  # fmt: skip
    for name in ("tested on", "pre-trained", "random weights", "transfer is worth"):
        table.add_column(name, justify="right")
    for row in rows:
        mine, control = row.pretrained.accuracy, row.random.accuracy
        table.add_row(
            f"{row.num_examples:,} examples",
            f"{row.pretrained.num_examples:,}",
            *(f"{s.value:.3f} ({s.low:.3f} to {s.high:.3f})" for s in (mine, control)),
            "{:+.1f} points ({:+.1f} to {:+.1f})".format(*(100 * v for v in row.worth)),
        )
    console.print(table)
    console.print(
        "Both networks are frozen, of the same architecture, under the same kind of head, fitted "
        "with the same care. The first learned to see from 1.28 million photos, none of a digit.\n"
        "Next: topwork train YOUR_FOLDER --out MODEL"
    )


def _named(on_progress: Progress | None, size: int, what: str) -> Progress | None:
    if on_progress is None:
        return None
    return lambda stage, done, total: on_progress(f"{size} {what}: {stage}", done, total)
