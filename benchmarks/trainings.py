"""Trainings that are compared: each in a process of its own, its line kept, and what they say.

A line is a dict as `one_training.py` prints it. With a file the lines are kept as they come, and a
run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import ROOT, run_process, say
from draws import is_there

Line = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One training; the fields are those of the line that it gives."""

    set: str
    seed: int
    train: str
    backbone: str | None = None
    time_limit: str | None = None

    def is_of(self, line: Line) -> bool:
        """Whether the line is of this training."""
        return all(line.get(name) == value for name, value in vars(self).items())

    def command(self, data: Path) -> list[str]:
        """Return what runs it."""
        script = ROOT / "benchmarks" / "one_training.py"
        command = [sys.executable, str(script), str(data)]
        for name, value in vars(self).items():
            if value is not None:
                command += [f"--{name.replace('_', '-')}", str(value)]
        return command

    def __str__(self) -> str:
        return f"{self.set}, seed {self.seed}, {self.train}"


@dataclass(frozen=True, kw_only=True)
class Share:
    """A share of right answers with its 95% interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


def add_lines_option(parser: argparse.ArgumentParser) -> None:
    """Add the file of lines."""
    parser.add_argument(
        "--lines", type=Path,
        help="a file to keep each training's line of JSON in; those that it has are not run again "
        "(remove it to measure anew)",
    )  # fmt: skip


def run_all(data: Path, wanted: Sequence[Wanted], keep: Path | None) -> list[Line]:
    """Return the line of every training, running those that are not kept; without data, none."""
    known = kept(keep)
    lines: list[Line] = []
    missing: set[str] = set()
    for number, one in enumerate(wanted, 1):
        if one.set in missing:
            continue
        found = next((line for line in known if one.is_of(line)), None)
        if found is None and not is_there(data, one.set):
            missing.add(one.set)
            say(f"skipped: the data of {one.set} is not in {data}")
            continue
        if found is None:
            say(f"{number} of {len(wanted)}: {one} ...")
            said = run_process(one.command(data)).output.splitlines()
            found = json.loads(next(text for text in reversed(said) if text.startswith("{")))
            if keep is not None:
                add(keep, found)
        say(f"  {found['way']}: {found['accuracy']:.3f} in {found['seconds']:.0f} s")
        lines.append(found)
    return lines


def kept(path: Path | None) -> list[Line]:
    """Return the lines of a file; a last one that was not written whole is passed over."""
    if path is None or not path.exists():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            say(f"passed over a damaged line of {path}")
    return lines


def add(path: Path, line: Line) -> None:
    """Add a line to a file, below one that a kill cut off."""
    whole = not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("" if whole else "\n") + json.dumps(line) + "\n")


def chosen(lines: Sequence[Line], **said: Any) -> list[Line]:
    """Return the lines that have these values, by seed."""
    found = [line for line in lines if all(line[name] == value for name, value in said.items())]
    return sorted(found, key=lambda line: line["seed"])


def share(lines: Sequence[Line]) -> Share:
    """Return the mean over the draws, with an interval of the mean.

    The wider of two: the score interval over all answers, those on one group or one example
    counting together; and, of two draws or more, Student's over the draws, which also sees that
    what was learned from varies.
    """
    import numpy as np
    from scipy.stats import t

    from topwork.evaluation.intervals import effective_share, wilson

    right, clusters = answers(lines), numbers(lines)
    value = float(np.mean([line["accuracy"] for line in lines]))
    scored = wilson(value, len(right) * effective_share(right, clusters))
    low, high = scored.low, scored.high
    if len(lines) > 1:
        error = np.std([line["accuracy"] for line in lines], ddof=1) / len(lines) ** 0.5
        away = float(t.ppf(0.975, len(lines) - 1) * error)
        low, high = min(low, value - away), max(high, value + away)
    return Share(value=value, low=max(low, 0.0), high=min(high, 1.0))


def difference(ours: Sequence[Line], other: Sequence[Line]) -> tuple[float, float]:
    """Return how much more often ours are right, and its standard error.

    Paired, answer by answer; those on one group or one example count as one.
    """
    import numpy as np

    if [(line["seed"], line["clusters"]) for line in ours] != [
        (line["seed"], line["clusters"]) for line in other
    ]:
        raise RuntimeError("These trainings were not tested on the same examples.")
    more = answers(ours) - answers(other)
    sums = np.bincount(numbers(ours), more - more.mean())
    error = np.sqrt((sums**2).sum() * len(sums) / max(len(sums) - 1, 1)) / len(more)
    return float(more.mean()), float(error)


def answers(lines: Sequence[Line]) -> Any:
    """Return 1.0 for every right answer and 0.0 for every wrong one, draw after draw."""
    import numpy as np

    return np.array([float(one) for line in lines for one in line["right"]])


def numbers(lines: Sequence[Line]) -> Any:
    """Return the number of each answer's cluster, from 0."""
    import numpy as np

    joined = [one for line in lines for one in line["clusters"]]
    return np.unique(joined, return_inverse=True)[1].astype(np.intp)


def seconds(lines: Sequence[Line]) -> float:
    """Return the median over the draws."""
    return statistics.median(line["seconds"] for line in lines)


def strategies_said(lines: Sequence[Line]) -> str:
    """Return what they settled on, with how often where it was not always the same."""
    names = [name for line in lines for name in line["settled"]]
    counted = {name: names.count(name) for name in dict.fromkeys(names)}
    if len(counted) == 1:
        return next(iter(counted))
    return ", ".join(f"{name} ({count} times)" for name, count in counted.items())
