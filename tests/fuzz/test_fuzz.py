"""What strangers made, mutated: an answer or a TopworkError, soon, in little memory.

Each test says in its module what a wrong answer is. More mutants, or one of them alone:

    pytest tests/fuzz -k images --fuzz 2000
    pytest tests/fuzz -k images --mutant 1234
"""

from pathlib import Path

import pytest

from tests.fuzz.conftest import TALLIES
from tests.fuzz.harness import fuzz

COUNTS = {"images": 300, "sounds": 200, "tables": 200, "texts": 200, "bombs": 25, "models": 10,
          "caches": 2}  # fmt: skip
"""Of each kind in the usual run: seconds. Before a release: 2,000, 1,000, 1,000, all, 500, 200."""


@pytest.mark.parametrize("kind", COUNTS)
def test_a_mutant_is_answered_rightly_or_refused(
    kind: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    mutant = pytestconfig.getoption("mutant", None)
    count = pytestconfig.getoption("fuzz", None) or COUNTS[kind]
    seeds = range(count) if mutant is None else [mutant]
    tally = fuzz(kind, seeds, tmp_path)
    TALLIES.append(tally)
    shown = "\n".join(map(str, tally.faults[:30]))
    assert not tally.faults, f"{len(tally.faults)} of {len(seeds)} mutants:\n{shown}"
    assert sum(tally.counts.values()) == len(seeds)
    if len(seeds) >= 100:  # else a harness that mutates nothing, or where all is refused, passes
        assert tally.counts["refused"], tally
        assert tally.counts["same"] + tally.counts["other"], tally
