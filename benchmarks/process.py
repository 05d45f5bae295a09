"""What a user waits for and what it takes of their memory: whole processes, from start to end.

- `topwork train` on photos of clothes with an empty cache (nothing compiled, no features), then
  again; both save a model. The ratio is taken within each round.
- `topwork predict MODEL one.jpg` beside `python -c "import torch"`, in turns, after a warm-up.
- The peak resident memory of `topwork embed` on sign-digits, and on ten times as many: the same
  photos with a comment put into each JPEG, so that no two files are alike. The network is compiled
  before; each run computes all its features.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from common import Figure, make_parser, own_cache, report, run_process, say, topwork_command

PARTS = ("train", "predict", "memory")
COPIES = 10
MEGABYTE = 10**6


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=3, help="of training from an empty cache")
    parser.add_argument("--turns", type=int, default=7, help="of predicting, 5 or more")
    parser.add_argument("--copies", type=int, default=COPIES)
    parser.add_argument("--limit", type=int, default=0, help="photos a copy; 0: all")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with own_cache() as cache, tempfile.TemporaryDirectory() as folder:
        work, clothing = Path(folder), arguments.data / "clothing"
        if "train" in arguments.parts:
            figures += measure_train(clothing, cache, work, arguments.rounds)
        if "predict" in arguments.parts:
            figures += measure_predict(clothing, work, arguments.turns)
        if "memory" in arguments.parts:
            source = arguments.data / "sign-digits"
            figures += measure_memory(source, cache, work, arguments.copies, arguments.limit)
    report("Whole processes", figures, as_json=arguments.json)


def measure_train(data: Path, cache: Path, work: Path, rounds: int) -> list[Figure]:
    """Train twice, the first time from nothing."""
    first, second = [], []
    for number in range(rounds):
        shutil.rmtree(cache, ignore_errors=True)
        for times in (first, second):
            out = work / "model"
            command = topwork_command(
                "train", data, "--train", "head", "--out", out, "--overwrite", "--quiet"
            )
            times.append(run_process(command).seconds)
        say(f"train, round {number + 1}: {first[-1]:.1f} s, then {second[-1]:.1f} s")
    ratio = statistics.median(a / b for a, b in zip(first, second, strict=True))
    return [
        Figure(name="first train over second, seconds", measured=ratio, bound=6.0, form=".2f"),
        _seconds("train, empty cache", first),
        _seconds("train, again", second),
    ]


def measure_predict(data: Path, work: Path, turns: int) -> list[Figure]:
    """Predict one image, in turns with loading torch."""
    model = work / "model"
    if not model.exists():
        run_process(topwork_command("train", data, "--train", "head", "--out", model, "--quiet"))
    photo = next(path for path in sorted((data / "test").rglob("*")) if path.is_file())
    mine, torch = [], []
    for turn in range(turns + 1):
        times = (
            run_process(topwork_command("predict", model, photo)).seconds,
            run_process([sys.executable, "-c", "import torch"]).seconds,
        )
        say(f"predict {times[0]:.2f} s, import torch {times[1]:.2f} s")
        if turn:  # the first warms the page cache
            mine.append(times[0])
            torch.append(times[1])
    return [
        Figure(
            name="predict one image over import torch",
            measured=statistics.median(mine) / statistics.median(torch),
            bound=0.5,
            at_most=True,
        ),
        _seconds("predict one image", mine),
        _seconds("import torch", torch),
    ]


def measure_memory(source: Path, cache: Path, work: Path, copies: int, limit: int) -> list[Figure]:
    """Embed once, and ten times over."""
    peaks = []
    warm = work / "warm"
    write_copies(source, warm, copies=1, limit=2)  # of each class
    run_process(topwork_command("embed", warm, "--out", work / "warm-out", "--quiet"))
    for times in (1, copies):
        folder, out = work / f"times-{times}", work / f"out-{times}"
        num = write_copies(source, folder, copies=times, limit=limit)
        shutil.rmtree(cache / "features", ignore_errors=True)
        done = run_process(topwork_command("embed", folder, "--out", out))
        if f"({num:,} computed" not in done.output.replace("\n", " "):
            raise RuntimeError(f"{num} photos were to be computed, and embed said: {done.output}")
        peaks.append(done.peak_bytes)
        say(f"embed {num} photos: {done.peak_bytes / MEGABYTE:.0f} MB, {done.seconds:.1f} s")
        shutil.rmtree(folder)
        shutil.rmtree(out)
    return [
        Figure(
            name=f"peak memory of embed, {copies} times over once",
            measured=peaks[1] / peaks[0],
            bound=1.1,
            at_most=True,
        ),
        *(
            Figure(name=f"MB at the peak, {times} x", measured=peak / MEGABYTE, form=".0f")
            for times, peak in zip((1, copies), peaks, strict=True)
        ),
    ]


def write_copies(source: Path, target: Path, *, copies: int, limit: int) -> int:
    """Write a folder per class of distinct files that show the same; return their number."""
    num = 0
    for folder in sorted(path for path in source.iterdir() if path.is_dir()):
        home = target / folder.name
        home.mkdir(parents=True)
        photos = sorted(folder.iterdir())
        for path in photos[: limit or None]:
            data = path.read_bytes()
            for copy in range(copies):
                (home / f"{path.stem}-{copy}.jpg").write_bytes(with_comment(data, f"{copy}"))
                num += 1
    return num


def with_comment(jpeg: bytes, text: str) -> bytes:
    """Put a comment segment behind a JPEG's first marker: other bytes, the same pixels."""
    if not jpeg.startswith(b"\xff\xd8"):
        raise RuntimeError("this set is expected to hold JPEGs alone")
    comment = text.encode()
    length = (len(comment) + 2).to_bytes(2, "big")
    return jpeg[:2] + b"\xff\xfe" + length + comment + jpeg[2:]


def _seconds(name: str, times: list[float]) -> Figure:
    middle: Callable[[list[float]], float] = statistics.median
    return Figure(
        name=f"seconds: {name}",
        measured=middle(times),
        form=".2f",
        note=f"from {min(times):.2f} to {max(times):.2f}",
    )


if __name__ == "__main__":
    main()
