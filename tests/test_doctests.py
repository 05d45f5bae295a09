"""Every public name has an example, and all examples of the package run."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import topwork

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
INNER = ("core.plain", "core.progress", "core.telling")
"""Modules with examples of names that are not public."""


def run(examples: list[doctest.DocTest]) -> None:
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    told: list[str] = []
    for example in examples:
        runner.run(example, out=told.append)
    assert not runner.failures, "".join(told)


@pytest.mark.parametrize("name", topwork.__all__)
def test_a_public_name_has_an_example_that_runs(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    value = getattr(topwork, name)
    home = inspect.getmodule(value)
    found = doctest.DocTestFinder(recurse=False).find(value, name, module=home, globs={})
    examples = [one for one in found if one.examples]
    assert examples, f"topwork.{name} has no example in its docstring"
    run(examples)


@pytest.mark.parametrize("module", INNER)
def test_examples_of_inner_modules_run(module: str) -> None:
    found = doctest.DocTestFinder().find(importlib.import_module(f"topwork.{module}"))
    run([one for one in found if one.examples])
