"""How fast features are extracted, against its own parts and against PyTorch, on photos of clothes.

Cold extraction is `extract` into an empty store: it opens the compiled network (made before),
decodes, runs, rounds and writes. In every round it stands next to what it is measured against:
- decoding alone: `decode_image` over all files in as many threads as extraction uses, nothing else
  running; the forward pass alone: the executor over images decoded before. One after the other they
  would give 1 / (1 / decode rate + 1 / forward rate).
- PyTorch eager with the same weights and pools, on the same photos: `TorchExecutor` behind
  Topwork's own decoder; a plain loop (Pillow, torchvision's transforms, batches of 32, forward
  hooks that pool); the same with a DataLoader of two workers. Building the network is not counted.
All ratios are medians over the rounds of ratios within a round.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from common import Figure, make_parser, own_cache, rates_of, report, say, seconds_of

AGREEMENT_IMAGES = 64
BATCH = 32


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--set", default="clothing", help="the data set's folder")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=0, help="spread evenly; 0: all")
    parser.add_argument(
        "--eager-images", type=int, default=512, help="for the PyTorch loops and ours beside them"
    )
    arguments = parser.parse_args()
    with own_cache():
        bench = Bench(arguments.data / arguments.set, arguments.images, arguments.eager_images)
        rounds = []
        for number in range(arguments.rounds):
            rounds.append(bench.round())
            rates = ", ".join(f"{name} {rate:.0f}" for name, rate in rounds[-1].items())
            say(f"round {number + 1}, images/s: {rates}")
        figures = [*_ratios(rounds), *bench.agreement()]
    title = f"Extraction: {len(bench.examples)} photos, {len(bench.few)} for PyTorch"
    report(title, figures, as_json=arguments.json)


def _ratios(rounds: Sequence[dict[str, float]]) -> list[Figure]:
    def median(ratio: Callable[[dict[str, float]], float]) -> float:
        return statistics.median(ratio(rates) for rates in rounds)

    figures = [
        Figure(
            name="cold extraction over 1/(1/decode + 1/forward)",
            measured=median(lambda r: r["cold"] * (1 / r["decode"] + 1 / r["forward"])),
            bound=0.9,
        )
    ]
    for name in ("TorchExecutor", "plain loop", "plain loop, 2 workers"):
        figures.append(
            Figure(
                name=f"cold extraction over PyTorch eager, {name}",
                measured=median(lambda r, name=name: r["cold, few"] / r[name]),
                bound=3.0,
                form=".2f",
            )
        )
    return figures + rates_of("images/s", rounds, form=".1f")


class Bench:
    """Everything that is built once; `round` measures each thing once, one after the other."""

    def __init__(self, source: Path, num_images: int, num_few: int) -> None:
        from topwork.backbones.registry import get_backbone
        from topwork.examples.sources import read_examples
        from topwork.executors.choose import open_executor
        from topwork.executors.torch import TorchExecutor
        from topwork.features.extract import default_pools

        self.source = source
        found = read_examples(source)
        self.examples = _spread(found.examples, num_images)
        self.few = _spread(self.examples, num_few)
        self.backbone = get_backbone("efficientnet-lite0")
        self.pools = default_pools(len(found), "image")
        self.executor = open_executor(self.backbone, pools=self.pools, device="openvino")
        self.torch = TorchExecutor(self.backbone, pools=self.pools, device="cpu")
        self.eager = EagerNetwork(self.backbone, self.pools)
        self.pixels = self.decode()  # so that the files are in the page cache for all alike
        for _ in self.executor.run(self.pixels[:64]):
            pass
        for _ in self.torch.run(self.pixels[:16]):
            pass

    def round(self) -> dict[str, float]:
        """Return images/s of everything."""
        num, few = len(self.examples), len(self.few)
        paths = [self.source / example.name for example in self.few]
        return {
            "decode": num / seconds_of(self.decode),
            "forward": num / seconds_of(lambda: _drain(self.executor.run(self.pixels))),
            "cold": num / seconds_of(lambda: self.extract(self.examples)),
            "TorchExecutor": few / seconds_of(self.torch_stream),
            "cold, few": few / seconds_of(lambda: self.extract(self.few)),
            "plain loop": few / seconds_of(lambda: self.eager.run(paths, num_workers=0)),
            "plain loop, 2 workers": few / seconds_of(lambda: self.eager.run(paths, num_workers=2)),
        }

    def decode(self) -> list[Any]:
        """Decode all examples, as `decode_ahead` does."""
        from topwork.examples.images.decode import decode_image
        from topwork.executors.openvino import num_cores

        with ThreadPoolExecutor(num_cores()) as pool:
            read = pool.map(lambda e: decode_image(e.read(), self.backbone.input), self.examples)
            return list(read)

    def extract(self, examples: Sequence[Any]) -> None:
        """Extract into an empty store."""
        from topwork.features.extract import extract
        from topwork.features.store import FeatureStore

        with tempfile.TemporaryDirectory() as folder:
            done = extract(
                examples,
                self.backbone,
                pools=self.pools,
                device="openvino",
                store=FeatureStore(Path(folder)),
            )
        if done.num_computed != len(examples):
            raise RuntimeError(f"{done.num_computed} of {len(examples)} were computed")

    def torch_stream(self) -> None:
        """Run the few through Topwork's decoder and PyTorch; nothing is stored."""
        from topwork.features.stream import stream_features

        _drain(stream_features(self.few, self.torch, self.backbone.input, strict=True))

    def agreement(self) -> list[Figure]:
        """Compare OpenVINO's features with PyTorch's, block by block."""
        import numpy as np

        pixels = _spread(self.pixels, AGREEMENT_IMAGES)
        fast, true = (np.stack(list(e.run(pixels))) for e in (self.executor, self.torch))
        worst: dict[str, float] = {}
        start = 0
        for segment in self.torch.segments:
            part = slice(start, start + segment.size)
            start += segment.size
            scale = float(np.abs(true[:, part]).max())
            error = float(np.abs(fast[:, part] - true[:, part]).max()) / max(scale, 1e-30)
            worst[segment.block] = max(worst.get(segment.block, 0.0), error)
        block = max(worst, key=lambda name: worst[name])
        return [
            Figure(
                name="OpenVINO against PyTorch, max relative error",
                measured=worst[block],
                bound=1e-3,
                at_most=True,
                form=".1e",
                note=f"of any pool's largest number; worst block: {block}; {len(pixels)} photos",
            )
        ]


class EagerNetwork:
    """What a user of PyTorch would write: forward hooks that pool every block's output."""

    def __init__(self, backbone: Any, pools: Sequence[str]) -> None:
        import torch
        from torch.nn.functional import adaptive_avg_pool2d

        network = backbone.build()
        if network.form != "NCHW":
            raise RuntimeError(f"{backbone.name} gives {network.form}; this loop pools NCHW")
        self.module = network.module
        self.image = backbone.input
        self.found: list[Any] = []

        def pool(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
            each = {
                "mean": lambda: output.mean((2, 3)),
                "std": lambda: output.std((2, 3), correction=0),
                "max": lambda: output.amax((2, 3)),
                "grid2": lambda: adaptive_avg_pool2d(output, 2).flatten(1),
                "grid3": lambda: adaptive_avg_pool2d(output, 3).flatten(1),
            }
            self.found += [each[name]() for name in pools if name in each]

        modules = dict(self.module.named_modules())
        for block in network.blocks:
            modules[block].register_forward_hook(pool)

    def run(self, paths: Sequence[Path], *, num_workers: int) -> None:
        """Decode, resize, and run in batches."""
        import torch
        from torch.utils.data import DataLoader

        loader = DataLoader(Photos(paths, self.image), batch_size=BATCH, num_workers=num_workers)
        with torch.inference_mode():
            for batch in loader:
                self.found.clear()
                self.module(batch)
                torch.cat(self.found, dim=1).numpy()


class Photos:
    """A data set for a DataLoader: the same crop, size and filter as Topwork's."""

    def __init__(self, paths: Sequence[Path], image: Any) -> None:
        from torchvision.transforms import v2

        self.paths = list(paths)
        self.transform = v2.Compose(
            [
                v2.Resize(image.size, v2.InterpolationMode.BICUBIC, antialias=True),
                v2.CenterCrop(image.size),
                v2.PILToTensor(),
                v2.Lambda(lambda pixels: pixels.float() / 255),
                v2.Normalize(image.mean, image.std),
            ]
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, place: int) -> Any:
        from PIL import Image, ImageOps

        with Image.open(self.paths[place]) as image:
            return self.transform(ImageOps.exif_transpose(image).convert("RGB"))


def _spread(items: Sequence[Any], num: int) -> list[Any]:
    """So many of them, evenly; 0: all."""
    if not 0 < num < len(items):
        return list(items)
    return [items[place * len(items) // num] for place in range(num)]


def _drain(results: Iterator[Any]) -> None:
    for _ in results:
        pass


if __name__ == "__main__":
    main()
