"""Who calls: one SPIFFE name in a verified certificate gives role and id; anything else is nobody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from custody.errors import CustodyError

__all__ = ["ROLES", "Forbidden", "Methods", "Principal", "Unauthenticated", "check", "principal_of"]

ROLES = ("initiator", "operator", "auditor", "server", "signer")

Methods = Mapping[str, frozenset[str]]
"""Full method name → roles that may call it. What is not in it nobody may call."""

_SPIFFE = re.compile(rf"spiffe://custody/({'|'.join(ROLES)})/([a-z0-9-]{{1,64}})")


class Unauthenticated(CustodyError):
    """The certificate does not say who calls."""


class Forbidden(CustodyError):
    """The caller may not do this."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: its role, and its id in the policy (for auditors, its own)."""

    role: str
    id: str

    def __str__(self) -> str:
        return f"{self.role}/{self.id}"


def principal_of(alternative_names: Iterable[bytes]) -> Principal:
    """The one SPIFFE id among a verified certificate's alternative names. Raises `Unauthenticated`."""
    found = [name.decode("utf-8", "replace") for name in alternative_names if name.startswith(b"spiffe:")]
    match = _SPIFFE.fullmatch(found[0]) if len(found) == 1 else None
    if match is None:
        raise Unauthenticated("the certificate needs exactly one name of the form spiffe://custody/ROLE/ID")
    return Principal(match[1], match[2])


def check(principal: Principal, method: str, methods: Methods) -> None:
    """Raise `Forbidden` unless the table lets the caller's role call the method."""
    if principal.role not in methods.get(method, frozenset()):
        raise Forbidden(f"{principal} may not call {method}")
