"""Supervisor of the processes that try mutants."""

import json
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.small import ROOT

GOOD = ("same", "other", "refused")
BAD = ("exception", "hang", "died", "growth", "wrong")
START_SECONDS = 300.0
_SHOWN = 2000


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A mutant that went wrong."""

    kind: str
    seed: int
    outcome: str
    detail: str

    def __str__(self) -> str:
        """With the command that tries this mutant alone."""
        again = f"pytest tests/fuzz -k {self.kind} --mutant {self.seed}"
        return f"{self.outcome}: {self.detail}\n    again: {again}"


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What became of the mutants of a kind."""

    kind: str
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[Fault] = field(default_factory=list)

    def __str__(self) -> str:
        """As a line of a table."""
        num = sum(self.counts.values())
        parts = ", ".join(f"{self.counts[name]:,} {name}" for name in (*GOOD, *BAD))
        return f"{self.kind}: {num:,} mutants: {parts}"


class _Worker:
    """One process, its answers and what it prints."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", kind, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, cwd=ROOT,
        )  # fmt: skip
        self.limit = START_SECONDS
        try:
            self.limit = self.answer()["limit"] + 2  # faulthandler speaks first
        except (EOFError, TimeoutError) as error:
            printed = self.printed()
            self.end()
            raise RuntimeError(f"the worker did not start: {printed}") from error

    def ask(self, seed: int) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{seed}\n".encode())
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next answer. Raises TimeoutError, or EOFError where the process has died."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], self.limit)[0]:
            raise TimeoutError
        line = self.process.stdout.readline()
        if not line:
            raise EOFError
        answer: dict[str, Any] = json.loads(line)
        return answer

    def printed(self) -> str:
        self.log.seek(0)
        return self.log.read()[-_SHOWN:].decode("utf-8", "replace")

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.log):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def fuzz(kind: str, seeds: Iterable[int], folder: Path) -> Tally:
    """Try the mutants of these seeds, and return what became of them."""
    tally = Tally(kind=kind)
    worker: _Worker | None = None
    try:
        for seed in seeds:
            worker = worker or _Worker(kind, folder)
            started = time.monotonic()
            try:
                answer = worker.ask(seed)
            except (TimeoutError, EOFError, BrokenPipeError) as error:
                outcome = "hang" if isinstance(error, TimeoutError) else "died"
                seconds = time.monotonic() - started
                answer = {"outcome": outcome, "detail": f"{seconds:.1f} s. {worker.printed()}"}
                worker.end()
                worker = None
            tally.counts[answer["outcome"]] += 1
            if answer["outcome"] in BAD:
                tally.faults.append(Fault(kind=kind, seed=seed, **answer))
    finally:
        if worker is not None:
            worker.end()
    return tally
