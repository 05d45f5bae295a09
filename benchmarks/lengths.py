"""What a model that serves many takes: memory over lengths, the cache over paths.

- Peak memory of a process that predicts sounds (and texts) of as many lengths as there are inputs,
  over one that predicts as many of the greatest; and the processor time of both.
- How much the cache grows as one model is loaded, and predicts, from many paths.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from common import Figure, Finished, make_parser, own_cache, report, run_process, say

MEGABYTE = 10**6

PREDICT = """
import sys
import time
import numpy as np
import topwork

model, kind, count, many = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4] == "many"
loaded, rng = topwork.load(model), np.random.default_rng(0)
words = [f"word{i}" for i in range(240)]
started = time.process_time()
for i in range(count):
    share = (i + 1) / count if many else 1.0
    if kind == "sound":
        samples = rng.normal(0, 0.1, 1_600 + round(190_000 * share)).astype(np.float32)
        loaded.predict(topwork.Sound(samples=samples, rate_hz=16_000))
    else:
        loaded.predict(" ".join(words[: 1 + round(200 * share)]))
print(time.process_time() - started)
"""

TRAIN = """
import sys
import numpy as np
import topwork

out, kind = sys.argv[1:]
rng = np.random.default_rng(0)
if kind == "sound":
    times = np.arange(16_000) / 16_000
    inputs = [
        topwork.Sound(
            samples=(np.sin(2 * np.pi * hz * times) + rng.normal(0, 0.1, 16_000)).astype("float32"),
            rate_hz=16_000,
        )
        for hz in (300, 1_200) * 10
    ]
else:
    inputs = [f"a {word} meal, visit {i}" for i in range(10) for word in ("lovely", "horrid")]
topwork.train(inputs, ["x", "y"] * 10, train="head", out=out)
"""

LOAD = """
import sys
import topwork

for folder in sys.argv[1:]:
    topwork.load(folder).predict("a lovely meal")
"""


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--count", type=int, default=1_000, help="inputs, of as many lengths")
    parser.add_argument("--paths", type=int, default=50)
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with own_cache() as cache, tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for kind in ("sound", "text"):
            model = work / kind
            python(TRAIN, model, kind)
            one, many = (
                python(PREDICT, model, kind, arguments.count, lengths)
                for lengths in ("one", "many")
            )
            say(f"{kind}s of one length: {one.seconds:.0f} s, of many: {many.seconds:.0f} s")
            figures.append(
                Figure(
                    name=f"peak memory, {arguments.count:,} lengths of {kind}s over the greatest",
                    measured=many.peak_bytes / one.peak_bytes,
                    bound=1.3,
                    at_most=True,
                    form=".2f",
                    note=f"{one.peak_bytes / MEGABYTE:.0f} MB, {many.peak_bytes / MEGABYTE:.0f} MB",
                )
            )
            figures.append(
                Figure(
                    name=f"processor time of the same, {kind}s",
                    measured=float(many.output.split()[-1]) / float(one.output.split()[-1]),
                    form=".2f",
                )
            )
        figures += measure_paths(work / "text", work, cache, arguments.paths)
    report("Lengths and paths", figures, as_json=arguments.json)


def measure_paths(model: Path, work: Path, cache: Path, count: int) -> list[Figure]:
    """Load one model from many places."""
    python(LOAD, model)
    before = bytes_below(cache)
    for number in range(count):
        copy = work / f"copy {number}"
        shutil.copytree(model, copy)
        python(LOAD, copy)
        shutil.rmtree(copy)
    blobs = [path.stat().st_size for path in cache.rglob("*.blob")]
    return [
        Figure(
            name=f"growth of the cache, {count} paths of one model, MB",
            measured=(bytes_below(cache) - before) / MEGABYTE,
            bound=max(blobs, default=0) / MEGABYTE,
            at_most=True,
            form=".1f",
            note="the bound is one compiled network",
        )
    ]


def bytes_below(folder: Path) -> int:
    """Return the bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def python(program: str, *arguments: object) -> Finished:
    """Run a program in a process of its own."""
    return run_process([sys.executable, "-c", program, *map(str, arguments)])


if __name__ == "__main__":
    main()
