"""What the benchmarks share: where the data lies, commands that are timed, a table of figures.

It imports neither topwork nor numpy: a script that measures processes must stay small itself (the
peak memory of a child counts that of its parent at the moment of the fork), and the one that runs
fastai reads it from an environment that has no topwork.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA_VARIABLE, CACHE_VARIABLE = "TOPWORK_DATA", "TOPWORK_CACHE"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of a benchmark's table.

    Attributes:
        bound: what it must reach; None for a line that is there to be seen.
        at_most: the bound is an upper one.
        noise: two standard errors: within it of the bound, the line says so.
        form: how the numbers are written.
    """

    name: str
    measured: float
    bound: float | None = None
    at_most: bool = False
    noise: float = 0.0
    form: str = ".3f"
    note: str = ""

    @property
    def met(self) -> str:
        """`yes`, `no`, `within noise`, or nothing where there is no bound."""
        if self.bound is None:
            return ""
        short = (self.measured - self.bound) * (1 if self.at_most else -1)
        if short <= 0:
            return "yes"
        return "within noise" if short <= self.noise else "no"


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with what every benchmark takes; its options follow."""
    default = os.environ.get(DATA_VARIABLE) or str(ROOT.parent / "shared" / "data")
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data", nargs="?", type=Path, default=Path(default),
        help=f"the folder of the data sets (default: ${DATA_VARIABLE}, else ../shared/data)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON, and nothing else")
    return parser


def seconds_of(work: Callable[[], object]) -> float:
    """Return how long a call takes, on the clock."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def rates_of(
    unit: str, rounds: Sequence[Mapping[str, float]], *, form: str = ".0f"
) -> list[Figure]:
    """Return a line for everything that the rounds measured: its median, least and greatest."""
    figures = []
    for name in rounds[0]:
        rates = [one[name] for one in rounds]
        figures.append(
            Figure(
                name=f"{unit}: {name}",
                measured=statistics.median(rates),
                form=form,
                note=f"from {min(rates):{form}} to {max(rates):{form}}",
            )
        )
    return figures


def report(title: str, figures: Sequence[Figure], *, as_json: bool) -> None:
    """Print the table, or the same as JSON."""
    if as_json:
        rows = [{**asdict(figure), "met": figure.met} for figure in figures]
        print(json.dumps({"title": title, "figures": rows}, indent=1))
        return
    rows = [("figure", "measured", "must reach", "met", "")]
    for figure in figures:
        sign = "<=" if figure.at_most else ">="
        bound = "" if figure.bound is None else f"{sign} {figure.bound:{_short(figure.form)}}"
        rows.append(
            (figure.name, f"{figure.measured:{figure.form}}", bound, figure.met, figure.note)
        )
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    print(f"\n{title}\n")
    for name, measured, bound, met, note in rows:
        line = (
            f"{name:<{widths[0]}}  {measured:>{widths[1]}}  {bound:<{widths[2]}}  "
            f"{met:<{widths[3]}}  {note}"
        )
        print(line.rstrip())


def _short(form: str) -> str:
    return form if form.endswith(("e", "%")) else "g"


def say(text: str) -> None:
    """Tell the person who waits, beside the table."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def own_cache() -> Iterator[Path]:
    """Give this process, and those it starts, an empty cache that is removed at the end."""
    before = os.environ.get(CACHE_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="topwork-benchmark-") as folder:
        cache = Path(folder) / "cache"
        os.environ[CACHE_VARIABLE] = str(cache)
        try:
            yield cache
        finally:
            if before is None:
                del os.environ[CACHE_VARIABLE]
            else:
                os.environ[CACHE_VARIABLE] = before


def topwork_command(*arguments: str | Path) -> list[str]:
    """Return the command line of this environment's topwork."""
    script = Path(sys.executable).parent / "topwork"
    start = [str(script)] if script.exists() else [sys.executable, "-m", "topwork.cli.app"]
    return [*start, *map(str, arguments)]


def environment_folder(name: str) -> Path:
    """Return where a peer's environment lies, where the caller names no other place."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "topwork-benchmarks" / name


def make_environment(folder: Path, packages: Sequence[str], *, imports: str) -> Path:
    """Return the Python of an environment with these packages; make it where there is none."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists() or subprocess.run([python, "-c", f"import {imports}"]).returncode:
        say(f"installing {', '.join(packages)} into {folder} ...")
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def train_cold(data: Path, model: Path, *, strategy: str) -> tuple[float, float]:
    """Train with an empty cache, as a user does; return accuracy on the test part, and seconds."""
    with own_cache():
        done = run_process(
            topwork_command(
                *("train", data, "--train", strategy, "--out", model, "--overwrite", "--quiet")
            )
        )
    described = json.loads((model / "model.json").read_text(encoding="utf-8"))
    return described["test"]["accuracy"]["value"], done.seconds


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A process that ended well."""

    seconds: float
    peak_bytes: int
    output: str


def run_process(command: Sequence[str]) -> Finished:
    """Run a command to its end; raise RuntimeError with what it said where it fails."""
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read().decode(errors="replace")
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}:\n{text[-2000:]}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Finished(seconds=seconds, peak_bytes=usage.ru_maxrss * unit, output=text)
