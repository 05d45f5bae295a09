"""Settings of training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from topwork.errors import SettingError

Optimiser = Literal["adamw", "adam", "sgd"]
ScheduleKind = Literal["cosine", "constant"]
BatchNormMode = Literal["auto", "frozen", "train"]
TrainingPrecision = Literal["auto", "f32", "bf16"]

NOT_FROM_SCRATCH = ("layer_decay", "average", "lora", "num_views", "freeze")
"""Settings of fine-tuning: random weights hold nothing yet that would be worth keeping."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """How the part after the cut is trained. None: chosen by the way of training and the data.

    Attributes:
        epochs: times that every example is seen, 1 or more.
        batch_size: examples of one step of the optimiser, 1 or more.
        optimiser: `adamw`, `adam` (its weight decay is part of the gradient), or `sgd`, with
            Nesterov's momentum.
        lr: learning rate at the head's side, above 0.
        find_lr: take for `lr` what a range test finds (Smith 2017), on the examples themselves.
        head_lr: of the head; None: `lr`.
        weight_decay: 0 or more; none on biases, norms and other vectors.
        momentum: of `sgd`, from 0 to below 1.
        layer_decay: a block's learning rate is this times that of the block after it; above 0, up
            to 1 (Clark et al. 2020, ELECTRA; Bao et al. 2022, BEiT).
        warmup: share of the steps in which the learning rate climbs from 0 in a straight line.
        schedule: after that: `cosine` down to 0 (Loshchilov and Hutter 2017), or `constant`.
        freeze: names of submodules or parameters, or beginnings of them, that are not trained.
        learning_rates: beginning of a name -> its learning rate; the longest that fits wins.
        batch_norm: whether BatchNorm keeps the statistics it came with (`frozen`) or learns them
            (`train`); `auto`: by the number of examples.
        augment: names of the augmentations; empty: none.
        num_views: how many augmented views of each example are saved, 1 or more.
        average: share of the fine-tuned weights in their mean with those before (Wortsman et al.
            2022, WiSE-FT), from 0 to 1; `auto`: the best on held-out examples.
        lora: rank of the low-rank updates that are trained in place of the weights (Hu et al.
            2022), 1 or more; None: the weights themselves.
        precision: `f32`; `bf16`: forward passes in bfloat16, weights in float32; `auto`: bf16 on
            an NVIDIA GPU.
        clip: longest gradient, as a norm over all weights; 0: any.
    """

    epochs: int | None = None
    batch_size: int | None = None
    optimiser: Optimiser = "adamw"
    lr: float | None = None
    find_lr: bool = False
    head_lr: float | None = None
    weight_decay: float | None = None
    momentum: float = 0.9
    layer_decay: float | None = None
    warmup: float = 0.1
    schedule: ScheduleKind = "cosine"
    freeze: tuple[str, ...] = ()
    learning_rates: Mapping[str, float] = field(default_factory=dict)
    batch_norm: BatchNormMode = "auto"
    augment: tuple[str, ...] | None = None
    num_views: int | None = None
    average: float | Literal["auto"] | None = None
    lora: int | None = None
    precision: TrainingPrecision = "auto"
    clip: float = 1.0

    def __post_init__(self) -> None:
        for name, (accepted, fits) in _ACCEPTED.items():
            value = getattr(self, name)
            if not (value is None and name in _MAY_BE_NONE) and not fits(value):
                raise SettingError(
                    f"{name} is {value!r}; accepted: {accepted}. Correct it in the recipe's "
                    "[training] table, or where it was given."
                )
        if self.momentum != 0.9 and self.optimiser != "sgd":
            raise SettingError(
                f"momentum is {self.momentum!r} with optimiser = {self.optimiser!r}, which does "
                "not use it; accepted with optimiser = 'sgd'. Leave it out, or choose that."
            )

    def check_from_scratch(self) -> None:
        """Raise SettingError where something is set that random weights have no use for."""
        senseless = [name for name in NOT_FROM_SCRATCH if getattr(self, name) not in (None, ())]
        if self.batch_norm == "frozen":
            senseless.append("batch_norm = 'frozen'")
        if senseless:
            raise SettingError(
                f"{', '.join(senseless)} is for networks that have learned something, and not used "
                "from random weights, of which all are trained; accepted with train = auto, "
                "last:K, all. Remove the setting."
            )

    def changed(self, **settings: Any) -> Training:
        """Return one with the settings that are given and not None put in place of its own."""
        return replace(self, **{k: v for k, v in settings.items() if v is not None})

    def to_dict(self, *, given_only: bool = False) -> dict[str, Any]:
        """Return plain data, without what is None; `given_only`: without any default."""
        usual = Training() if given_only else None
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}
        plain["learning_rates"] = dict(self.learning_rates)
        return {
            name: value
            for name, value in plain.items()
            if value is not None and not (usual and values[name] == getattr(usual, name))
        }

    @staticmethod
    def from_dict(data: Mapping[str, Any]) -> Training:
        """Undo `to_dict`. Raises SettingError on a name or value that is not accepted."""
        known = [f.name for f in fields(Training)]
        unknown = [name for name in data if name not in known]
        if unknown:
            raise SettingError(
                f"The recipe's [training] table has {', '.join(map(repr, unknown))}; accepted: "
                f"{', '.join(known)}. Correct the name, or remove the line."
            )
        values: dict[str, Any] = dict(data)
        for name, value in data.items():
            values[name] = tuple(value) if isinstance(value, list) else value
        return Training(**values)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _between(low: float, high: float, *, above: bool = False, below: bool = False) -> _Check:
    """A check: a number from low to high; `above` and `below` leave the ends out."""

    def fits(value: Any) -> bool:
        return (
            _number(value)
            and (value > low if above else value >= low)
            and (value < high if below else value <= high)
        )

    return fits


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _names(value: Any) -> bool:
    return isinstance(value, tuple) and all(isinstance(name, str) and name for name in value)


def _rates(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(name, str) and name and _positive(rate) for name, rate in value.items()
    )


def _one_of(*accepted: str) -> tuple[str, _Check]:
    return ", ".join(accepted), lambda value: isinstance(value, str) and value in accepted


_Check = Callable[[Any], bool]
_positive = _between(0, math.inf, above=True)

_MAY_BE_NONE = {f.name for f in fields(Training) if f.default is None}
_ACCEPTED: dict[str, tuple[str, _Check]] = {
    "epochs": ("a whole number, 1 or more", _whole),
    "batch_size": ("a whole number, 1 or more", _whole),
    "optimiser": _one_of("adamw", "adam", "sgd"),
    "lr": ("a number above 0", _positive),
    "find_lr": ("true or false", lambda value: isinstance(value, bool)),
    "head_lr": ("a number above 0", _positive),
    "weight_decay": ("a number, 0 or more", _between(0, math.inf)),
    "momentum": ("a number from 0 to below 1", _between(0, 1, below=True)),
    "layer_decay": ("a number above 0, up to 1", _between(0, 1, above=True)),
    "warmup": ("a share of the steps, from 0 to 1", _between(0, 1)),
    "schedule": _one_of("cosine", "constant"),
    "freeze": ("a list of names", _names),
    "learning_rates": ("a table of names and numbers above 0", _rates),
    "batch_norm": _one_of("auto", "frozen", "train"),
    "augment": ("a list of names", _names),
    "num_views": ("a whole number, 1 or more", _whole),
    "average": ("a share from 0 to 1, or 'auto'", lambda v: v == "auto" or _between(0, 1)(v)),
    "lora": ("a rank, 1 or more", _whole),
    "precision": _one_of("auto", "f32", "bf16"),
    "clip": ("a number, 0 or more", _between(0, math.inf)),
}
