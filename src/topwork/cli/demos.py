"""Demo of what transfer is worth.

Pictures, sounds or sentences are written as a user would have them, and the very same training
learns from few and from many of them, tested on the same others: once from the pre-trained network
that comes with Topwork, once from a network of the same architecture with random weights, under the
same kind of head.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from topwork.backbones.catalog import default_backbone
from topwork.cli.console import results
from topwork.cli.demo_data import write_digits, write_sentences, write_vowels
from topwork.core import files
from topwork.core.plain import Plain
from topwork.core.progress import renamed
from topwork.errors import SettingError
from topwork.evaluation.intervals import Estimate, difference
from topwork.evaluation.metrics import Evaluation
from topwork.examples.example import Modality
from topwork.recipe import Recipe
from topwork.runs.source import examples_and_backbone
from topwork.runs.train import train_examples

if TYPE_CHECKING:
    from rich.table import Table

MARK = ".topwork-demo"
"""A file that says: this folder was made by the demo, and may be made anew by it."""


@dataclass(frozen=True, kw_only=True)
class Demo:
    """A task to show transfer on.

    Attributes:
        name: of its folders.
        sizes: how many examples are learned from.
        num_test: how many others are tested on, the same after each size.
        title: what the accuracy is of.
        origin: what the data is, honestly.
        lesson: what the pre-trained network learned from.
        write: writes `train` and `test` into a folder.
    """

    name: str
    sizes: tuple[int, ...]
    num_test: int
    title: str
    origin: str
    lesson: str
    write: Callable[..., None]


DEMOS: dict[Modality, Demo] = {
    "image": Demo(
        name="digits",
        sizes=(50, 1000),
        num_test=500,
        title="handwritten digits",
        origin="The digits are those of scikit-learn: 1,797 scans, 8 x 8 pixels each.",
        lesson="learned to see from 1.28 million photos, none of a digit",
        write=write_digits,
    ),
    "sound": Demo(
        name="vowels",
        sizes=(50, 600),
        num_test=500,
        title="ten English vowels",
        origin="The vowels are not recordings: they are made by a model of the voice, with the "
        "pitch and the resonances of 76 men, women and children (Peterson and Barney 1952).",
        lesson="learned to listen from keywords in millions of clips",
        write=write_vowels,
    ),
    "text": Demo(
        name="sentences",
        sizes=(50, 300),
        num_test=200,
        title="which part of scipy a sentence describes",
        origin="The sentences are the first of the documentation of scipy's functions, from eight "
        "of its parts, as installed here.",
        lesson="learned to read from a billion pairs of sentences",
        write=write_sentences,
    ),
}


@dataclass(frozen=True, kw_only=True)
class DemoRow(Plain):
    """Scores after learning from so many examples, tested on others."""

    SHOWN: ClassVar[tuple[str, ...]] = ("worth",)

    num_examples: int
    pretrained: Evaluation
    random: Evaluation

    @property
    def worth(self) -> Estimate:
        """How much higher the accuracy is with the pre-trained network."""
        return difference(self.pretrained.accuracy, self.random.accuracy)


def run_demo(
    out: Path,
    modality: Modality = "image",
    *,
    sizes: Sequence[int] | None = None,
) -> Iterator[DemoRow]:
    """Write the data, train, and yield a row for each size, as it is there.

    Raises:
        SettingError: `out` holds something that the demo did not make.
    """
    demo = DEMOS[modality]
    pretrained = default_backbone(modality)
    for size in sizes or demo.sizes:
        folder = out / f"{demo.name}-{size}"
        with files.disk_errors(f"Writing the data to {str(folder)!r}"):
            prepare(folder)
            demo.write(folder, num_train=size, num_test=demo.num_test)
        scores: list[Evaluation] = []
        for backbone in (pretrained, f"{pretrained}?pretrained=false"):
            what = "pre-trained" if backbone == pretrained else "random"
            with renamed(f"{size} {what}: {{}}"):
                found, chosen = examples_and_backbone(folder, backbone=backbone, call="train(data)")
                test = train_examples(found, Recipe(train="head"), chosen).test
            if test is None:
                raise SettingError(f"{str(folder)!r} has lost its test part. Remove it.")
            scores.append(test)
        yield DemoRow(num_examples=size, pretrained=scores[0], random=scores[1])


def prepare(folder: Path) -> None:
    """Make an empty folder, in place of one that the demo made before.

    Raises SettingError where it holds anything else.
    """
    if folder.is_file():
        raise SettingError(f"{str(folder)!r} is a file. Give a folder: topwork demo --out FOLDER.")
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise SettingError(
            f"The folder {str(folder)!r} is not empty, and was not made by the demo. Give another: "
            "topwork demo --out FOLDER."
        )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()


def show_demo(rows: Sequence[DemoRow], modality: Modality = "image") -> None:
    """Print the scores side by side, and what they mean."""
    demo, console = DEMOS[modality], results()
    console.print(_table(rows, demo))
    console.print(
        f"{demo.origin}\n"
        "Both networks are frozen, of the same architecture, under the same kind of head, fitted "
        f"with the same care. The first {demo.lesson}.\n"
        "Next: topwork train YOUR_FOLDER --out MODEL"
    )


def show_first(row: DemoRow, modality: Modality = "image") -> None:
    """Print the scores of the first size, while the others are still learned from."""
    demo, console = DEMOS[modality], results()
    console.print(_table([row], demo))
    others = ", ".join(f"{size:,}" for size in demo.sizes if size != row.num_examples)
    console.print(f"Now the same from {others} examples.\n")


def _table(rows: Sequence[DemoRow], demo: Demo) -> Table:
    from rich.table import Table

    table = Table(
        "learned from", title=f"Accuracy on {demo.title}, with 95% intervals",
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
            "{:+.1f} points ({:+.1f} to {:+.1f})".format(
                *(100 * value for value in (row.worth.value, row.worth.low, row.worth.high))
            ),
        )
    return table
