"""Who may call what: every method of every service against every role, and every form of certificate."""

from __future__ import annotations

from typing import Any

import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from custody.api.v1 import admin_pb2, event_pb2, proposal_pb2, sweep_pb2, treasury_pb2, withdrawal_pb2
from custody.rpc.principal import ROLES, Forbidden, Principal, Unauthenticated, check, principal_of
from custody.server.access import METHODS, methods_of

API: tuple[Any, ...] = (
    admin_pb2,
    event_pb2,
    proposal_pb2,
    sweep_pb2,
    treasury_pb2,
    withdrawal_pb2,
    health_pb2,
    reflection_pb2,
)
SERVED = [
    f"/{service.full_name}/{method.name}"
    for module in API
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
]

# The whole table once more, by role, so that a slip in one of the two shows.
READS = {
    "GetWithdrawal",
    "ListWithdrawals",
    "BatchGetWithdrawals",
    "ExplainWithdrawal",
    "EstimateFee",
    "ListAssets",
    "Subscribe",
    "WhoAmI",
    "Check",
    "List",
    "Watch",
    "ServerReflectionInfo",
}
OVERSIGHT = READS | {
    "GetSweep",
    "ListSweeps",
    "GetProposal",
    "ListProposals",
    "ListWallets",
    "GetBalances",
    "Status",
}
ALLOWED = {
    "initiator": READS | {"SubmitWithdrawals", "CancelWithdrawals"},
    "auditor": OVERSIGHT,
    "operator": OVERSIGHT
    | {
        "CancelWithdrawals",
        "ProposeSweep",
        "Propose",
        "Approve",
        "Reject",
        "CancelProposal",
        "Halt",
        "Suspend",
    },
    "server": set(),
    "signer": set(),
}


def test_the_table_names_exactly_the_methods_there_are() -> None:
    assert sorted(METHODS) == sorted(SERVED)


@pytest.mark.parametrize("method", SERVED)
@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_call_what_its_list_says_and_nothing_else(role: str, method: str) -> None:
    principal = Principal(role, "somebody")
    if method.rsplit("/", 1)[1] in ALLOWED[role]:
        check(principal, method, METHODS)
    else:
        with pytest.raises(Forbidden):
            check(principal, method, METHODS)


@pytest.mark.parametrize("method", ["", "/custody.api.v1.AdminService/Other", "/custody.api.v1.AdminService"])
def test_an_unknown_method_is_nobodys(method: str) -> None:
    for role in ROLES:
        with pytest.raises(Forbidden):
            check(Principal(role, "somebody"), method, METHODS)


def test_what_a_caller_is_told_it_may_call_is_what_it_may_call() -> None:
    for role in ROLES:
        told = {name.rsplit(".", 1)[1] for name in methods_of(Principal(role, "somebody"))}
        assert told == ALLOWED[role]


@pytest.mark.parametrize(
    ("names", "principal"),
    [
        ([b"spiffe://custody/initiator/backend-eu"], Principal("initiator", "backend-eu")),
        ([b"localhost", b"spiffe://custody/operator/ada", b"127.0.0.1"], Principal("operator", "ada")),
    ],
)
def test_the_one_name_of_the_form_says_who_calls(names: list[bytes], principal: Principal) -> None:
    assert principal_of(names) == principal


@pytest.mark.parametrize(
    "names",
    [
        [],
        [b"localhost"],
        [b"spiffe://custody/operator/ada", b"spiffe://custody/operator/bo"],
        [b"spiffe://custody/operator/ada", b"spiffe://other/operator/ada"],
        [b"spiffe://other/operator/ada"],
        [b"spiffe://custody/root/ada"],
        [b"spiffe://custody/operator"],
        [b"spiffe://custody/operator/"],
        [b"spiffe://custody/operator/Ada"],
        [b"spiffe://custody/operator/ada/extra"],
        [b"spiffe://custody/operator/ada\n"],
        [b"spiffe://custody/operator/" + b"a" * 65],
        [b"spiffe://custody/operator/a\xff"],
        [b"http://custody/operator/ada"],
        [b"xspiffe://custody/operator/ada"],
    ],
)
def test_every_other_certificate_is_nobodys(names: list[bytes]) -> None:
    with pytest.raises(Unauthenticated):
        principal_of(names)
