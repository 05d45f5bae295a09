"""Inputs and labels as scikit-learn's users give them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image
from sklearn.exceptions import DataConversionWarning

from topwork.core.shapes import Shaped
from topwork.errors import SettingError
from topwork.examples.sounds.sound import Sound, SoundFile
from topwork.examples.tables.values import plain_text

if TYPE_CHECKING:
    from sklearn.utils import Tags

_ONE = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image, Sound, SoundFile, dict)
_WHERE_TO = "Give a list of inputs, if only of one"


def as_inputs(X: object) -> list[Any]:
    """Return the inputs one by one. Raises SettingError where it is one alone, or a table."""
    if hasattr(X, "toarray"):
        raise SettingError("X is a sparse matrix or array; accepted: a dense one: X.toarray().")
    if isinstance(X, _ONE):
        what = " Iterable over raw text documents expected, string object received."
        raise SettingError(
            f"X is one {type(X).__name__}.{what if isinstance(X, str) else ''} {_WHERE_TO}: [X]."
        )
    if hasattr(X, "__array__") and not isinstance(X, np.ndarray):
        X = np.asarray(X)
    if not isinstance(X, np.ndarray):
        try:
            return list(X)  # type: ignore[call-overload, no-any-return]
        except TypeError as error:
            raise SettingError(f"X is a {type(X).__name__}. {_WHERE_TO}.") from error
    if X.dtype.kind == "c":
        raise SettingError("Complex data not supported: X is complex; accepted: real numbers.")
    if X.ndim == 0:
        raise SettingError(f"X is one {X.dtype}. {_WHERE_TO}.")
    if X.dtype.kind == "f" and not np.isfinite(X).all():
        raise SettingError("Input X contains NaN or infinity; accepted: numbers. Fill them in.")
    if X.ndim == 1 and X.dtype.kind in "biuf":
        raise SettingError(
            f"Expected an input in each row, got {len(X)} numbers instead. Reshape your data: "
            "X.reshape(1, -1) is one row of numbers."
        )
    if X.ndim == 2 and not X.shape[1]:
        raise SettingError(f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 "
                           "is required: X has no columns.")  # fmt: skip
    if X.dtype.kind not in "OUST" or X.ndim == 1:
        return list(X)
    if X.shape[1:] != (1,):
        try:
            return list(X.astype(np.float64))  # of a table of numbers
        except (TypeError, ValueError):
            pass
        raise SettingError(
            f"X is of shape {X.shape}, of {X.dtype}; accepted: one column of inputs. Choose it: "
            "X['text']."
        )
    return list(X[:, 0])


def num_features(inputs: Sequence[object]) -> int | None:
    """The length of rows of numbers; None where the inputs are none."""
    first = inputs[0] if inputs else None
    return len(first) if isinstance(first, np.ndarray) and first.ndim == 1 else None


def say_inputs(tags: Tags, *, arrays: bool) -> Tags:
    """Say to scikit-learn whether `X` is rows of numbers, or a list of inputs; return its tags."""
    tags.input_tags.two_d_array = arrays
    tags.input_tags.three_d_array = not arrays
    tags.input_tags.one_d_array = tags.input_tags.string = not arrays
    return tags


def as_labels(y: object) -> Shaped[np.ndarray, " n"]:
    """Return one label for each input. Raises SettingError where some are missing, or no classes.

    As scikit-learn's `column_or_1d` does, a column [n, 1] is taken, with a warning.
    """
    if y is None:
        raise SettingError(
            "TransferClassifier requires y to be passed, but the target y is None. Give a label "
            "for each input."
        )
    listed = hasattr(y, "__len__") or hasattr(y, "__array__")
    if isinstance(y, str | bytes) or hasattr(y, "toarray") or not listed:
        raise SettingError(f"y is one {type(y).__name__}; accepted: a label for each input.")
    # Of a list, NumPy would make the text "nan" of a NaN.
    labels: npt.NDArray[Any] = np.asarray(y if hasattr(y, "__array__") else _objects(y))
    if labels.ndim == 2 and labels.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape "
            "of y to (n_samples,), for example using ravel().",
            DataConversionWarning,
            stacklevel=3,
        )
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise SettingError(
            f"y should be a 1d array, and is of shape {labels.shape}; accepted: one label for "
            "each input. Of columns of 0 and 1, give the place of the 1: y.argmax(1)."
        )
    _check_there(labels)
    if labels.dtype.kind == "O":
        kinds = {_kind(label) for label in labels}
        if len(kinds) > 1:
            raise SettingError(
                f"y mixes {' and '.join(sorted(kinds))}; accepted: labels of one type. Make them "
                "text: [str(label) for label in y]."
            )
        if kinds & {"text", "numbers"}:
            labels = np.asarray(labels.tolist())
    _check_classes(labels)
    return labels


def _objects(values: Any) -> npt.NDArray[Any]:
    return np.array(list(values), dtype=object)


def _check_classes(labels: npt.NDArray[Any]) -> None:
    """Raise SettingError where numbers are no classes."""
    if labels.dtype.kind == "c":
        raise SettingError("Complex data not supported: y is complex; accepted: classes.")
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise SettingError(
            f"Input y contains infinity or a value too large for {labels.dtype!r}. Accepted: "
            "classes, as text or whole numbers."
        )
    if labels.dtype.kind == "f" and not (labels == np.floor(labels)).all():
        place = int(np.flatnonzero(labels != np.floor(labels))[0])
        raise SettingError(
            f"Unknown label type: continuous. y[{place}] is {labels[place]}; accepted: classes, "
            "as text or whole numbers. Cut a quantity into a few: numpy.digitize(y, edges)."
        )


def _check_there(labels: npt.NDArray[Any]) -> None:
    missing = [place for place, label in enumerate(labels) if _is_missing(label)]
    if missing:
        raise SettingError(
            f"Input y contains NaN. {len(missing)} of {len(labels)} labels are missing (the first: "
            f"y[{missing[0]}] is {labels[missing[0]]!r}). Leave these examples out."
        )


def _is_missing(label: object) -> bool:
    """Whether it is none: NaN, None, NaT, pandas' NA, blank, or the text NumPy makes of one."""
    if isinstance(label, str):
        return str(label).strip().lower() in ("", "nan")
    try:
        return label is None or bool(label != label)
    except (TypeError, ValueError):  # pandas' NA says neither yes nor no
        return not isinstance(label, np.ndarray | list | tuple)


def _kind(label: object) -> str:
    if isinstance(label, str):
        return "text"
    return (
        "numbers"
        if isinstance(label, complex | float | int | np.number | np.bool)
        else str(type(label))
    )


def classes_of(
    labels: Shaped[np.ndarray, " n"],
) -> tuple[Shaped[np.ndarray, " k"], list[int]]:
    """Return the classes, sorted, and the place of each label among them."""
    try:
        classes, codes = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise SettingError(
            f"y holds what has no order ({error}); accepted: text, numbers or truths."
        ) from error
    return classes, codes.tolist()


def class_names(classes: Shaped[np.ndarray, " k"]) -> list[str]:
    """What the model calls the classes: as elsewhere, if that tells them apart; else numbers."""
    try:
        names = [plain_text(one) or "" for one in classes.tolist()]
    except TypeError:
        names = []
    apart = len(set(names)) == len(classes)
    return names if apart else [f"class {place}" for place in range(len(classes))]
