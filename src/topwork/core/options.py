"""How a run is carried out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import final


@final
@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What moves a run's time and traces, but not its result.

    Attributes:
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`, `openvino` or `torch`.
        resume: take what an earlier run of the same has kept; without it, all is done anew.
        log: folder for TensorBoard, where networks are trained; None: no log.
        strict: stop at an example that cannot be read, and at what looks like a mistake.
    """

    device: str = "auto"
    resume: bool = True
    log: Path | None = None
    strict: bool = False

    def logged_in(self, name: str) -> RunOptions:
        """Return the same with the log in a folder of its own."""
        return self if self.log is None else replace(self, log=self.log / name)
