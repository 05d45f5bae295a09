"""Settings of a run, for type checkers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict

from topwork.recipe import ClassWeight
from topwork.training.settings import (
    BatchNormMode,
    Optimiser,
    ScheduleKind,
    Training,
    TrainingPrecision,
)


class TrainSettings(TypedDict, total=False):
    """What `train` takes beside its arguments: fields of `Recipe`, and of its `Training`.

    None stands for what was not given. A test holds the names and types to theirs, where their
    meaning is said.
    """

    input_column: str | None
    label_column: str | None
    group_column: str | None
    time_columns: str | None
    pools: tuple[str, ...] | None
    train: str | None
    fresh: bool | None
    time_limit: str | float | None
    head: str | None
    dropout: float | None
    label_smoothing: float | None
    positive: str | None
    classes: tuple[str, ...] | None
    class_descriptions: Mapping[str, str] | None
    class_weight: ClassWeight | None
    num_folds: int | None
    num_repeats: int | None
    seed: int | None
    strict: bool | None
    training: Training | None

    epochs: int | None
    batch_size: int | None
    optimiser: Optimiser | None
    lr: float | None
    find_lr: bool | None
    head_lr: float | None
    weight_decay: float | None
    momentum: float | None
    layer_decay: float | None
    warmup: float | None
    schedule: ScheduleKind | None
    freeze: tuple[str, ...] | list[str] | None
    learning_rates: Mapping[str, float] | None
    batch_norm: BatchNormMode | None
    augment: tuple[str, ...] | list[str] | None
    num_views: int | None
    average: float | Literal["auto"] | None
    lora: int | None
    precision: TrainingPrecision | None
    clip: float | None
