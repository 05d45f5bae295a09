"""Finds labels that were exchanged, and copies that were put into the test part.

Labels: 5% of the training examples of a set get another class, drawn at random; heads are
cross-validated on them, on frozen features, and the labels are ranked. Of the list there are
- the share of the exchanged labels among its first tenth, and its average precision;
- of those called likely wrong: the share that were exchanged, and of the exchanged the share that
  is called so. What was wrong before, and right to name, counts as false.

Copies: 50 training images of clothes are cropped by up to 5% a side, resized to 0.7 to 0.9, saved
as JPEG of quality 60 to 90, and put into the test part. What is found beyond them is listed: the
set holds copies of its own.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.metrics import average_precision_score

from common import Figure, make_parser, report, say
from topwork.backbones.catalog import default_backbone
from topwork.backbones.registry import get_backbone
from topwork.evaluation.crossval import cross_val_predict
from topwork.evidence.data.label_errors import find_label_errors
from topwork.evidence.data.problem import Problem
from topwork.evidence.data.problems import find_problems
from topwork.examples.folds import stratified_sample
from topwork.examples.sources import read_examples
from topwork.examples.split import divide
from topwork.features.extract import default_pools, extract
from topwork.heads.labels import Labels
from topwork.recipe import Recipe
from topwork.runs.head import run_head

SETS = {"clothing": "clothing", "sign-digits": "sign-digits", "banking77": "banking77/train.csv"}
EXCHANGED, TENTH = 0.05, 0.1
MAX_EXAMPLES = 3080
"""Of banking77: 40 a class; each of its cross-validations takes minutes as it is."""

NUM_COPIES = 50


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--sets", nargs="*", default=list(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument("--seeds", type=int, default=3, help="draws of labels, and of copies")
    parser.add_argument("--no-copies", action="store_true", help="leave out the copies")
    arguments = parser.parse_args()
    figures = []
    for name in arguments.sets:
        figures += exchanged(arguments.data / SETS[name], name, range(arguments.seeds))
    if not arguments.no_copies:
        for seed in range(arguments.seeds):
            figures += copied(arguments.data / "clothing", seed)
    report("What is wrong with the data", figures, as_json=arguments.json)


def exchanged(path: Path, name: str, seeds: Sequence[int]) -> list[Figure]:
    """Exchange labels, and look for them."""
    found = read_examples(path)
    train = divide(found).train
    backbone = get_backbone(default_backbone(found.modality))
    features = extract(train, backbone, pools=default_pools(len(train), found.modality))
    classes = found.classes
    labels = Labels.of(features.examples, classes)
    rows = np.arange(len(features.examples))
    if len(rows) > MAX_EXAMPLES:
        rows = stratified_sample(labels.classes, size=MAX_EXAMPLES, seed=0)
        labels = labels.take(rows)
    table, num = features.table.in_memory(), len(rows)
    lines = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        wrong = rng.choice(num, round(EXCHANGED * num), replace=False)
        given = labels.classes.copy()
        given[wrong] += rng.integers(1, len(classes), len(wrong))
        given %= len(classes)
        own = Labels(classes=given, num_classes=len(classes), groups=labels.groups)
        cross_val = cross_val_predict(table, own, rows=rows, num_repeats=1)
        errors = find_label_errors(cross_val.probabilities.mean(0), given)
        is_wrong = np.isin(np.arange(num), wrong)
        hit = is_wrong[errors.likely]
        lines.append(
            (
                is_wrong[errors.order[: round(TENTH * num)]].sum() / len(wrong),
                average_precision_score(is_wrong, -errors.scores),
                hit.mean() if len(hit) else 0.0,
                hit.sum() / len(wrong),
            )
        )
        say(f"{name}, draw {seed}: {', '.join(f'{value:.3f}' for value in lines[-1])}")
    titles = (
        "exchanged labels in the list's first tenth",
        "average precision of the list",
        "likely errors that were exchanged",
        "exchanged labels called likely errors",
    )
    return [
        Figure(
            name=f"{name}: {title}",
            measured=statistics.mean(values),
            bound=0.7 if title is titles[0] else None,
            note=f"from {min(values):.3f} to {max(values):.3f}; {num} examples",
        )
        for title, values in zip(titles, zip(*lines, strict=True), strict=True)
    ]


def copied(path: Path, seed: int) -> list[Figure]:
    """Put copies of training images into the test part, and look for them."""
    with tempfile.TemporaryDirectory(prefix="topwork-benchmark-") as folder:
        root = Path(folder) / "data"
        shutil.copytree(path, root)
        made = make_copies(root, np.random.default_rng(seed))
        found = read_examples(root)
        backbone = get_backbone(default_backbone("image"))
        head_run = run_head(found, Recipe(train="head"), backbone)
        cross_val = head_run.cross_val
        oof_predictions = None if cross_val is None else cross_val.probabilities.mean(0)
        chances = head_run.head.predict(head_run.table, head_run.test)
        started, started_cpu = time.perf_counter(), time.process_time()
        problems = find_problems(
            examples=head_run.examples,
            labels=head_run.labels,
            classes=head_run.classes,
            oof_predictions=oof_predictions,
            table=head_run.table,
            rows=head_run.train,
            test_examples=head_run.test_examples,
            test_rows=head_run.test,
            test_probabilities=chances,
        )
        seconds, cpu = time.perf_counter() - started, time.process_time() - started_cpu
    for sentence in problems.sentences:
        say(sentence)
    pairs = [item for item in problems.items if item.kind in ("leak", "duplicate")]
    right = [item for item in pairs if _is_made(item, made)]
    others = [item for item in pairs if item.name not in made]
    for item in others:
        say(f"beyond the copies made: {item.name} = {item.other}")
    mistaken = len(pairs) - len(right) - len(others)
    leaks = problems.score_without_leaks
    return [
        Figure(
            name=f"copies, draw {seed}: share found with their original",
            measured=len(right) / len(made),
            bound=0.9,
        ),
        Figure(
            name=f"copies, draw {seed}: pairs beyond them",
            measured=len(others) + mistaken,
            bound=5,
            at_most=True,
            form=".0f",
            note="; ".join(f"{item.name} = {item.other}" for item in others),
        ),
        Figure(
            name=f"copies, draw {seed}: seconds of the whole search",
            measured=seconds,
            form=".1f",
            note=f"{cpu:.1f} s of processor time; {leaks.sentence if leaks else ''}",
        ),
    ]


def make_copies(root: Path, rng: np.random.Generator) -> dict[str, str]:
    """Write altered copies into the test part; return their names with their originals'."""
    files = sorted(path for path in (root / "train").rglob("*") if path.is_file())
    made = {}
    for number, chosen in enumerate(rng.choice(len(files), NUM_COPIES, replace=False)):
        source = files[int(chosen)]
        with Image.open(source) as image:
            picture = image.convert("RGB")
        left, top, right, bottom = rng.uniform(0, 0.05, 4)
        width, height = picture.size
        box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
        picture = picture.crop(tuple(round(side) for side in box))
        scale = rng.uniform(0.7, 0.9)
        size = (round(picture.width * scale), round(picture.height * scale))
        target = root / "test" / source.parent.name / f"copy-{number:02}.jpg"
        picture.resize(size).save(target, quality=int(rng.integers(60, 91)))
        made[target.relative_to(root).as_posix()] = source.relative_to(root).as_posix()
    return made


def _is_made(item: Problem, made: dict[str, str]) -> bool:
    return item.kind == "leak" and made.get(item.name) == item.other


if __name__ == "__main__":
    main()
