"""Text from elsewhere made harmless for a terminal: what is shown is exactly what is there, or visibly escaped."""

from __future__ import annotations

import unicodedata

__all__ = ["grouped", "shown"]

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Mn", "Mc", "Me"})
"""Categories that move the cursor, reorder, join, hide or paint over their neighbours."""


def shown(text: str) -> str:
    r"""The text with everything escaped that is no visible character of its own: `\u{202e}`.

    A backslash becomes two, so different texts stay different; letters, digits and signs of ASCII stay as they are.
    """
    return "".join(map(_shown, text))


def _shown(char: str) -> str:
    if char == "\\":
        return "\\\\"
    if " " <= char <= "~":
        return char
    category = unicodedata.category(char)
    if ord(char) < 0xA0 or category in _HIDDEN or category == "Zs":
        return f"\\u{{{ord(char):x}}}"
    return char


def grouped(address: str) -> str:
    """An address in groups of four, for reading aloud: `0x1234 5678 …`; the groups joined are the address."""
    text = shown(address)
    head, rest = ("0x", text[2:]) if text.startswith("0x") else ("", text)
    return head + " ".join(rest[start : start + 4] for start in range(0, len(rest), 4))
