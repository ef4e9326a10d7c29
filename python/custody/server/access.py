"""Who may call what: the caller's role comes from its certificate, and one table of role × method denies by default."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from custody.errors import CustodyError

__all__ = ["METHODS", "ROLES", "Forbidden", "Principal", "Unauthenticated", "check", "methods_of", "principal_of"]

ROLES = ("initiator", "operator", "auditor", "server", "signer")

_SPIFFE = re.compile(rf"spiffe://custody/({'|'.join(ROLES)})/([a-z0-9-]{{1,64}})")

_CLIENTS = frozenset({"initiator", "operator", "auditor"})
_PEOPLE = frozenset({"operator", "auditor"})
_OPERATOR = frozenset({"operator"})

METHODS: Mapping[str, frozenset[str]] = {
    "/custody.api.v1.WithdrawalService/SubmitWithdrawals": frozenset({"initiator"}),
    "/custody.api.v1.WithdrawalService/GetWithdrawal": _CLIENTS,
    "/custody.api.v1.WithdrawalService/ListWithdrawals": _CLIENTS,
    "/custody.api.v1.WithdrawalService/BatchGetWithdrawals": _CLIENTS,
    "/custody.api.v1.WithdrawalService/CancelWithdrawals": frozenset({"initiator", "operator"}),
    "/custody.api.v1.WithdrawalService/ExplainWithdrawal": _CLIENTS,
    "/custody.api.v1.WithdrawalService/EstimateFee": _CLIENTS,
    "/custody.api.v1.SweepService/ProposeSweep": _OPERATOR,
    "/custody.api.v1.SweepService/GetSweep": _PEOPLE,
    "/custody.api.v1.SweepService/ListSweeps": _PEOPLE,
    "/custody.api.v1.ProposalService/Propose": _OPERATOR,
    "/custody.api.v1.ProposalService/GetProposal": _PEOPLE,
    "/custody.api.v1.ProposalService/ListProposals": _PEOPLE,
    "/custody.api.v1.ProposalService/Approve": _OPERATOR,
    "/custody.api.v1.ProposalService/Reject": _OPERATOR,
    "/custody.api.v1.ProposalService/CancelProposal": _OPERATOR,
    "/custody.api.v1.TreasuryService/ListWallets": _PEOPLE,
    "/custody.api.v1.TreasuryService/GetBalances": _PEOPLE,
    "/custody.api.v1.TreasuryService/ListAssets": _CLIENTS,
    "/custody.api.v1.EventService/Subscribe": _CLIENTS,
    "/custody.api.v1.AdminService/Halt": _OPERATOR,
    "/custody.api.v1.AdminService/Suspend": _OPERATOR,
    "/custody.api.v1.AdminService/Status": _PEOPLE,
    "/custody.api.v1.AdminService/WhoAmI": _CLIENTS,
    "/grpc.health.v1.Health/Check": _CLIENTS,
    "/grpc.health.v1.Health/List": _CLIENTS,
    "/grpc.health.v1.Health/Watch": _CLIENTS,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": _CLIENTS,
}
"""Full method name → roles that may call it. What is not here nobody may call."""


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


def check(principal: Principal, method: str) -> None:
    """Raise `Forbidden` unless the table lets the caller's role call the method."""
    if principal.role not in METHODS.get(method, frozenset()):
        raise Forbidden(f"{principal} may not call {method}")


def methods_of(principal: Principal) -> tuple[str, ...]:
    """Full names of the methods that the caller may call."""
    return tuple(sorted(method.lstrip("/").replace("/", ".") for method, roles in METHODS.items() if principal.role in roles))
