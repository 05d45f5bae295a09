"""Options of the fuzz tests, and the table of what they found."""

import pytest

from tests.fuzz.harness import Tally

TALLIES: list[Tally] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fuzz", "mutated files (tests/fuzz)")
    group.addoption("--fuzz", type=int, metavar="COUNT", help="how many mutants of each kind")
    group.addoption("--mutant", type=int, metavar="SEED", help="this one alone, with -k KIND")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for tally in TALLIES:
        terminalreporter.write_line(str(tally))
