"""Process that tries mutants, and says what became of each.

It reads a line `SEED` for each, and answers with a line of JSON. What a library prints goes to
standard error, so that the answers stay alone.
"""

import faulthandler
import importlib
import json
import os
import re
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from random import Random

from tests.fuzz.judge import Attempt, Judge, WrongAnswer
from topwork.errors import TopworkError

MAX_GROWTH_BYTES = 500 * 2**20
ROOM_BYTES = 6 * 2**30
"""Of address space, beyond what is taken at the beginning: a bomb takes this process, not more."""

LIMIT_SECONDS = {"models": 30.0, "caches": 90.0}
"""Of those that run a network or a training; of all others:"""

READING_SECONDS = 10.0


def main(kind: str, folder: str) -> None:
    """Answer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    judge: Judge = importlib.import_module(f"tests.fuzz.{kind}").begin(Path(folder))
    limit = LIMIT_SECONDS.get(kind, READING_SECONDS)
    _limit_memory()
    print(json.dumps({"limit": limit}), file=answers)
    for line in sys.stdin:
        seed = int(line)
        attempt = judge(Random(f"{kind} {seed}"), seed)
        faulthandler.dump_traceback_later(limit)
        before = _reset_peak()
        outcome, detail = _try(attempt)
        growth = _peak_bytes() - before
        faulthandler.cancel_dump_traceback_later()
        if growth > MAX_GROWTH_BYTES and outcome not in ("exception", "wrong"):
            outcome, detail = "growth", f"{growth / 2**20:,.0f} MB more; {outcome}: {detail}"
        print(json.dumps({"outcome": outcome, "detail": detail}), file=answers)


def _try(attempt: Attempt) -> tuple[str, str]:
    try:
        return attempt(), ""
    except TopworkError as error:
        return "refused", f"{type(error).__name__}: {error}"
    except WrongAnswer as error:
        return "wrong", str(error)
    except BaseException as error:  # that is what is looked for
        if isinstance(error, KeyboardInterrupt):
            raise
        trace = traceback.extract_tb(error.__traceback__)
        ours = next((f for f in reversed(trace) if "/topwork/" in f.filename), trace[-1])
        where = f"{ours.filename.rpartition('/topwork/')[2]}:{ours.lineno}"
        return "exception", f"{type(error).__name__}: {error} ({where})"


def _limit_memory() -> None:
    try:
        import resource

        taken = _status("VmSize")
        resource.setrlimit(resource.RLIMIT_AS, (taken + ROOM_BYTES, resource.RLIM_INFINITY))
    except (ImportError, OSError, ValueError):  # Windows, macOS: without
        pass


def _reset_peak() -> int:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak_bytes() -> int:
    return _status("VmHWM")


def _status(name: str) -> int:
    try:
        found = re.search(rf"^{name}:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


if __name__ == "__main__":
    main(*sys.argv[1:])
