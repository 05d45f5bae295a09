"""All settings of a run as one value, and as a TOML file that makes the same run again.

What it does not know: what the settings do.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

import tomli_w

from topwork.errors import SettingError
from topwork.heads.settings import HeadSettings, parse_head

ClassWeight = Literal["none", "balanced"]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The settings of `train`.

    Attributes:
        data: the folder or table; None where the examples came from memory.
        input_column: the table's column of files or texts; None: found by the usual names.
        label_column: the same for labels.
        group_column: the same for groups (patient, speaker), which are never split.
        backbone: what to transfer from, with its options (`name?size=160&resize=squash`); None:
            the one that comes with Topwork for this kind of input.
        pools: how a block's output becomes numbers; None: chosen by the number of examples.
        head: `kernel`, `linear`, `nearest`, or `mlp:256,128`: hidden layers of so many units.
        dropout: of an `mlp`'s layers while it is trained; None: 0.2.
        label_smoothing: of its targets; None: 0.1.
        class_weight: `none`, or `balanced`: each class weighs the same, however many it has.
        num_folds: of the cross-validation, 2 or more.
        num_repeats: of the same; None: more where there are fewer examples.
        seed: of folds and samples, 0 or more.
        strict: stop at the first example that cannot be read, instead of passing over it.
    """

    data: str | None = None
    input_column: str | None = None
    label_column: str | None = None
    group_column: str | None = None
    backbone: str | None = None
    pools: tuple[str, ...] | None = None
    head: str = "kernel"
    dropout: float | None = None
    label_smoothing: float | None = None
    class_weight: ClassWeight = "none"
    num_folds: int = 5
    num_repeats: int | None = None
    seed: int = 0
    strict: bool = False

    def __post_init__(self) -> None:
        self.head_settings()  # raises where it is not accepted
        if self.class_weight not in ("none", "balanced"):
            _refuse("class_weight", self.class_weight, "'none' or 'balanced'")
        if not _whole(self.num_folds) or self.num_folds < 2:
            _refuse("num_folds", self.num_folds, "a whole number, 2 or more")
        if self.num_repeats is not None and not (_whole(self.num_repeats) and self.num_repeats > 0):
            _refuse("num_repeats", self.num_repeats, "a whole number, 1 or more")
        if not _whole(self.seed) or self.seed < 0:
            _refuse("seed", self.seed, "a whole number, 0 or more")
        for name in ("data", "input_column", "label_column", "group_column"):
            if not isinstance(getattr(self, name), str | None):
                _refuse(name, getattr(self, name), "text")
        if not isinstance(self.backbone, str | None):
            _refuse("backbone", self.backbone, "the name of a backbone")
        if not isinstance(self.strict, bool):
            _refuse("strict", self.strict, "true or false")

    def head_settings(self) -> HeadSettings:
        """Return what head is wanted."""
        return parse_head(self.head, dropout=self.dropout, label_smoothing=self.label_smoothing)

    def changed(self, **settings: Any) -> Recipe:
        """Return one with the settings that are given and not None put in place of its own."""
        return replace(self, **{k: v for k, v in settings.items() if v is not None})

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, without what is left to its default of None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        if self.pools is not None:
            values["pools"] = list(self.pools)
        return {name: value for name, value in values.items() if value is not None}

    def to_toml(self) -> str:
        """Return the file's text."""
        return tomli_w.dumps(self.to_dict())

    @staticmethod
    def from_dict(data: dict[str, Any]) -> Recipe:
        """Undo `to_dict`. Raises SettingError on a name or value that is not accepted."""
        known = [field.name for field in fields(Recipe)]
        unknown = [name for name in data if name not in known]
        if unknown:
            raise SettingError(
                f"The recipe has {', '.join(map(repr, unknown))}; accepted: {', '.join(known)}. "
                "Correct the name, or remove the line."
            )
        values = dict(data)
        if "pools" in values:
            pools = values["pools"]
            if not isinstance(pools, list) or not all(isinstance(pool, str) for pool in pools):
                _refuse("pools", pools, "a list of names")
            values["pools"] = tuple(pools)
        return Recipe(**values)

    @staticmethod
    def read(path: str | Path) -> Recipe:
        """Read a recipe file. Raises SettingError where it is missing or not a recipe."""
        try:
            data = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingError(
                f"The recipe {str(path)!r} cannot be read: {error}. Give the recipe.toml that a "
                "training run wrote into its model folder, or one like it."
            ) from error
        return Recipe.from_dict(data)


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refuse(name: str, value: object, accepted: str) -> None:
    raise SettingError(f"{name} is {value!r}; accepted: {accepted}. Correct it in the recipe.")
