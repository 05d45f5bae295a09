"""Preprocessing of arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from topwork.core.shapes import Shaped
from topwork.errors import SettingError


@dataclass(frozen=True, kw_only=True)
class ArrayInput:
    """The form of the arrays that a backbone takes: float32 of one shape.

    Attributes:
        shape: of one example, without the batch: (3, 128) is 3 channels of 128 samples.

    >>> import topwork
    >>> topwork.ArrayInput(shape=(3, 128)).modality
    'array'
    """

    modality: ClassVar[Literal["array"]] = "array"

    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        """Raise SettingError where it is not a shape."""
        good = isinstance(self.shape, tuple) and self.shape != ()
        if not good or not all(
            isinstance(n, int) and not isinstance(n, bool) and n > 0 for n in self.shape
        ):
            raise SettingError(
                f"The array input's shape: got {self.shape!r}; accepted: a tuple of whole numbers "
                "above 0, without the batch, such as (3, 128)."
            )

    def settings(self) -> dict[str, Any]:
        """The same as plain data, for digests and JSON."""
        return {"modality": self.modality, "shape": list(self.shape)}

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> ArrayInput:
        """Read what `settings` gave. Raises SettingError on anything else."""
        shape = settings.get("shape")
        if set(settings) - {"modality"} != {"shape"} or not isinstance(shape, list | tuple):
            raise SettingError(
                f"The array input's settings are {dict(settings)!r}; accepted: shape."
            )
        return cls(shape=tuple(shape))

    def weight(self, window: Shaped[np.ndarray, "..."]) -> float:
        """How much a window counts; an array is one."""
        return 1.0
