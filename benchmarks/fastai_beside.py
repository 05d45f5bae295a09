"""Trains fastai beside Topwork, from the same weights on the same photos, and prints the times.

fastai runs in an environment of its own, made on the first run (`--env`). It gets EfficientNet-
Lite0 from a file with the weights of Topwork's embedded package, and is used by its book's recipe:
`vision_learner`, `Resize(224)`, `aug_transforms()`, `fine_tune`: one epoch with the body frozen,
then `--epochs` with all of it. Its accuracy on `test/` is taken after each epoch, and its time from
the start of its process. Topwork's time is that of `topwork train` with an empty cache, its
cross-validation and the saving of the model among it; its accuracy is that on `test/`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
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

ARCHITECTURE = "tf_efficientnet_lite0"
SIZE = 224
PACKAGES = ("fastai", "timm", "safetensors")
RESULT = "epoch: "


def main() -> None:
    """Run both and print; or, inside its own environment, run fastai."""
    parser = make_parser(__doc__)
    default = environment_folder("fastai")
    parser.add_argument("--env", type=Path, default=default, help="where fastai is installed")
    parser.add_argument("--epochs", type=int, default=5, help="after the frozen one")
    parser.add_argument("--minutes", type=float, default=30.0, help="fastai's time limit")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--weights", type=Path, help="run fastai alone: for its environment")
    parser.add_argument("--started", type=float, help="when its process was started")
    arguments = parser.parse_args()
    if arguments.weights is not None:
        run_fastai(arguments)
        return
    clothing = arguments.data / "clothing"
    python = make_environment(arguments.env, PACKAGES, imports="fastai, timm")
    with tempfile.TemporaryDirectory() as folder:
        accuracy, seconds = train_cold(clothing, Path(folder) / "model", strategy="head")
        mine = {"accuracy": accuracy, "seconds": seconds}
        say(f"topwork: {accuracy:.4f} in {seconds:.1f} s")
        weights = write_weights(Path(folder))
        epochs = start_fastai(python, weights, arguments)
    report(
        f"Topwork beside fastai, {clothing.name}",
        figures(mine, epochs, arguments.minutes),
        as_json=arguments.json,
    )


def figures(mine: dict[str, float], epochs: list[dict[str, float]], minutes: float) -> list[Figure]:
    """Put both side by side."""
    lines = [
        Figure(name="Topwork: accuracy on test/", measured=mine["accuracy"]),
        Figure(name="Topwork: seconds, cold", measured=mine["seconds"], form=".1f"),
    ]
    for number, epoch in enumerate(epochs):
        what = "frozen" if number == 0 else f"epoch {number}"
        lines.append(
            Figure(
                name=f"fastai, {what}: accuracy on test/",
                measured=epoch["accuracy"],
                note=f"after {epoch['seconds']:.1f} s",
            )
        )
    reached = [e["seconds"] for e in epochs if e["accuracy"] >= mine["accuracy"]]
    if reached:
        lines.append(
            Figure(
                name="fastai's time to equal accuracy over Topwork's",
                measured=reached[0] / mine["seconds"],
                form=".1f",
                note=f"{reached[0]:.1f} s",
            )
        )
    elif epochs:
        last = epochs[-1]["seconds"]
        why = f"not reached in {minutes:g} minutes" if last > 60 * minutes else "not reached"
        lines.append(
            Figure(
                name="fastai's time over Topwork's, equal accuracy not reached",
                measured=last / mine["seconds"],
                form=".1f",
                note=f"{why}: {len(epochs)} epochs, {last:.1f} s",
            )
        )
    return lines


def write_weights(work: Path) -> Path:
    """Write the embedded weights under timm's names."""
    from safetensors.torch import save_file

    from topwork.backbones.registry import get_backbone

    path = work / f"{ARCHITECTURE}.safetensors"
    save_file(get_backbone("efficientnet-lite0").build().module.state_dict(), path)
    return path


def start_fastai(python: Path, weights: Path, arguments: Any) -> list[dict[str, float]]:
    """Run this script again under that Python; return what it says of each epoch."""
    command = [
        *(str(python), __file__, str(arguments.data)),
        *("--weights", str(weights), "--epochs", str(arguments.epochs)),
        *("--minutes", str(arguments.minutes), "--seed", str(arguments.seed)),
        *("--started", str(time.time())),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    epochs = []
    for line in process.stdout:
        if line.startswith(RESULT):
            epochs.append(json.loads(line.removeprefix(RESULT)))
            say(f"fastai: {epochs[-1]['accuracy']:.4f} after {epochs[-1]['seconds']:.1f} s")
    if process.wait():
        raise RuntimeError(f"fastai ended with {process.returncode}")
    return epochs


def run_fastai(arguments: Any) -> None:
    """Train by the book's recipe, and say the accuracy after each epoch."""
    from fastai.callback.core import Callback, CancelFitException
    from fastai.torch_core import set_seed
    from fastai.vision.all import (
        ImageDataLoaders,
        Resize,
        accuracy,
        aug_transforms,
        vision_learner,
    )

    limit = arguments.started + 60 * arguments.minutes

    class Watch(Callback):  # type: ignore[misc]
        """After each epoch, accuracy and time; an end where the time is up."""

        def after_batch(self) -> None:
            if time.time() > limit:
                raise CancelFitException

        def after_epoch(self) -> None:
            values = [float(v) for v in self.recorder.log[1:]]
            line = {"accuracy": values[-1], "seconds": time.time() - arguments.started}
            print(RESULT + json.dumps(line), flush=True)

    set_seed(arguments.seed, reproducible=True)
    loaders = ImageDataLoaders.from_folder(
        arguments.data / "clothing",
        train="train",
        valid="test",
        item_tfms=Resize(SIZE),
        batch_tfms=aug_transforms(),
    )
    learner = vision_learner(
        loaders,
        ARCHITECTURE,
        metrics=accuracy,
        pretrained_cfg_overlay={"file": str(arguments.weights)},
    )
    learner.add_cb(Watch())
    with learner.no_bar():
        learner.fine_tune(arguments.epochs)


if __name__ == "__main__":
    main()
