"""Dataclasses as plain data, and back.

Plain data is what JSON can hold: dicts, lists, text, numbers, truths and None.
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from dataclasses import Field, fields, is_dataclass
from functools import cache
from typing import (
    Any,
    ClassVar,
    Literal,
    Self,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
)

T = TypeVar("T")

KEY = "key"
"""In a field's metadata: its name in plain data, where that is not its name in code."""


class Plain:
    """Gives a frozen dataclass `to_dict` and `from_dict`.

    `SHOWN` names properties that go out with the fields, to be read by people; coming back they are
    left aside, as all unknown names are.
    """

    SHOWN: ClassVar[tuple[str, ...]] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return cast("dict[str, Any]", to_plain(self))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Undo `to_dict`. Raises KeyError, TypeError or ValueError on other data."""
        return from_plain(cls, data)


def to_plain(value: Any) -> Any:
    """Return a value as plain data. Raises TypeError on one that has no such form.

    >>> from topwork.evaluation.intervals import Estimate
    >>> to_plain((Estimate(value=0.5, low=0.4, high=0.6), "a"))
    [{'value': 0.5, 'low': 0.4, 'high': 0.6}, 'a']
    """
    if is_dataclass(value) and not isinstance(value, type):
        plain = {_key(field): to_plain(getattr(value, field.name)) for field in fields(value)}
        shown = value.SHOWN if isinstance(value, Plain) else ()
        return plain | {name: to_plain(getattr(value, name)) for name in shown}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{type(value).__name__} has no plain form.")


def from_plain(kind: type[T], data: Any) -> T:
    """Return a value of this type from plain data: undo `to_plain`.

    Args:
        kind: a dataclass, or a type such as `tuple[float, ...]`, `str | None`, `Mapping[str, int]`.

    Raises:
        KeyError: a field without a default is missing.
        TypeError, ValueError: something is of another type than it should be.
    """
    return cast("T", _read(kind, data))


def _read(kind: Any, data: Any) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return data
    if origin in (Union, types.UnionType):
        return _read_union(arguments, data)
    if origin is Literal:
        if data not in arguments:
            raise ValueError(f"{data!r}; accepted: {', '.join(map(repr, arguments))}")
        return data
    if is_dataclass(kind):
        return _read_dataclass(kind, data)
    if origin is tuple:
        items = _sequence(data)
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_read(arguments[0], item) for item in items)
        return tuple(_read(one, item) for one, item in zip(arguments, items, strict=True))
    if origin in (list, Sequence):
        made = [_read(arguments[0], item) for item in _sequence(data)]
        return made if origin is list else tuple(made)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(data, Mapping):
            raise TypeError(f"{data!r} is no table of names and values")
        return {_read(arguments[0], key): _read(arguments[1], item) for key, item in data.items()}
    return _read_scalar(kind, data)


def _read_union(kinds: Sequence[Any], data: Any) -> Any:
    if data is None and type(None) in kinds:
        return None
    errors: list[Exception] = []
    for kind in kinds:
        if kind is not type(None):
            try:
                return _read(kind, data)
            except (KeyError, TypeError, ValueError) as error:
                errors.append(error)
    raise errors[0]


def _read_dataclass(kind: Any, data: Any) -> Any:
    if not isinstance(data, Mapping):
        raise TypeError(f"{data!r} is no table of names and values, for {kind.__name__}")
    hints = _hints(kind)
    given = {
        field.name: _read(hints[field.name], data[_key(field)])
        for field in fields(kind)
        if field.init and _key(field) in data
    }
    try:
        return kind(**given)
    except TypeError as error:
        missing = [_key(field) for field in fields(kind) if field.name not in given]
        raise KeyError(f"{kind.__name__} lacks one of {', '.join(missing)}") from error


def _read_scalar(kind: Any, data: Any) -> Any:
    accepted = (int, float) if kind is float else kind
    if not isinstance(data, accepted) or (isinstance(data, bool) and kind is not bool):
        raise TypeError(f"{data!r} is not of type {kind.__name__}")
    return float(data) if kind is float else data


def _sequence(data: Any) -> Sequence[Any]:
    if not isinstance(data, list | tuple):
        raise TypeError(f"{data!r} is no list")
    return data


def _key(field: Field[Any]) -> str:
    return str(field.metadata.get(KEY, field.name))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)
