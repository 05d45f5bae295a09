"""Windows brought up to the cut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, final

import numpy as np

from topwork.backbones.base import Backbone
from topwork.backbones.cut import until
from topwork.core.shapes import Shaped
from topwork.examples.example import Modality
from topwork.examples.windows import Window
from topwork.executors.base import WHOLE, Executor
from topwork.executors.block_shapes import blank_window
from topwork.executors.choose import open_executor, precision_of, resolve_device
from topwork.features.ragged import RaggedShard, read_ragged

FORMAT = 1
"""Raise it when the numbers or how they lie change: also when examples/views.py draws otherwise."""

RUN_BYTES, RUN_WINDOWS = 64 * 2**20, 64
"""Of outputs of many lengths: an executor may hold a run's until equal lengths are computed."""

LARGEST = float(np.finfo(np.float16).max)

DECODED: dict[Modality, str] = {
    "image": "uint8",
    "sound": "float32",
    "text": "int64",
    "array": "float32",
}
"""The type of a decoded window."""


@final
class ActivationCut:
    """Where the cut is, and what brings windows there: opened only where there is some to bring.

    Attributes:
        name: for people: the backbone and the block.
        dtype: of what is saved.
        settings: all that decides it but the example and the view.
    """

    def __init__(self, backbone: Backbone, block: str | None, device: str) -> None:
        """Take the block that is the last one before the cut; None: it is before the first."""
        self._input = backbone.input
        self._executor: Executor | None = None
        self._backbone = None if block is None else until(backbone, block)
        self.name = f"inputs of {backbone.name}"
        self.dtype = DECODED[backbone.modality]
        self.settings: dict[str, Any] = {
            "activations": FORMAT,
            "backbone": None,
            "input": backbone.input.settings(),
        }
        if self._backbone is not None:
            self._device = resolve_device(device)
            self.name, self.dtype = self._backbone.name, "float16"
            self.settings["backbone"] = self._backbone.digest
            self.settings["precision"] = precision_of(self._device, self._backbone)

    def read(self, path: Path) -> RaggedShard:
        """Read a shard of what was saved here. Raises DamagedShardError."""
        return read_ragged(path, self.dtype)

    def run(
        self, windows: Iterable[Shaped[np.ndarray, "..."]]
    ) -> Iterator[Shaped[np.ndarray, "..."]]:
        """Yield what is saved of each window."""
        if self._backbone is None:
            yield from windows
            return
        source = iter(windows)
        while (first := next(source, None)) is not None:  # not opened where there is none
            if self._executor is None:
                self._executor = open_executor(self._backbone, pools=(WHOLE,), device=self._device)
            run = chain([first], self._some(source, self._executor))
            yield from map(to_half, self._executor.run(run))

    def _some(self, source: Iterator[Window], executor: Executor) -> Iterator[Window]:
        """Yield windows until their outputs are large enough together for one run."""
        if self._input.modality in ("image", "array"):  # all of one shape: none waits for another
            yield from source
            return
        bytes_a_place = 4 * executor.width / len(blank_window(self._input))
        num_windows, num_places = 0, 0
        for window in source:
            yield window
            num_windows, num_places = num_windows + 1, num_places + len(window)
            if num_windows >= RUN_WINDOWS and num_places * bytes_a_place >= RUN_BYTES:
                return


def to_half(row: Shaped[np.ndarray, "..."]) -> Shaped[np.ndarray, "..."]:
    """Return the numbers in float16, clipped at what it can hold; all NaN where one is none."""
    if not np.isfinite(row).all():
        return np.full(row.shape, np.nan, np.float16)
    half: np.ndarray = np.clip(row, -LARGEST, LARGEST).astype(np.float16, order="C")
    return half
