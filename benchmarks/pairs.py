"""Trains SetFit beside Topwork on few texts, from the same body and the same draws.

SetFit runs in an environment of its own, made on the first run (`--env`), with the folder of
Topwork's embedded all-MiniLM-L6-v2 as its body and its own defaults; its time is that of its
training and its answers, without its imports. Topwork's is that of `topwork train` as a whole
process with an empty cache, its cross-validation and the saving of the model among it. Both are
scored on the set's `test.csv`.
"""

from __future__ import annotations

import csv
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from common import (
    Figure,
    environment_folder,
    make_environment,
    make_parser,
    report,
    say,
    train_cold,
)

PACKAGES = ("setfit", "transformers<5")
RESULT = "setfit: "


def main() -> None:
    """Run both and print; or, inside its own environment, run SetFit."""
    parser = make_parser(__doc__)
    default = environment_folder("setfit")
    parser.add_argument("--env", type=Path, default=default, help="where SetFit is installed")
    parser.add_argument("--sets", nargs="+", default=["trec", "banking77"])
    parser.add_argument("--per-class", nargs="+", type=int, default=[8])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--ways", nargs="+", default=["head", "auto"], help="for --train")
    parser.add_argument("--without-setfit", action="store_true")
    parser.add_argument("--body", type=Path, help="run SetFit alone: for its environment")
    arguments = parser.parse_args()
    if arguments.body is not None:
        run_setfit(arguments.data, arguments.body)
        return
    python = (
        None
        if arguments.without_setfit
        else make_environment(arguments.env, PACKAGES, imports="setfit")
    )
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.sets:
            for size in arguments.per_class:
                figures += compare(arguments, name, size, python, Path(folder))
    report("Few texts, beside SetFit", figures, as_json=arguments.json)


def compare(arguments: Any, name: str, size: int, python: Path | None, work: Path) -> list[Figure]:
    """Return accuracy and time of each, over the draws of one set."""
    found: dict[str, list[tuple[float, float]]] = {}
    for seed in range(arguments.draws):
        data = write_draw(arguments.data / name, size, seed, work / f"{name}-{size}-{seed}")
        for way in arguments.ways:
            found.setdefault(way, []).append(train_cold(data, work / "model", strategy=way))
        if python is not None:
            found.setdefault("SetFit", []).append(start_setfit(python, data))
        last = ", ".join(f"{way} {100 * rows[-1][0]:.1f}" for way, rows in found.items())
        say(f"{name}, {size} a class, draw {seed}: {last}")
    figures = []
    for way, rows in found.items():
        scores = [100 * accuracy for accuracy, _ in rows]
        error = stdev(scores) / len(scores) ** 0.5 if len(scores) > 1 else 0.0
        note = f"+- {error:.1f} (standard error), {mean(s for _, s in rows):.0f} s"
        label = f"{name}, {size} a class, {way}: accuracy, %"
        figures.append(Figure(name=label, measured=mean(scores), form=".1f", note=note))
    return figures


def write_draw(source: Path, size: int, seed: int, folder: Path) -> Path:
    """Write so many texts of each class to learn from, and the test part."""
    rows = read_rows(source / "train.csv")
    rng = random.Random(seed)
    by_class: dict[str, list[tuple[str, str]]] = {}
    for row in rows:
        by_class.setdefault(row[1], []).append(row)
    drawn = [
        row for _, own in sorted(by_class.items()) for row in rng.sample(own, min(size, len(own)))
    ]
    folder.mkdir(parents=True, exist_ok=True)
    for part, own in (("train", drawn), ("test", read_rows(source / "test.csv"))):
        with (folder / f"{part}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *own])
    return folder


def read_rows(path: Path) -> list[tuple[str, str]]:
    """Return texts and labels; the label is in the column that is not `text`."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    (label,) = set(rows[0]) - {"text"}
    return [(row["text"], row[label]) for row in rows]


def start_setfit(python: Path, data: Path) -> tuple[float, float]:
    """Run this script again under that Python; return accuracy and seconds."""
    from topwork.backbones.catalog import MINILM_L6
    from topwork.backbones.embedded import find_embedded

    body = find_embedded(MINILM_L6)["tokenizer.json"].parent
    command = [str(python), __file__, str(data), "--body", str(body)]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith(RESULT)]
    if done.returncode or not lines:
        raise RuntimeError(f"SetFit ended with {done.returncode}:\n{done.stderr[-2000:]}")
    said = json.loads(lines[-1].removeprefix(RESULT))
    return said["accuracy"], said["seconds"]


def run_setfit(data: Path, body: Path) -> None:
    """Train by SetFit's defaults, and say how often it is right."""
    from datasets import Dataset
    from setfit import SetFitModel, Trainer, TrainingArguments

    train, test = read_rows(data / "train.csv"), read_rows(data / "test.csv")
    started = time.perf_counter()
    model = SetFitModel.from_pretrained(str(body), labels=sorted({label for _, label in train}))
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(output_dir=folder, report_to="none", save_strategy="no")
        trainer = Trainer(model=model, args=settings, train_dataset=as_set(Dataset, train))
        trainer.train()
    answers = model.predict([text for text, _ in test])
    right = sum(str(a) == label for a, (_, label) in zip(answers, test, strict=True))
    seconds = time.perf_counter() - started
    print(RESULT + json.dumps({"accuracy": right / len(test), "seconds": seconds}), flush=True)


def as_set(dataset: Any, rows: Sequence[tuple[str, str]]) -> Any:
    """Return rows as SetFit takes them."""
    return dataset.from_dict({"text": [t for t, _ in rows], "label": [k for _, k in rows]})


if __name__ == "__main__":
    main()
