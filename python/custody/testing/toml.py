"""Writes the TOML that a stack's files need: tables, lists of tables, strings, whole numbers, true and false."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["write_toml"]


def write_toml(document: Mapping[str, Any]) -> str:
    """TOML of nested dicts and lists; a top-level list of tables becomes `[[table]]`s."""
    plain: list[str] = []
    lines: list[str] = []
    for name, value in document.items():
        if isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            for item in value:
                lines += [f"[[{name}]]", *_pairs(item), ""]
        elif isinstance(value, Mapping):
            lines += [f"[{name}]", *_pairs(value), ""]
        else:
            plain.append(f"{_key(name)} = {_inline(value)}")
    return "\n".join([*plain, *([""] if plain else []), *lines])


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_inline(value)}" for key, value in table.items()]


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_pairs(value)) + " }"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else json.dumps(str(value), ensure_ascii=True)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name, re.ASCII) else json.dumps(name, ensure_ascii=True)
