"""`topwork doctor`: its table, its JSON and its exit code."""

import json
from collections.abc import Iterator

import pytest

from tests.cli.commands import good, run
from topwork.cli import checkup
from topwork.cli.checkup import Check

WELL = Check(about="cache", state="well", found="[here]")
ABSENT = Check(about="extra [x]", state="absent", found="no", advice='pip install "topwork[x]"')
WRONG = Check(about="self-test", state="wrong", found="it failed", advice="mend it")


def finds(monkeypatch: pytest.MonkeyPatch, *findings: Check) -> None:
    def all_of_them() -> Iterator[Check]:
        return iter(findings)

    monkeypatch.setattr(checkup, "check_up", all_of_them)


def test_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, WELL, ABSENT)
    said = good("doctor").stdout
    assert "All is well." in said
    assert "[here]" in said
    assert 'pip install "topwork[x]"' in said
    told = json.loads(good("doctor", "--json").stdout)
    assert told["well"] is True
    assert [Check.from_dict(one) for one in told["findings"]] == [WELL, ABSENT]


def test_something_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    finds(monkeypatch, WELL, WRONG)
    result = run("doctor")
    assert result.exit_code == 1
    assert "Wrong: self-test." in result.stdout
    assert "mend it" in result.stdout
    result = run("doctor", "--json")
    assert (result.exit_code, json.loads(result.stdout)["well"]) == (1, False)
