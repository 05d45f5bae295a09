"""All settings of a run."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

import tomli_w

from topwork.core.units import parse_seconds
from topwork.errors import SettingError
from topwork.examples.tables.columns import ColumnNames
from topwork.heads.settings import HeadSettings, parse_head
from topwork.training.settings import Training
from topwork.training.strategy import Strategy, parse_strategy

ClassWeight = Literal["none", "balanced"]

PATHS = ("data", "groups", "backbone")
"""Settings that may be paths."""

LISTS = ("pools", "classes")
"""Settings that are lists of names in a file."""

TRAINING_STRATEGIES = "auto, last:K, contrast:K, all, scratch"
"""Those by which blocks are trained, or may be."""

HEAD_STRATEGIES = "auto, last:K, all, scratch"
"""Of these, those by which a head is trained too."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of `train`.

    Attributes:
        data: the folder or table; None where the examples came from memory.
        input_column: the table's column of files or texts; None: found by the usual names.
        label_column: the same for labels.
        group_column: the same for groups (patient, speaker), which are never split.
        time_columns: of the start and the end of a part of a sound: `start,end`; empty: none.
        groups: of a folder of classes: a table of its files and their groups (`file,patient`).
        backbone: what to transfer from, with its options (`name?size=160&resize=squash`); None:
            the one that comes with Topwork for this kind of input.
        pools: how a block's output becomes numbers; None: chosen by the number of examples.
        train: what is trained: `head`; `last:K`, the last K blocks too; `all`; `scratch`, all of
            it from random weights, as a control; `auto`: the head, and as many blocks as
            cross-validation shows to pay.
        fresh: begin the last K blocks with random weights.
        time_limit: for what goes beyond the head: `90s`, `10m`, `1h30m`; None: 15 minutes for
            `auto` and 10 for `scratch`, else as long as it takes.
        head: `kernel`, `linear`, `nearest`, or `mlp:256,128`: hidden layers of so many units. A
            network that is trained too ends in one linear layer where this says `kernel`; its
            pools, and how often its folds are drawn (once), are its own.
        dropout: of a head's layers while it is trained step by step; None: 0.2.
        label_smoothing: of the targets then; None: 0.1.
        positive: of two classes, the one that is looked for; None: the rarer.
        classes: names of classes of texts, to begin with where there are no examples of them.
        class_descriptions: of texts: what is said of a class, by its name; it is learned from
            beside the name.
        class_weight: `none`, or `balanced`: each class weighs the same, however many it has.
        num_folds: of the cross-validation, 2 or more.
        num_repeats: of the same; None: more where there are fewer examples.
        seed: of folds and samples, 0 or more.
        strict: stop at an example that cannot be read, and at what looks like a mistake.
        training: how blocks are trained: the `[training]` table.

    >>> import topwork
    >>> print(topwork.Recipe(train="head", num_folds=10).to_toml())
    train = "head"
    ...
    num_folds = 10
    ...
    """

    data: str | None = None
    input_column: str | None = None
    label_column: str | None = None
    group_column: str | None = None
    time_columns: str | None = None
    groups: str | None = None
    backbone: str | None = None
    pools: tuple[str, ...] | None = None
    train: str = "auto"
    fresh: bool = False
    time_limit: str | float | None = None
    head: str = "kernel"
    dropout: float | None = None
    label_smoothing: float | None = None
    positive: str | None = None
    classes: tuple[str, ...] | None = None
    class_descriptions: Mapping[str, str] | None = None
    class_weight: ClassWeight = "none"
    num_folds: int = 5
    num_repeats: int | None = None
    seed: int = 0
    strict: bool = False
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        self.head_settings()  # these three raise where a word is not accepted
        strategy = self.strategy()
        self.limit_seconds()
        if self.class_weight not in ("none", "balanced"):
            _refuse("class_weight", self.class_weight, "'none' or 'balanced'")
        if not _whole(self.num_folds) or self.num_folds < 2:
            _refuse("num_folds", self.num_folds, "a whole number, 2 or more")
        if self.num_repeats is not None and not (_whole(self.num_repeats) and self.num_repeats > 0):
            _refuse("num_repeats", self.num_repeats, "a whole number, 1 or more")
        if not _whole(self.seed) or self.seed < 0:
            _refuse("seed", self.seed, "a whole number, 0 or more")
        columns = ("input_column", "label_column", "group_column", "time_columns")
        for name in ("data", *columns, "groups", "positive"):
            if not isinstance(getattr(self, name), str | None):
                _refuse(name, getattr(self, name), "text")
        if not isinstance(self.backbone, str | None):
            _refuse("backbone", self.backbone, "the name of a backbone")
        for name in ("strict", "fresh"):
            if not isinstance(getattr(self, name), bool):
                _refuse(name, getattr(self, name), "true or false")
        self._check_names()
        if not isinstance(self.training, Training):
            _refuse("training", self.training, "a [training] table")
        self._check_used(strategy)

    def _check_names(self) -> None:
        classes, said = self.classes, self.class_descriptions
        if classes is not None and (
            not isinstance(classes, tuple)
            or len(set(classes)) < 2
            or not all(isinstance(name, str) and name for name in classes)
        ):
            _refuse("classes", classes, "a list of two or more names")
        if said is not None and not (
            isinstance(said, Mapping)
            and all(isinstance(one, str) and one for pair in said.items() for one in pair)
        ):
            _refuse("class_descriptions", said, "a table of descriptions by the names of classes")

    def _check_used(self, strategy: Strategy) -> None:
        """Refuse what is set, and not used by the strategy."""
        trains, message = strategy.trains_blocks, f"train = '{strategy}'"
        if self.fresh and strategy.kind != "last":
            _refuse("fresh", self.fresh, f"true with train = 'last:K', and train is '{strategy}'")
        if trains and self.head == "nearest":
            raise SettingError(
                f"head is 'nearest' with {message}; accepted where blocks are trained: linear "
                "(which kernel means there, too), or mlp:256,128. Leave the head out, or train it "
                "alone: --train head --head nearest."
            )
        for name in ("pools", "num_repeats"):
            if trains and getattr(self, name) is not None:
                _not_used(name, getattr(self, name), message, "head, auto")
        if strategy.kind == "head":
            by_steps = self.head.startswith("mlp")
            for name in ("time_limit", *(() if by_steps else ("dropout", "label_smoothing"))):
                if getattr(self, name) is not None:
                    ways = f"{TRAINING_STRATEGIES}" + ("" if by_steps else "; or head = 'mlp:...'")
                    _not_used(name, getattr(self, name), message, ways)
            self._check_given(self.training.to_dict(given_only=True))
        if strategy.kind == "scratch":
            self.training.check_from_scratch()
        if strategy.kind == "contrast":
            self._check_contrast(message)

    def _check_contrast(self, message: str) -> None:
        """Refuse what is set of a head that is trained: by pairs, it is fitted afterwards."""
        if self.head.startswith("mlp"):
            _not_used("head", self.head, message, HEAD_STRATEGIES)
        unused = {
            "dropout": self.dropout,
            "label_smoothing": self.label_smoothing,
            "head_lr": self.training.head_lr,
        }
        for name, value in unused.items():
            if value is not None:
                _not_used(name, value, message, HEAD_STRATEGIES)

    def _check_given(self, training: Mapping[str, Any]) -> None:
        """Refuse a setting of training where the head alone is fitted, even its default."""
        if self.strategy().kind != "head":
            return
        views = ("augment", "num_views") if self.head in ("kernel", "linear") else ()
        for name, value in training.items():
            if value is not None and name not in views:
                _not_used(name, value, f"train = '{self.train}'", TRAINING_STRATEGIES)

    def head_settings(self) -> HeadSettings:
        """Return what head is wanted."""
        return parse_head(self.head, dropout=self.dropout, label_smoothing=self.label_smoothing)

    def strategy(self) -> Strategy:
        """Return what is trained."""
        return parse_strategy(self.train)

    def limit_seconds(self) -> float | None:
        """Return the time limit, where one was given."""
        return None if self.time_limit is None else parse_seconds(self.time_limit)

    @property
    def columns(self) -> ColumnNames:
        """The table's columns."""
        return ColumnNames(
            input_column=self.input_column,
            label_column=self.label_column,
            group_column=self.group_column,
            time_columns=self.time_columns,
        )

    def moved(self, old: Path, new: Path) -> Recipe:
        """Return one whose relative paths, which begin at one folder, begin at another.

        Absolute paths stay as they are, and so does a name that is no path.
        """
        changes: dict[str, Any] = {}
        for name in PATHS:
            value, mark, options = (getattr(self, name) or "").partition("?")
            if value and not os.path.isabs(value) and (old / value).exists():
                with suppress(ValueError):  # two drives of Windows have no way between them
                    changes[name] = f"{os.path.relpath(old / value, new)}{mark}{options}"
        return replace(self, **changes)

    def with_settings(self, settings: Mapping[str, Any]) -> Recipe:
        """Return one with settings put in place of its own: its fields, and those of `Training`.

        Raises SettingError on a name or value that is not accepted.
        """
        known, deeper = Recipe.__dataclass_fields__.keys(), Training.__dataclass_fields__.keys()
        unknown = sorted(settings.keys() - known - deeper)
        if unknown:
            raise SettingError(
                f"train() got {', '.join(unknown)}; accepted beside its arguments: "
                f"{', '.join(sorted(known))}; and of how blocks are trained: "
                f"{', '.join(sorted(deeper))}."
            )
        settings = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in settings.items()
        }
        own = {name: value for name, value in settings.items() if name in known}
        given = {name: value for name, value in settings.items() if name in deeper}
        training = own.get("training") or self.training
        if given and isinstance(training, Training):
            own["training"] = training.changed(**given)
        made = self.changed(**own)
        made._check_given(given)
        return made

    def changed(self, **settings: Any) -> Recipe:
        """Return one with the settings that are given and not None put in place of its own."""
        return replace(self, **{k: v for k, v in settings.items() if v is not None})

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, without what is left to its default of None."""
        values = {own.name: getattr(self, own.name) for own in fields(self)}
        values["training"] = self.training.to_dict(given_only=True) or None
        for name in LISTS:
            if values[name] is not None:
                values[name] = list(values[name])
        if self.class_descriptions is not None:
            values["class_descriptions"] = dict(self.class_descriptions)
        return {name: value for name, value in values.items() if value is not None}

    def to_toml(self) -> str:
        """Return the file's text."""
        return tomli_w.dumps(self.to_dict())

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Recipe:
        """Undo `to_dict`. Raises SettingError on a name or value that is not accepted."""
        known = [own.name for own in fields(Recipe)]
        unknown = [name for name in data if name not in known]
        if unknown:
            lower = [name for name in unknown if name in Training.__dataclass_fields__]
            place = f"Put {', '.join(lower)} below a line [training]." if lower else ""
            raise SettingError(
                f"The recipe has {', '.join(map(repr, unknown))}; accepted: {', '.join(known)}. "
                f"{place or 'Correct the name, or remove the line.'}"
            )
        values = dict(data)
        for name in LISTS:
            if name in values:
                listed = values[name]
                if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
                    _refuse(name, listed, "a list of names")
                values[name] = tuple(listed)
        if "training" in values:
            if not isinstance(values["training"], dict):
                _refuse("training", values["training"], "a [training] table")
            values["training"] = Training.from_dict(values["training"])
        made = Recipe(**values)
        made._check_given(data.get("training", {}))
        return made

    @staticmethod
    def read(path: str | Path) -> Recipe:
        """Read a recipe file; its paths begin at its folder, or else where they are read from.

        Raises SettingError where it is missing or not a recipe.
        """
        try:
            data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise SettingError(
                f"The recipe {str(path)!r} cannot be read: {error}. Give the recipe.toml that a "
                "training run wrote into its model folder, or one like it."
            ) from error
        return Recipe.from_dict(data).moved(Path(path).absolute().parent, Path.cwd())


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refuse(name: str, value: object, accepted: str) -> None:
    raise SettingError(f"{name} is {value!r}; accepted: {accepted}. Correct it in the recipe.")


def _not_used(name: str, value: object, message: str, strategies: str) -> None:
    raise SettingError(
        f"{name} is {value!r} with {message}, which does not use it; accepted with train = "
        f"{strategies}. Leave {name} out, or choose one of these."
    )
