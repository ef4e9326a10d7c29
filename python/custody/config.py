"""Reads a program's TOML file into its dataclass: unknown keys, missing settings and wrong types are refused by path.

Secrets are given by reference (`env:NAME`, `file:PATH`) and read when they are used; they never print.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from custody.errors import ConfigError

__all__ = ["Secret", "load", "parse"]

T = TypeVar("T")

_LARGEST_FILE_BYTES = 1 << 20
_LARGEST_SECRET_BYTES = 64 << 10


class Secret:
    """A secret by reference: `env:NAME` or `file:PATH`, a relative path being beside the configuration file."""

    __slots__ = ("_base", "_reference")

    def __init__(self, reference: str, base: Path | None = None) -> None:
        """Raises `ConfigError` for anything but a reference, without showing it: it may be the secret itself."""
        kind, _, name = reference.partition(":")
        if kind not in ("env", "file") or not name:
            raise ConfigError("", "a secret is given by reference: env:NAME or file:PATH")
        self._reference = reference
        self._base = base or Path()

    def read(self) -> str:
        """The secret now, without a final line break. Raises `ConfigError` when it is not there or empty."""
        kind, _, name = self._reference.partition(":")
        if kind == "env":
            value = os.environ.get(name, "")
        else:
            try:
                value = (self._base / name).read_bytes()[:_LARGEST_SECRET_BYTES].decode()
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "is not text"
                raise ConfigError("", f"{self._reference}: {why}") from None
        value = value.rstrip("\r\n")
        if not value:
            raise ConfigError("", f"{self._reference} is empty")
        return value

    def __repr__(self) -> str:
        return f"Secret({self._reference!r})"


def load(path: Path, kind: type[T]) -> T:
    """Read a TOML file. Raises `ConfigError` whose `field` is the key's path, like `signers[0].address`."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(str(path), f"cannot be read: {error.strerror}") from None
    if len(raw) > _LARGEST_FILE_BYTES:
        raise ConfigError(str(path), "is larger than 1 MiB")
    try:
        table = tomllib.loads(raw.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(str(path), f"is not TOML: {error}") from None
    return parse(table, kind, path.parent)


def parse(table: Mapping[str, Any], kind: type[T], base: Path) -> T:
    """Read a table; relative paths in it are beside `base`."""
    built: T = _dataclass(table, kind, "", base)
    return built


def _dataclass(table: object, kind: Any, at: str, base: Path) -> Any:
    if not isinstance(table, Mapping):
        raise ConfigError(at, "must be a table")
    hints = typing.get_type_hints(kind)
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in table:
        if key not in fields:
            near = ", ".join(sorted(fields))
            raise ConfigError(_join(at, key), f"is not a setting; known here: {near}")
    values = {}
    for name, field in fields.items():
        if name in table:
            values[name] = _value(table[name], hints[name], _join(at, name), base)
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(_join(at, name), "is missing")
    try:
        return kind(**values)
    except ConfigError as error:  # __post_init__ names fields of its own
        raise ConfigError(_join(at, error.field), error.reason) from None


def _value(value: Any, hint: Any, at: str, base: Path) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return _value(value, next(a for a in arguments if a is not types.NoneType), at, base)
    if origin is typing.Literal:
        if value not in arguments:
            raise ConfigError(at, f"must be one of {', '.join(map(str, arguments))}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise ConfigError(at, "must be a list")
        return tuple(_value(item, arguments[0], f"{at}[{i}]", base) for i, item in enumerate(value))
    if dataclasses.is_dataclass(hint):
        return _dataclass(value, hint, at, base)
    if hint in (Path, Secret, str):
        if not isinstance(value, str) or not value:
            raise ConfigError(at, "must be text, not empty")
        if hint is str:
            return value
        if hint is Path:
            return base / value
        try:
            return Secret(value, base)
        except ConfigError as error:
            raise ConfigError(at, error.reason) from None
    if hint is bytes:
        if not isinstance(value, str) or re.fullmatch("([0-9a-f]{2})+", value) is None:
            raise ConfigError(at, "must be lower-case hex")
        return bytes.fromhex(value)
    if hint in (bool, int):
        if type(value) is not hint:
            raise ConfigError(at, "must be true or false" if hint is bool else "must be a whole number")
        return value
    raise TypeError(f"{at}: no configuration is read as {hint}")


def _join(at: str, name: str) -> str:
    if not at or not name or name.startswith("["):
        return at + name
    return f"{at}.{name}"
