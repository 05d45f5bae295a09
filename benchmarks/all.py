"""Runs every benchmark, one after the other on an otherwise idle machine, and prints all tables.

Many hours on two cores, most of them of `strategies` and `transfer`, whose `--lines` files lie in
`--out` too: started again, these two go on where they were. `--out` keeps each script's JSON.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import make_parser, say

SCRIPTS = (
    *("first_minutes", "head_first", "process", "extraction", "texts", "sounds", "crash", "kills"),
    *("head", "accuracy", "modalities"),
    *("gpu", "fastai_beside", "pairs", "cut", "strategies", "transfer"),
    *("verdict", "curves", "unknown", "problems", "attribution"),
)
LINES = ("strategies", "transfer")
HEAD = ("--train", "1000", "2000", "--seeds", "3")


def main() -> None:
    """Run them, each in a process of its own."""
    parser = make_parser(__doc__)
    parser.add_argument("--out", type=Path, help="a folder for each script's JSON")
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=list(SCRIPTS))
    arguments = parser.parse_args()
    failed = [name for name in arguments.only if not run(name, arguments)]
    if failed:
        say(f"failed: {', '.join(failed)}")
        sys.exit(1)


def run(name: str, arguments: argparse.Namespace) -> bool:
    """Run one script; return whether it ended well."""
    started = time.perf_counter()
    say(f"== {name}")
    with tempfile.TemporaryDirectory() as folder:
        as_json = ["--json"] if arguments.json or arguments.out is not None else []
        options = [str(arguments.data), *as_json]
        if name in LINES and arguments.out is not None:
            arguments.out.mkdir(parents=True, exist_ok=True)
            options += ["--lines", str(arguments.out / f"{name}.jsonl")]
        if name == "attribution":
            options += ["--out", str(Path(folder) if arguments.out is None else arguments.out)]
        if name == "head":  # reads features, and prints its own table
            features = Path(folder) / "features.npz"
            start("features", [str(arguments.data), "--out", str(features)])
            options = [str(features), *HEAD]
        done = start(name, options)
    print(done.stdout, end="", flush=True)
    if arguments.out is not None and done.returncode == 0:
        arguments.out.mkdir(parents=True, exist_ok=True)
        suffix = "txt" if name == "head" else "json"
        (arguments.out / f"{name}.{suffix}").write_text(done.stdout, encoding="utf-8")
    say(f"== {name} took {time.perf_counter() - started:.0f} s")
    return done.returncode == 0


def start(name: str, options: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a script of this folder to its end."""
    script = Path(__file__).parent / f"{name}.py"
    return subprocess.run(
        [sys.executable, str(script), *options], stdout=subprocess.PIPE, text=True
    )


if __name__ == "__main__":
    main()
