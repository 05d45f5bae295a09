"""What scikit-learn's own checks of estimators need."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import estimator_checks_generator

from topwork.backbones.base import Backbone
from topwork.backbones.modules import from_module
from topwork.examples.arrays.preprocessing import ArrayInput


def widened(rows: Any) -> Any:
    """Bring rows of numbers to the width of the backbone; leave anything else to the estimator."""
    if isinstance(rows, list) or (not isinstance(rows, np.ndarray) and hasattr(rows, "__array__")):
        rows = np.asarray(rows)
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or not rows.shape[1]:
        return rows
    return np.pad(rows, ((0, 0), (0, 32 - rows.shape[1])))


def row_backbone() -> Backbone:
    """Return one that takes rows of 32 numbers: the only inputs that scikit-learn's checks have."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.ReLU())
    return from_module(module, blocks=["0", "1"], input=ArrayInput(shape=(32,)), name="rows")


def checks_of(estimator: Any, not_applicable: Mapping[str, str]) -> Iterator[Any]:
    """Yield scikit-learn's own checks, with names that are the same in every process.

    Args:
        estimator: one that takes rows of 32 numbers.
        not_applicable: reasons why checks must fail, by their names.
    """
    rows = make_pipeline(FunctionTransformer(widened), estimator)
    for number, (one, check) in enumerate(estimator_checks_generator(rows)):
        name = check.func.__name__
        reason = not_applicable.get(name, "")
        by_rounding = reason.startswith("wants 1e-7")  # which also may come out right
        marks = [pytest.mark.xfail(reason=reason, strict=not by_rounding)] if reason else []
        yield pytest.param(one, check, marks=marks, id=f"{number}-{name}")
