"""Between a dataclass of this package and the wire values that Rust checks: annotations decide how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from enum import IntEnum, StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from custody.errors import Malformed

_BASE_UNITS: Final = "a decimal string on the wire"

Amount = Annotated[int, _BASE_UNITS]
"""Base units, from 0 to 2**128 - 1."""


@dataclass(frozen=True, slots=True)
class _Field:
    """How one field crosses: `read` takes a wire value, `write` gives one or refuses."""

    name: str
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


def read(cls: type[Any], values: tuple[Any, ...]) -> Any:
    """The dataclass made of a message's wire values, which Rust has checked."""
    return cls(*(field.read(value) for field, value in zip(_fields(cls), values, strict=True)))


def write(message: object) -> tuple[Any, ...]:
    """The wire values of a dataclass. Raises Malformed for a value of the wrong kind."""
    return tuple(_written(field, getattr(message, field.name)) for field in _fields(type(message)))


def _written(field: _Field, value: object) -> Any:
    try:
        return field.write(value)
    except TypeError as error:
        raise Malformed(field.name, str(error)) from None


_KNOWN: dict[type[Any], tuple[_Field, ...]] = {}


def _fields(cls: type[Any]) -> tuple[_Field, ...]:
    known = _KNOWN.get(cls)
    if known is None:
        hints = get_type_hints(cls, include_extras=True)
        known = _KNOWN[cls] = tuple(_field(field.name, hints[field.name]) for field in fields(cls))
    return known


def _field(name: str, hint: Any) -> _Field:
    if get_origin(hint) is UnionType or NoneType in get_args(hint):
        (inner,) = (_field(name, arm) for arm in get_args(hint) if arm is not NoneType)
        return _Field(
            name,
            lambda value: None if value is None else inner.read(value),
            lambda value: None if value is None else inner.write(value),
        )
    if get_origin(hint) is Annotated:
        return _Field(name, lambda value: 0 if value is None else int(value), _decimal)
    if get_origin(hint) is tuple:
        inner = _field(name, get_args(hint)[0])
        return _Field(
            name, lambda items: tuple(map(inner.read, items)), lambda items: tuple(map(inner.write, items))
        )
    if is_dataclass(hint) and isinstance(hint, type):
        return _Field(name, lambda values: read(hint, values), write)
    if issubclass(hint, IntEnum | StrEnum):
        return _Field(name, hint, lambda value: _exactly(hint, value).value)
    absent: Any = hint()
    return _Field(name, lambda value: absent if value is None else value, lambda value: _exactly(hint, value))


def _exactly(kind: type[Any], value: Any) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"must be {kind.__name__}, not {type(value).__name__}")
    return value


def _decimal(value: Any) -> str:
    if _exactly(int, value).bit_length() > 128:
        raise TypeError("must be below 2**128")
    return str(int(value))
