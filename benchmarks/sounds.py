"""How fast the features of sounds are extracted, beside the same networks run clip by clip.

Both read the same files and go to the same vectors, in turns within one run, on all cores:
- ours: `extract` into an empty store: decoded in threads, one pass over each clip without
  overlapping windows, pooled on every level, rounded and written.
- theirs: onnxruntime on the two ONNX files as they are published, clip by clip: decoded with
  soundfile, brought to 16 kHz with soxr, the same silence before and after, the mel spectrogram of
  the clip, its windows of 76 frames every 8 frames in one batch, and their mean and maximum.
Also: how far the last level's mean and maximum are apart.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common import Figure, make_parser, own_cache, rates_of, report, say, seconds_of

FRAMES, STEP, MARGIN = 76, 8, 6256


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sets", nargs="+", default=["wake-words", "spoken-digits"])
    arguments = parser.parse_args()
    figures = []
    with own_cache():
        for name in arguments.sets:
            folder = arguments.data / name
            table = folder / "labels.csv"
            bench = Bench(table if table.exists() else folder, folder)
            rounds = []
            for number in range(arguments.rounds):
                rounds.append(bench.round())
                rates = ", ".join(f"{key} {rate:.0f}" for key, rate in rounds[-1].items())
                say(f"{name}, round {number + 1}, seconds of sound a second: {rates}")
            figures += [*_ratios(name, rounds), bench.agreement(name)]
    report("Extraction of sounds", figures, as_json=arguments.json)


def _ratios(name: str, rounds: Sequence[dict[str, float]]) -> list[Figure]:
    figures = [
        Figure(
            name=f"{name}: ours over onnxruntime clip by clip",
            measured=statistics.median(r["ours"] / r["onnxruntime"] for r in rounds),
            bound=2.0,
            form=".2f",
        )
    ]
    return figures + rates_of(f"{name}: seconds of sound a second", rounds)


class Bench:
    """Everything that is built once; `round` measures each thing once, one after the other."""

    def __init__(self, data: Path, folder: Path) -> None:
        import importlib.util

        import onnxruntime

        from topwork.backbones.registry import get_backbone
        from topwork.examples.sounds.durations import sound_seconds
        from topwork.examples.sources import read_examples

        self.backbone = get_backbone("speech-embedding")
        found = read_examples(data)
        usable = self.extract(found.examples).examples
        self.examples = usable
        self.paths = [folder / one.name for one in usable]
        self.seconds = sum(sound_seconds(one.read()) or 0.0 for one in usable)
        package = importlib.util.find_spec("openwakeword")
        home = Path((package.submodule_search_locations or [""])[0]) / "resources" / "models"  # type: ignore[union-attr]
        self.mel = onnxruntime.InferenceSession(home / "melspectrogram.onnx")
        self.network = onnxruntime.InferenceSession(home / "embedding_model.onnx")

    def round(self) -> dict[str, float]:
        """Return seconds of sound a second."""
        return {
            "ours": self.seconds / seconds_of(lambda: self.extract(self.examples)),
            "onnxruntime": self.seconds / seconds_of(lambda: [self.theirs(p) for p in self.paths]),
        }

    def extract(self, examples: Sequence[Any]) -> Any:
        """Extract into an empty store."""
        from topwork.features.extract import default_pools, extract
        from topwork.features.store import FeatureStore

        with tempfile.TemporaryDirectory() as folder:
            return extract(
                examples,
                self.backbone,
                pools=default_pools(len(examples), "sound"),
                device="cpu",
                store=FeatureStore(Path(folder)),
            )

    def theirs(self, path: Path) -> Any:
        """Return mean and maximum of the embeddings of one clip."""
        import numpy as np
        import soundfile
        import soxr

        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        mono = samples.mean(1)
        if rate != 16000:
            mono = soxr.resample(mono, rate, 16000)
        mono = np.pad(mono * np.float32(32767), MARGIN)
        short = FRAMES * 160 + 352 - len(mono)
        if short > 0:
            mono = np.pad(mono, (short // 2, short - short // 2))
        else:  # the end is filled up, as ours is, so that no sample is lost
            rest = -(len(mono) - 12512) % 1280
            mono = np.pad(mono, (rest // 2, rest - rest // 2))
        mel = self.mel.run(None, {"input": mono[None]})[0].squeeze() / 10 + 2
        starts = range(0, len(mel) - FRAMES + 1, STEP)
        windows = np.stack([mel[i : i + FRAMES] for i in starts])[..., None]
        out = self.network.run(None, {"input_1": windows})[0].reshape(-1, 96)
        return np.concatenate([out.mean(0), out.max(0)])

    def agreement(self, name: str) -> Figure:
        """Return how far the last level's mean and maximum are apart, by their length."""
        import numpy as np

        from topwork.executors.choose import open_executor
        from topwork.features.stream import stream_features

        executor = open_executor(self.backbone, pools=("mean", "max"), device="cpu")
        step = max(1, len(self.examples) // 50)
        some, paths = self.examples[::step], self.paths[::step]
        worst = 0.0
        for (_, vector), path in zip(
            stream_features(some, executor, self.backbone.input), paths, strict=True
        ):
            theirs = self.theirs(path)
            apart = np.linalg.norm(vector[-192:] - theirs) / np.linalg.norm(theirs)
            worst = max(worst, float(apart))
        return Figure(
            name=f"{name}: furthest apart", measured=worst, bound=1e-3, at_most=True, form=".1e"
        )


if __name__ == "__main__":
    main()
