"""Array types that give their shape.

`Float64[np.ndarray, "n k"]` is a float64 array of n rows and k columns; `...` stands for any shape,
`_` for any length. The types are those of jaxtyping, which type checkers and tests read; at
run time they are plain arrays, so that nothing is imported for them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

CHECK_VARIABLE = "TOPWORK_CHECK_SHAPES"
"""In the environment: have jaxtyping's own types, to be checked at every call."""

if TYPE_CHECKING or os.environ.get(CHECK_VARIABLE):
    from jaxtyping import Bool, Float, Float32, Float64, Int, Shaped, UInt8
else:

    class _Unchecked:
        def __class_getitem__(cls, item: tuple[Any, str]) -> Any:
            return item[0]

    Bool = Float = Float32 = Float64 = Int = Shaped = UInt8 = _Unchecked

Indices = npt.NDArray[np.intp]
Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]

__all__ = ["Bool", "Float", "Float32", "Float64", "Int", "Shaped", "UInt8"]  # pass on
