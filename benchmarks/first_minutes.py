"""What a newcomer waits for: the set-up of the base, the demo's first table, the first `train`.

- A fresh environment with the base alone, as `make demo` sets it up: seconds from `python -m venv`
  to the demo's first table, and the size on disk.
- `topwork train CLOTHING --train head` from an empty cache, the compiling of the network included,
  each a process of its own. With `--before`, a checkout of another version takes turns with this
  one, under the same Python; the ratio is taken within each round.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from common import CACHE_VARIABLE, ROOT, Figure, make_parser, report, say

PARTS = ("fresh", "train")
FIRST_TABLE = "Now the same from"
"""What the demo prints right behind its first table."""

RUN = "from topwork.cli.app import main; main()"


def main() -> None:
    """Measure and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", type=Path, help="a checkout to compare the first train with")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="topwork-first-") as folder:
        if "fresh" in arguments.parts:
            figures += fresh(Path(folder))
        if "train" in arguments.parts:
            figures += first_train(Path(folder), arguments)
    report("The first minutes", figures, as_json=arguments.json)


def fresh(work: Path) -> list[Figure]:
    """Set up the base in an environment of its own, and run the demo up to its first table."""
    home, cache = work / "venv", work / "cache"
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    install = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile"]
    subprocess.run([*map(str, install), "--editable", str(ROOT)], check=True)
    installed = time.perf_counter() - started
    demo = subprocess.Popen(
        [str(home / "bin" / "topwork"), "demo", "--out", str(work / "demo"), "--quiet"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, CACHE_VARIABLE: str(cache), "PYTHONUNBUFFERED": "1"},
    )
    assert demo.stdout is not None
    for line in demo.stdout:
        if FIRST_TABLE in line:
            break
    seconds = time.perf_counter() - started
    demo.kill()
    demo.communicate()
    used = subprocess.run(["du", "-sm", str(home)], capture_output=True, text=True, check=True)
    return [
        Figure(
            name="seconds from `python -m venv` to the demo's first table",
            measured=seconds,
            bound=60,
            at_most=True,
            form=".1f",
            note=f"{installed:.1f} of them for the set-up",
        ),
        Figure(
            name="size of the environment, MB",
            measured=float(used.stdout.split()[0]),
            bound=900,
            at_most=True,
            form=".0f",
        ),
    ]


def first_train(work: Path, arguments: argparse.Namespace) -> list[Figure]:
    """Time the first `train` of the clothing photos, here and in the other checkout."""
    trees = {"now": ROOT} | ({"before": arguments.before} if arguments.before else {})
    rounds: list[Mapping[str, float]] = []
    for number in range(arguments.rounds):
        say(f"first train, round {number + 1} of {arguments.rounds}")
        rounds.append({name: _seconds(tree, work, arguments.data) for name, tree in trees.items()})
    now = statistics.median(one["now"] for one in rounds)
    figures = [Figure(name="first train of clothing, seconds", measured=now, form=".1f")]
    if arguments.before:
        ratios = [one["now"] / one["before"] for one in rounds]
        figures.append(
            Figure(
                name="over the other checkout's",
                measured=statistics.median(ratios),
                bound=0.6,
                at_most=True,
                form=".2f",
                note=f"from {min(ratios):.2f} to {max(ratios):.2f}",
            )
        )
    return figures


def _seconds(tree: Path, work: Path, data: Path) -> float:
    for name in ("cache", "model"):
        shutil.rmtree(work / name, ignore_errors=True)
    command = ["train", str(data / "clothing"), "--train", "head", "--out", str(work / "model")]
    environment = {CACHE_VARIABLE: str(work / "cache"), "PYTHONPATH": str(tree / "src")}
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-P", "-c", RUN, *command],
        check=True,
        capture_output=True,
        env={**os.environ, **environment},
    )
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
