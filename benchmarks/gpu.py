"""How much of a GPU's bare speed is left when images are extracted, and when a network is trained.

Extraction with ViT-S is `extract` into an empty store. Beside it, in every round: the bare bf16
forward pass of the same batches (pixels on the device already, no pools, nothing read back); the
executor fed with decoded images; decoding alone. Where extraction is below the bound, the slowest
of these says what holds it back.

Training is an epoch of `all` as `train` runs it: its own batch size, AdamW, gradients clipped,
bf16, from inputs that were decoded and saved; without augmentation, and as it is set by default
(images are altered on the CPU). Beside it, in every round, a bare PyTorch loop over the same
network with an output layer of the same width: the same batch size, AdamW and bf16, batches in the
GPU's memory already, nothing clipped, counted or looked at until the epoch's end.

Random weights: speed does not depend on them. `--device cpu` only shows that the script runs.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from common import Figure, make_parser, own_cache, report, say


def main() -> None:
    """Measure and print, where there is something to measure."""
    parser = make_parser(__doc__)
    parser.add_argument("--set", default="clothing", help="the data set's folder or table")
    parser.add_argument("--backbone", default="timm/vit_small_patch16_224?pretrained=false")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=0, help="0: all")
    arguments = parser.parse_args()
    if arguments.device.startswith("cuda"):
        import torch

        if not torch.cuda.is_available():
            say("no CUDA device here")
            report("No CUDA device here", [], as_json=arguments.json)
            return
    with own_cache():
        bench = Bench(
            arguments.data / arguments.set, arguments.backbone, arguments.device, arguments.images
        )
        bench.round()  # warms up
        rounds = []
        for number in range(arguments.rounds):
            rounds.append(bench.round())
            rates = ", ".join(f"{name} {rate:,.0f}" for name, rate in rounds[-1].items())
            say(f"round {number + 1}, images/s: {rates}")
        training = Training(bench)
        training.round()  # warms up
        trained = []
        for number in range(arguments.rounds):
            trained.append(training.round())
            rates = ", ".join(f"{name} {rate:,.0f}" for name, rate in trained[-1].items())
            say(f"training, round {number + 1}, images/s: {rates}")
    title = f"{len(bench.examples)} images on {bench.executor.device}"
    both = [*figures(rounds), *training_figures(trained)]
    report(title, both, as_json=arguments.json)


def figures(rounds: Sequence[dict[str, float]]) -> list[Figure]:
    """The medians over the rounds."""
    ratio = statistics.median(rates["extraction"] / rates["bare forward"] for rates in rounds)
    middle = {name: statistics.median(rates[name] for rates in rounds) for name in rounds[0]}
    parts = [name for name in middle if name != "extraction"]
    slowest = min(parts, key=lambda name: middle[name])
    return [
        Figure(
            name="extraction over the bare forward pass",
            measured=ratio,
            bound=0.8,
            note=f"slowest part: {slowest}",
        ),
        *(
            Figure(name=f"images/s: {name}", measured=rate, form=",.0f")
            for name, rate in middle.items()
        ),
    ]


def training_figures(rounds: Sequence[dict[str, float]]) -> list[Figure]:
    """The same of training."""
    ratio = statistics.median(rates["all"] / rates["bare loop"] for rates in rounds)
    return [
        Figure(name="training all over the bare loop", measured=ratio, bound=0.9),
        *(
            Figure(
                name=f"trained images/s: {name}",
                measured=statistics.median(rates[name] for rates in rounds),
                form=",.0f",
            )
            for name in rounds[0]
        ),
    ]


class Bench:
    """Everything that is built once."""

    def __init__(self, source: Path, backbone: str, device: str, num_images: int) -> None:
        from topwork.backbones.registry import get_backbone
        from topwork.examples.sources import read_examples
        from topwork.executors.torch import BATCH, TorchExecutor
        from topwork.features.extract import default_pools

        found = read_examples(source)
        self.examples = list(found.examples)[: num_images or None]
        self.backbone = get_backbone(backbone)
        self.pools = default_pools(len(found), "image")
        self.device = device
        self.executor = TorchExecutor(self.backbone, pools=self.pools, device=device)
        self.network = self.backbone.build().module.to(device)
        self.pixels = self.decode()
        self.batches = self.batches_of(BATCH[device.split(":")[0]])

    def round(self) -> dict[str, float]:
        """Return images/s of everything."""
        return {
            "bare forward": self._rate(self.forward),
            "executor": self._rate(lambda: sum(1 for _ in self.executor.run(self.pixels))),
            "decode": self._rate(self.decode),
            "extraction": self._rate(self.extract),
        }

    def decode(self) -> list[Any]:
        """Decode all examples in as many threads as extraction uses."""
        from topwork.examples.images.decode import decode_image
        from topwork.executors.openvino import num_cores

        with ThreadPoolExecutor(num_cores()) as pool:
            read = pool.map(lambda e: decode_image(e.read(), self.backbone.input), self.examples)
            return list(read)

    def forward(self) -> None:
        """Run the network alone, in bf16, as a person would write it."""
        import torch

        kind = self.device.split(":")[0]
        with torch.inference_mode(), torch.autocast(kind, dtype=torch.bfloat16):
            for batch in self.batches:
                self.network(batch)
        if kind == "cuda":
            torch.cuda.synchronize()

    def extract(self) -> None:
        """Extract into an empty store. Opening the network is counted, as a user waits for it."""
        from topwork.features.extract import extract
        from topwork.features.store import FeatureStore

        with tempfile.TemporaryDirectory() as folder:
            extract(
                self.examples,
                self.backbone,
                pools=self.pools,
                device=self.device,
                store=FeatureStore(Path(folder)),
            )

    def batches_of(self, size: int) -> list[Any]:
        """Return all images as a network takes them, on the device."""
        import numpy as np
        import torch

        image = self.backbone.input
        mean, std = (torch.tensor(v)[:, None, None] for v in (image.mean, image.std))
        batches = []
        for start in range(0, len(self.pixels), size):
            stacked = torch.from_numpy(np.stack(self.pixels[start : start + size]))
            batch = (stacked.permute(0, 3, 1, 2).float() / 255 - mean) / std
            batches.append(batch.to(self.device, memory_format=torch.channels_last))
        return batches

    def _rate(self, call: Callable[[], Any]) -> float:
        started = time.perf_counter()
        call()
        return len(self.examples) / (time.perf_counter() - started)


class Training:
    """The same network, trained whole in two ways."""

    EPOCHS = 2  # the second is timed

    def __init__(self, bench: Bench) -> None:
        import numpy as np

        from topwork.examples.example import sort_labels
        from topwork.features.activations import save_activations
        from topwork.heads.labels import Labels
        from topwork.training.cut import Cut

        self.bench = bench
        self.saved = save_activations(bench.examples, bench.backbone, None)
        classes = sort_labels({example.label for example in self.saved.examples})
        codes = np.array([classes.index(e.label) for e in self.saved.examples], np.intp)
        self.labels = Labels(classes=codes, num_classes=len(classes))
        self.cut = Cut.of(bench.backbone, None)
        self.plain, self.usual = self._settings(augment=()), self._settings(augment=None)

    def round(self) -> dict[str, float]:
        """Return images/s of each."""
        return {
            "bare loop": self.bare(),
            "all": self.finetune(self.plain),
            "all, augmented": self.finetune(self.usual),
        }

    def finetune(self, settings: Any) -> float:
        """Train through Topwork."""
        import numpy as np

        from topwork.training.finetune import finetune
        from topwork.training.training_job import TrainingJob

        job = TrainingJob(
            cut=self.cut,
            saved=self.saved,
            labels=self.labels,
            settings=settings,
            head_first=False,  # which would take a pass of its own, and change no epoch's time
            device=self.bench.device,
        )
        epoch = finetune(job, np.arange(len(self.labels.classes))).history[-1]
        return epoch.examples / epoch.seconds

    def bare(self) -> float:
        """Train as a person would write it."""
        import copy

        import torch

        bench, kind = self.bench, self.bench.device.split(":")[0]
        network = copy.deepcopy(bench.backbone.build().module).to(bench.device)
        size = self.plain.batch_size
        batches = bench.batches_of(size)
        with torch.no_grad():
            width = network(batches[0][:2]).flatten(1).shape[1]
        model = torch.nn.Sequential(
            network, torch.nn.Flatten(), torch.nn.Linear(width, self.labels.num_classes)
        )
        model.to(bench.device, memory_format=torch.channels_last).train()
        optimiser = torch.optim.AdamW(model.parameters(), lr=self.plain.lr)
        targets = torch.from_numpy(self.labels.classes).to(bench.device).split(size)
        seconds = 0.0
        for _ in range(self.EPOCHS):
            started = time.perf_counter()
            for batch, truth in zip(batches, targets, strict=True):
                optimiser.zero_grad()
                with torch.autocast(kind, dtype=torch.bfloat16):
                    logits = model(batch)
                torch.nn.functional.cross_entropy(logits.float(), truth).backward()
                optimiser.step()
            if kind == "cuda":
                torch.cuda.synchronize()
            seconds = time.perf_counter() - started
        return len(bench.pixels) / seconds

    def _settings(self, *, augment: tuple[str, ...] | None) -> Any:
        from topwork.training.hyperparameters import hyperparameters
        from topwork.training.settings import Training as Settings
        from topwork.training.strategy import Strategy

        given = Settings(epochs=self.EPOCHS, augment=augment, precision="bf16")
        strategy, count = Strategy(kind="all"), len(self.saved.examples)
        return hyperparameters(
            given, strategy, count, "image", self.cut.network, device=self.bench.device
        )


if __name__ == "__main__":
    main()
