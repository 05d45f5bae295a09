"""Models that were trained with torch, for the base alone to use."""

from __future__ import annotations

import csv
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import topwork

NUM_CLASSES, NUM_EACH = 3, 12
BACKBONE = "efficientnet-lite0?size=64"


def write_digits(folder: Path) -> Path:
    """Write pictures of the first digits, a folder a class; the last of each into `test`.

    A quarter of each class lies in the folder of another, so that there are errors to put right.
    """
    shutil.rmtree(folder, ignore_errors=True)
    digits = load_digits(n_class=NUM_CLASSES)
    for label in range(NUM_CLASSES):
        for number, place in enumerate(np.flatnonzero(digits.target == label)[: 2 * NUM_EACH]):
            part = "train" if number < NUM_EACH else "test"
            home = folder / part / f"digit {(label + (number % 4 == 3)) % NUM_CLASSES}"
            home.mkdir(parents=True, exist_ok=True)
            pixels = (15 * digits.images[place]).astype(np.uint8)
            Image.fromarray(np.kron(pixels, np.ones((4, 4), np.uint8))).save(home / f"{number}.png")
    return folder


def main(out: Path) -> None:
    """Train by each strategy that needs torch, and write what each model says of the test part."""
    out.mkdir(parents=True, exist_ok=True)
    data = write_digits(out / "digits")
    paths = sorted((data / "test").rglob("*.png"))
    strategies: dict[str, dict[str, Any]] = {
        "blocks": {"train": "last:2", "epochs": 2},
        "all": {"train": "all", "epochs": 1},
        "layers": {"train": "head", "head": "mlp:16"},
        "other": {"train": "head", "backbone": "timm/resnet18?pretrained=false&size=64"},
    }
    for name, settings in strategies.items():
        given = {"backbone": BACKBONE, "num_folds": 2, **settings}
        model = topwork.train(data / "train", **given)
        model.save(out / name, overwrite=True)
        with (out / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            for path, prediction in zip(paths, model.predict(paths), strict=True):
                assert prediction.label is not None
                rows.writerow([path.relative_to(out), prediction.label, prediction.probability])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
