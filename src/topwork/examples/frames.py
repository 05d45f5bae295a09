"""Tables in memory, from what users hold.

What it does not know: pandas, polars and datasets, none of which it imports. Each is told by what
it can do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, final

from topwork.errors import DataError, SettingError
from topwork.examples.tables.arrow import ColumnPart, arrow_frame
from topwork.examples.tables.cells import ArrowCells, CellColumn, ObjectCells
from topwork.examples.tables.frame import Frame

_ARROW_OF_PANDAS = "[pyarrow]"

_WAYS = {
    "DatasetDict": "a dictionary of several data sets. Give one of them: data['train']",
    "IterableDataset": (
        "a data set that is streamed. Load it: datasets.Dataset.from_list(list(data))"
    ),
    "LazyFrame": "not collected yet. Give data.collect()",
    "Series": "one column. Give the table, or its inputs with labels: list(inputs), list(labels)",
}
_OF_TENSORFLOW = "Make lists of it: inputs, labels = zip(*data.as_numpy_iterator())"
_OF_PAIRS = "Make lists of its pairs: inputs, labels = zip(*data)"


def is_frame(data: object) -> bool:
    """Whether this is a table in memory, as `frame_of` reads it."""
    if isinstance(data, str | bytes | Mapping | list | tuple) or type(data).__name__ in _WAYS:
        return False
    return _is_pandas(data) or _is_dataset(data) or _is_polars(data) or _is_arrow(data)


def frame_of(data: Any) -> Frame:
    """Return the table that a DataFrame, a `datasets.Dataset` or an Arrow table is.

    Raises DataError where two of its columns have one name.
    """
    name = type(data).__name__
    if _is_pandas(data):
        names = [str(one) for one in data.columns]
        _check_names(name, names)
        columns = {one: _of_pandas(data.iloc[:, place]) for place, one in enumerate(names)}
        return Frame(name=name, columns=columns, num_rows=len(data))
    if _is_dataset(data):
        return _of_dataset(data, name)
    if _is_polars(data):
        columns = {one: _of_polars(data.get_column(one)) for one in data.columns}
        return Frame(name=name, columns=columns, num_rows=len(data))
    import pyarrow as pa

    table = pa.table(data)
    _check_names(name, table.column_names)
    return arrow_frame(table, name)


def refuse_object(data: object, call: str | None = None) -> None:
    """Raise SettingError where this is a collection that is not read, with what makes it one.

    Args:
        data: neither a path nor a table, and without labels.
        call: how labels are given: `train(inputs, labels)`; None where none are wanted: what can be
            gone through is then read.
    """
    kind, name = type(data), type(data).__name__
    if call is None and (name == "Series" or isinstance(data, Iterator) or kind is dict):
        return
    call = call or "predict(list(inputs))"
    home = kind.__module__.split(".")[0]
    way = _WAYS.get(name)
    if way is None and home == "tensorflow":
        way = f"a data set of TensorFlow. {_OF_TENSORFLOW}; {call}"
    elif way is None and any(one.__module__.startswith("torch.utils.data") for one in kind.__mro__):
        way = f"a data set of torch. {_OF_PAIRS}; {call}"
    elif way is None and isinstance(data, Mapping):
        way = f"a dictionary. Make a table of it, pandas.DataFrame(data), or give its lists: {call}"
    elif way is None and isinstance(data, Iterator):
        way = f"read once only. {_OF_PAIRS}; {call}"
    if way is not None:
        raise SettingError(
            f"The data is a {name}, {way}. Accepted: the path of a folder or table; a DataFrame of "
            f"pandas or polars; a datasets.Dataset; or a list of inputs with their labels, {call}."
        )


def _is_pandas(data: Any) -> bool:
    return all(hasattr(data, name) for name in ("iloc", "columns", "dtypes"))


def _is_polars(data: Any) -> bool:
    return all(hasattr(data, name) for name in ("get_column", "columns", "schema"))


def _is_dataset(data: Any) -> bool:
    there = all(hasattr(data, name) for name in ("features", "column_names", "__getitem__"))
    return there and hasattr(data, "__len__")


def _is_arrow(data: Any) -> bool:
    """An Arrow table, or a table of another library that can be one."""
    has_columns = hasattr(data, "column_names") or hasattr(data, "columns")
    return has_columns and hasattr(data, "__arrow_c_stream__")


def _check_names(name: str, names: Sequence[str]) -> None:
    twice = next((one for place, one in enumerate(names) if one in names[:place]), None)
    if twice is not None:
        raise DataError(
            f"The {name} has two columns named {twice!r}; accepted: a name for each. Rename one."
        )


def _of_pandas(series: Any) -> CellColumn:
    if str(series.dtype).endswith(_ARROW_OF_PANDAS):
        return _of_arrow(series.array.__arrow_array__())
    missing = series.isna().tolist()
    values = series.tolist()
    return ObjectCells([None if gone else one for one, gone in zip(values, missing, strict=True)])


def _of_polars(series: Any) -> CellColumn:
    if "Object" in str(series.dtype):  # of Python's own, which Arrow does not know
        return ObjectCells(series.to_list())
    return _of_arrow(series.to_arrow())


def _of_arrow(column: Any) -> CellColumn:
    return ArrowCells(ColumnPart(column), len(column))


def _of_dataset(data: Any, name: str) -> Frame:
    features = {
        column: {"_type": type(one).__name__, "names": getattr(one, "names", None)}
        for column, one in (data.features or {}).items()
    }
    names, num_rows = list(data.column_names), len(data)
    own_transform = (getattr(data, "format", None) or {}).get("type") == "custom"
    columns: dict[str, CellColumn] = {}
    if hasattr(data, "with_format") and not own_transform:
        # As they are stored: nothing is decoded that is not wanted, and codes are not names yet.
        stored = data.with_format("arrow")
        columns = {
            column: ArrowCells(_RowsOf(stored.select_columns([column]), column), num_rows)
            for column in names
        }
    else:
        names = list(data[0]) if num_rows else names
        by_row = {column: _CellsByRow(data, column) for column in names}
        columns = {column: ObjectCells(one, one.__getitem__) for column, one in by_row.items()}
    return Frame(name=name, columns=columns, num_rows=num_rows, features=features)


@final
class _RowsOf:
    """Gives a part of a column of a data set that answers in Arrow."""

    def __init__(self, data: Any, column: str) -> None:
        self._data = data
        self._column = column

    def __call__(self, start: int, stop: int) -> Any:
        return self._data[start:stop].column(self._column)


@final
class _CellsByRow(Sequence[object]):
    """A column of a data set that gives rows one by one."""

    def __init__(self, data: Any, column: str) -> None:
        self._data = data
        self._column = column

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, number: Any) -> Any:
        return self._data[int(number)][self._column]
