"""How soon `topwork train` has a model, and what a kill leaves of it.

490 texts of banking77, into a pipe.

- Seconds until the head's score is printed and its model is on the disk, over what `--train head`
  takes alone, each a process of its own: with features and folds in the cache, and with an empty
  one. In turns; the ratio is taken within each round. What goes deeper is killed.
- The same command is killed with SIGKILL at random moments of the deeper part, and started again in
  the same way, without `--overwrite`. After each kill a model must lie in `--out` that predicts.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from common import Figure, make_parser, own_cache, report, run_process, say, topwork_command

PARTS = ("soon", "kills")
SOON = "The head alone: accuracy"
"""What the line begins with that `train` prints as soon as the head's model is saved."""

PREDICTED = "Where is my new card?"


def main() -> None:
    """Measure, kill and print."""
    parser = make_parser(__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--texts", type=int, default=490)
    parser.add_argument("--rounds", type=int, default=3, help="of each cache")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument(
        "--within", type=float, help="seconds after the head; else the whole deeper part"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    figures: list[Figure] = []
    with own_cache() as cache, tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        texts = write_texts(arguments.data / "banking77" / "train.csv", work, arguments)
        if "soon" in arguments.parts:
            figures += measure_soon(texts, cache, work, arguments.rounds)
        if "kills" in arguments.parts:
            trial = Trial(texts, cache, work, arguments.seed)
            trial.run(arguments.kills, arguments.within)
            figures += trial.figures()
    report(f"The head first, of {arguments.texts} texts", figures, as_json=arguments.json)


def write_texts(source: Path, work: Path, arguments: argparse.Namespace) -> Path:
    """Write a table of some of the texts."""
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    chosen = random.Random(arguments.seed).sample(rows, min(arguments.texts, len(rows)))
    path = work / "texts.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows((row["text"], row["category"]) for row in chosen)
    return path


def measure_soon(texts: Path, cache: Path, work: Path, rounds: int) -> list[Figure]:
    """Time the head alone, and the head as `auto` prints it, with both kinds of cache."""
    figures = []
    for name, empty in (("empty cache", True), ("warm cache", False)):
        alone, first = [], []
        for number in range(rounds):
            turns = (alone, first) if number % 2 else (first, alone)
            for times in turns:
                if empty:
                    shutil.rmtree(cache, ignore_errors=True)
                shutil.rmtree(work / "model", ignore_errors=True)
                if times is alone:
                    command = ("train", texts, "--train", "head", "--out", work / "model")
                    times.append(run_process(topwork_command(*command)).seconds)
                else:
                    times.append(seconds_until_head(texts, work / "model"))
            say(f"{name}, round {number + 1}: alone {alone[-1]:.2f} s, first {first[-1]:.2f} s")
        ratios = [a / b for a, b in zip(first, alone, strict=True)]
        figures += [
            Figure(
                name=f"{name}: head printed and saved, over the head alone",
                measured=statistics.median(ratios), bound=1.2, at_most=True, form=".2f",
                note=f"from {min(ratios):.2f} to {max(ratios):.2f}",
            ),
            Figure(name=f"{name}: head alone, s", measured=statistics.median(alone), form=".2f"),
            Figure(name=f"{name}: until then, s", measured=statistics.median(first), form=".2f"),
        ]  # fmt: skip
    return figures


def seconds_until_head(texts: Path, out: Path) -> float:
    """Return when the score was printed; the model must be there then. The rest is killed."""
    started = time.perf_counter()
    process = start(topwork_command("train", texts, "--out", out))
    seconds = wait_for_head(process, started)
    if not (out / "model.json").is_file():
        raise RuntimeError("the score was printed, and the model is not there")
    process.kill()
    process.wait()
    return seconds


def start(command: Sequence[str]) -> subprocess.Popen[str]:
    """Start a command whose remarks are read."""
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def wait_for_head(process: subprocess.Popen[str], started: float) -> float:
    """Read what is said until the head's score; return when that was."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if line.startswith(SOON):
            return time.perf_counter() - started
        said.append(line)
    raise RuntimeError(f"train ended without the head's score: {''.join(said[-20:])}")


class Trial:
    """One command that is killed over and over in its deeper part."""

    def __init__(self, texts: Path, cache: Path, work: Path, seed: int) -> None:
        self.cache, self.out = cache, work / "killed"
        self.command = topwork_command("train", texts, "--out", self.out)
        self.random = random.Random(seed)
        self.num_kills = self.num_ends = self.num_loadable = self.num_marked = 0

    def run(self, num_kills: int, within: float | None) -> None:
        """Kill so many times; each run goes on from the one before, so the moments add up."""
        whole = self._deeper_seconds() if within is None else within
        while self.num_kills < num_kills:
            process = start(self.command)
            wait_for_head(process, time.perf_counter())
            moment = self.random.uniform(0.0, whole)
            try:
                process.communicate(timeout=moment)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
            if process.returncode == -signal.SIGKILL:
                self.num_kills += 1
                self._look(moment)
            elif process.returncode == 0:
                self.num_ends += 1
                self._begin_anew()
            else:
                raise RuntimeError(f"train ended with {process.returncode}")

    def _deeper_seconds(self) -> float:
        process, started = start(self.command), time.perf_counter()
        seconds = wait_for_head(process, started)
        process.communicate()
        whole = time.perf_counter() - started - seconds
        say(f"undisturbed: the head after {seconds:.1f} s, the deeper part {whole:.1f} s")
        self._begin_anew()
        return whole

    def _look(self, moment: float) -> None:
        found = subprocess.run(
            topwork_command("predict", self.out, PREDICTED), stdout=subprocess.PIPE, text=True
        )
        loadable = found.returncode == 0 and len(found.stdout.split("\t")) == 3
        self.num_loadable += loadable
        choice = json.loads((self.out / "model.json").read_text(encoding="utf-8"))["choice"]
        self.num_marked += bool(choice["unfinished"]) and choice["way"] == "head"
        kept = [*self.cache.glob("training/*/epoch-*"), *self.cache.glob("folds/*.safetensors")]
        whole = f"{'a' if loadable else 'NO'} whole model"
        say(
            f"kill {self.num_kills} after {moment:.1f} s: {whole}; {len(kept)} files of epochs kept"
        )

    def _begin_anew(self) -> None:
        """Remove the model, and all that was kept of its training."""
        shutil.rmtree(self.out)
        shutil.rmtree(self.cache / "training", ignore_errors=True)
        shutil.rmtree(self.cache / "folds", ignore_errors=True)

    def figures(self) -> list[Figure]:
        """What was found."""
        return [
            Figure(
                name="loadable models after kills of the deeper part",
                measured=self.num_loadable, bound=self.num_kills, form=".0f",
                note=f"{self.num_kills} kills; {self.num_ends} runs came to their end",
            ),
            Figure(
                name="of these the head, marked as unfinished", measured=self.num_marked,
                form=".0f", note="the others were killed after the last model was in place",
            ),
        ]  # fmt: skip


if __name__ == "__main__":
    main()
