"""Brings an array, in memory or in a file, to the form that a backbone takes.

What it does not know: tables, and what the numbers mean.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from topwork.examples.array_input import ArrayInput


def decode_array(content: object, spec: ArrayInput) -> npt.NDArray[np.float32]:
    """Return the array as float32 of the input's shape. Raises ExampleError where it cannot be."""
    raise NotImplementedError
