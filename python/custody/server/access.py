"""Who may call what of the server: one table of role × method, which denies by default."""

from __future__ import annotations

from custody.rpc.principal import Methods, Principal

__all__ = ["METHODS", "methods_of"]

_CLIENTS = frozenset({"initiator", "operator", "auditor"})
_PEOPLE = frozenset({"operator", "auditor"})
_OPERATOR = frozenset({"operator"})

METHODS: Methods = {
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
"""Every method that anybody may call, and who."""


def methods_of(principal: Principal) -> tuple[str, ...]:
    """Full names of the methods that the caller may call."""
    allowed = (method for method, roles in METHODS.items() if principal.role in roles)
    return tuple(sorted(method.lstrip("/").replace("/", ".") for method in allowed))
