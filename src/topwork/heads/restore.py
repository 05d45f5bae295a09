"""Heads from their saved settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from topwork.core.shapes import Shaped
from topwork.heads.base import Head
from topwork.heads.dense import DenseHead
from topwork.heads.kernel_head import KernelHead


def restore_head(
    settings: Mapping[str, Any], tensors: Mapping[str, Shaped[np.ndarray, "..."]]
) -> Head:
    """Return the head. Raises KeyError, ValueError or TypeError on what cannot be one."""
    # heads of before there were several do not say their kind
    kind = settings["kind"] if "kind" in settings else "kernel"  # noqa: SIM401
    if kind == "kernel":
        return KernelHead.restore(settings, tensors)
    if kind == "dense":
        return DenseHead.restore(settings, tensors)
    raise ValueError(f"the head is of the kind {kind!r}; known: kernel, dense")
