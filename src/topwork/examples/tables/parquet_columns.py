"""Columns of Parquet tables: types, sizes, values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from topwork.core.memory import available_bytes
from topwork.errors import SourceError
from topwork.examples.example import Modality
from topwork.examples.kinds import PREFIX_BYTES, sniff
from topwork.examples.tables.columns import Stored
from topwork.examples.unfolding import check_unfolded_bytes

ROW_BYTES = 500
"""What a row takes in memory as an example, beside what it holds."""

_WIDTHS = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8}
_BATCH_ROWS, _BATCH_BYTES = 64, 2**28  # of images: some tens of MB at most
_PEEK_ROWS = 32


def stored_kinds(
    file: Any, features: Mapping[str, Mapping[str, Any]], meant: Modality | None
) -> dict[str, Stored]:
    """Return what each column of an open table holds.

    Texts that were stored without saying so (by Impala, by old Spark) are told by what they hold,
    unless images or sounds are meant or declared.
    """
    kinds: dict[str, Stored] = {}
    for field in file.schema_arrow:
        kind = stored_kind(field.type)
        declared = features.get(field.name, {}).get("_type") in ("Image", "Audio")
        may_be_text = kind == "bytes" and meant not in ("image", "sound") and not declared
        kinds[field.name] = "text" if may_be_text and _holds_texts(file, field.name) else kind
    return kinds


def may_be_label(file: Any, name: str) -> bool:
    """Whether a column holds single values: text, whole numbers, truths, days."""
    import pyarrow as pa

    kind = file.schema_arrow.field(name).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(not pa.types.is_nested(kind) and not _is_binary(kind))


def check_unfolded(
    file: Any,
    columns: Sequence[str],
    origin: str,
    *,
    stored_bytes: int,
    by_groups: Sequence[str] = (),
) -> None:
    """Raise SourceError where columns of an open table would take more memory than there is.

    By what the file says of itself, before anything is read: a kilobyte can hold a billion equal
    rows. Equal texts are kept once, and of the columns `by_groups` one group of rows at a time.
    """
    metadata, wanted = file.metadata, set(columns)
    need, groups = metadata.num_rows * ROW_BYTES, [0]
    for group in range(metadata.num_row_groups):
        groups.append(0)
        for place in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(place)
            names = {chunk.path_in_schema, chunk.path_in_schema.split(".")[0]}
            size = unfolded_bytes(chunk, metadata.schema.column(place).length)
            need += 0 if names.isdisjoint(wanted) else size
            groups[-1] += 0 if names.isdisjoint(by_groups) else size
    refuse_too_large(need + max(groups), metadata.num_rows, origin, stored_bytes)


def unfolded_bytes(chunk: Any, length: int) -> int:
    """How much memory a part of a column takes; `length` of its values, where that is fixed."""
    width = length if chunk.physical_type == "FIXED_LEN_BYTE_ARRAY" else None
    width = _WIDTHS.get(chunk.physical_type, width)
    if width is None:
        return int(chunk.total_uncompressed_size + 4 * chunk.num_values)
    return int(width * chunk.num_values)


def refuse_too_large(need: int, num_rows: int, origin: str, stored_bytes: int) -> None:
    """Raise SourceError where so many bytes are more than are free, or than its rows can mean."""
    what = f"{origin}: its {num_rows:,} rows unfold"
    check_unfolded_bytes(need, stored_bytes, what, "Cut it into several tables")


def batch_rows(file: Any, column: str) -> int:
    """How many rows of a column to read at a time, so that they fit into memory in any case."""
    metadata, largest = file.metadata, 1
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(place)
            if chunk.path_in_schema.split(".")[0] == column:
                largest = max(largest, chunk.total_uncompressed_size)
    # Each row may hold the same value, as large as the whole dictionary.
    room = min(available_bytes() or _BATCH_BYTES, _BATCH_BYTES)
    return max(1, min(_BATCH_ROWS, room // (4 * largest)))


def read_values(
    path: Any, columns: Sequence[str], origin: str, *, texts: Sequence[str] = ()
) -> dict[str, Sequence[object]]:
    """Return the values of columns, each equal text once; those of `texts` as str.

    Raises SourceError where a text is not UTF-8.
    """
    import pyarrow.parquet as pq

    names = list(dict.fromkeys(columns))
    schema = pq.read_metadata(path).schema
    flat = {schema.column(place).path for place in range(len(schema.names))}
    with pq.ParquetFile(path, read_dictionary=[name for name in names if name in flat]) as file:
        table = file.read(columns=names)
    return {name: column_values(table.column(name), name, origin, name in texts) for name in names}


def column_values(column: Any, name: str, origin: str, is_text: bool) -> list[object]:
    """Return the values of a column in memory, each equal text once. Raises as `read_values`."""
    import pyarrow as pa

    values: list[object] = []
    for chunk in column.chunks:
        if not pa.types.is_dictionary(chunk.type):
            if pa.types.is_timestamp(chunk.type):  # Python knows no nanoseconds
                chunk = chunk.cast(pa.timestamp("us", chunk.type.tz), safe=False)
            values += chunk.to_pylist()
            continue
        places = chunk.indices.to_pylist()
        different = list(_different(chunk.dictionary, is_text))
        for place, value in enumerate(different):
            if isinstance(value, UnicodeDecodeError):
                if place not in places:
                    continue
                row = len(values) + places.index(place)
                raise SourceError(
                    f"{origin}: its column {name!r} holds text that is not UTF-8, first in row "
                    f"{row:,} (0x{value.object[value.start]:02X} at byte {value.start:,}). Write "
                    "the table again from text that was decoded with its encoding."
                ) from value
        values += [None if place is None else different[place] for place in places]
    return values


def _different(dictionary: Any, is_text: bool) -> Iterator[object]:
    """The values of a dictionary; in place of a text that is not UTF-8, the error."""
    import pyarrow as pa

    if _is_text(dictionary.type):
        dictionary, is_text = dictionary.cast(pa.large_binary()), True
    for value in dictionary.to_pylist():
        try:
            yield value.decode("utf-8") if is_text and isinstance(value, bytes) else value
        except UnicodeDecodeError as error:
            yield error


def stored_kind(kind: Any) -> Stored:
    """Return what a column of this type holds."""
    import pyarrow as pa

    types = pa.types
    if types.is_struct(kind):
        place = kind.get_field_index("bytes")
        # A column of bytes that are all null has no type of its own.
        inner = kind.field(place).type if place >= 0 else None
        return "media" if inner and (_is_binary(inner) or types.is_null(inner)) else "other"
    if _is_binary(kind):
        return "bytes"
    if _is_text(kind):
        return "text"
    if types.is_dictionary(kind):
        return "text" if stored_kind(kind.value_type) == "text" else "other"
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        inner = kind.value_type
        number = types.is_integer(inner) or types.is_floating(inner) or types.is_boolean(inner)
        return "array" if number or stored_kind(inner) == "array" else "other"
    return "other"


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    plain = types.is_binary(kind) or types.is_large_binary(kind)
    return bool(plain or types.is_binary_view(kind) or types.is_fixed_size_binary(kind))


def _holds_texts(file: Any, name: str) -> bool:
    """Whether the first of a column's bytes are texts."""
    rows = min(_PEEK_ROWS, batch_rows(file, name))
    batch = next(file.iter_batches(batch_size=rows, columns=[name]), None)
    values = [value for value in (batch.column(0).to_pylist() if batch else ()) if value]
    return bool(values) and all(map(_is_plain_text, values))


def _is_plain_text(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return sniff(value[:PREFIX_BYTES]) == "text"
