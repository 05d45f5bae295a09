"""Head settings, read from words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from topwork.errors import SettingError

HeadKind = Literal["kernel", "linear", "nearest", "mlp"]

MAX_LAYERS, MAX_UNITS = 8, 8192
"""Of hidden layers. Of features of 37,440 numbers, 8,192 units are 1.2 GB of weights."""

DROPOUT, LABEL_SMOOTHING = 0.2, 0.1
"""Where none is given. Szegedy et al. 2016 (section 7) smooth by 0.1."""


@dataclass(frozen=True, kw_only=True)
class HeadSettings:
    """A kind of head; what is below `units` is for those that are trained step by step.

    Attributes:
        kind: `kernel` (linear or RBF, whichever is better), `linear`, `nearest` class mean, `mlp`.
        units: of each hidden layer; none but for `mlp`.
        dropout: share of a layer's inputs that a step of training leaves out.
        label_smoothing: share of each target that is spread over all classes.
    """

    kind: HeadKind = "kernel"
    units: tuple[int, ...] = ()
    dropout: float = DROPOUT
    label_smoothing: float = LABEL_SMOOTHING


def parse_head(
    text: str, *, dropout: float | None = None, label_smoothing: float | None = None
) -> HeadSettings:
    """Read a head's name. Raises SettingError on one, or a share, that is not accepted."""
    kind, units = _parse(text)
    return HeadSettings(
        kind=kind,
        units=units,
        dropout=_share("dropout", dropout, DROPOUT),
        label_smoothing=_share("label_smoothing", label_smoothing, LABEL_SMOOTHING),
    )


def _parse(text: object) -> tuple[HeadKind, tuple[int, ...]]:
    for kind in get_args(HeadKind):
        if text == kind and kind != "mlp":
            return kind, ()
    if isinstance(text, str) and re.fullmatch(r"mlp:[0-9]{1,4}(,[0-9]{1,4})*", text):
        units = tuple(int(part) for part in text.removeprefix("mlp:").split(","))
        if len(units) <= MAX_LAYERS and all(1 <= unit <= MAX_UNITS for unit in units):
            return "mlp", units
    raise SettingError(
        f"head is {text!r}; accepted: kernel, linear, nearest, or mlp:UNITS[,UNITS...] with 1 to "
        f"{MAX_LAYERS} hidden layers of 1 to {MAX_UNITS} units each. Write it like mlp:256,128."
    )


def _share(name: str, value: object, default: float) -> float:
    if value is None:
        return default
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1:
        return float(value)
    raise SettingError(
        f"{name} is {value!r}; accepted: a number, 0 or more and less than 1. Leave it out for "
        f"{default}."
    )
