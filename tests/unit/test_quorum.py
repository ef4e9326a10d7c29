"""What a quorum is and is not: who counts, who does not, and what the planner may never propose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from custody.errors import Denied, Malformed
from custody.model.quorum import Counted, count, tally, verify_operator_signature
from custody.statements import (
    ActivateBody,
    OpeningBody,
    ProposalKind,
    ReleaseBody,
    ReleaseItem,
    SignedType,
    SpentAmount,
    SweepBody,
)
from support.keys import EdKey
from support.policy_builder import ALL_KINDS, ETH, ETHER, NETWORK, TOKEN, PolicyBuilder
from support.statement_builder import NOW_MS, Case, leg

KINDS = (ProposalKind.SWEEP, ProposalKind.RESUME, ProposalKind.ACTIVATE, ProposalKind.OPENING)


@pytest.mark.parametrize("kind", KINDS)
def test_a_complete_quorum_is_enough(kind: ProposalKind) -> None:
    case = Case(kind=kind)
    assert case.check() == case.statement


def test_all_may_approve_who_did_not_propose() -> None:
    case = Case(
        builder=PolicyBuilder(operators=("ada", "bo", "cy", "dee"), need=3), approvers=("bo", "cy", "dee")
    )
    case.check()


def test_an_operator_outside_the_quorum_may_propose() -> None:
    builder = PolicyBuilder(operators=("ada", "bo", "cy", "dee"))
    builder.document["quorums"][0].update(of=["bo", "cy"], need=2)
    Case(builder=builder).check()


def test_the_planner_proposes_sweeps_without_signature() -> None:
    Case(proposer="planner", approvers=("ada", "bo")).check()


def test_a_second_key_of_an_operator_is_as_good_as_the_first() -> None:
    case = Case(builder=_two_keys("bo"))
    case.approvals[0] = _by_second_key(case, "bo")
    case.check()


def _two_keys(operator: str) -> PolicyBuilder:
    builder = PolicyBuilder()
    (entry,) = (o for o in builder.document["operators"] if o["id"] == operator)
    entry["keys"].append({"scheme": "ed25519", "public": EdKey(f"{operator}, second").public.hex()})
    return builder


def _by_second_key(case: Case, operator: str, signed_type: SignedType = SignedType.APPROVE):  # type: ignore[no-untyped-def]
    key = EdKey(f"{operator}, second")
    return replace(
        case.by(operator, signed_type),
        key_id=key.key_id,
        signature=key.sign(signed_type, case.deployment, case.body),
    )


def test_two_keys_of_one_operator_are_one_approval() -> None:
    case = Case(builder=_two_keys("bo"), approvers=("bo",))
    case.approvals.append(_by_second_key(case, "bo"))
    with pytest.raises(Denied) as refused:
        case.check()
    assert refused.value.tag == "quorum.incomplete"


def test_the_proposers_second_key_is_the_proposer() -> None:
    case = Case(builder=_two_keys("ada"), approvers=("bo",))
    case.approvals.append(_by_second_key(case, "ada"))
    with pytest.raises(Denied) as refused:
        case.check()
    assert refused.value.tag == "quorum.incomplete"


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not ProposalKind.SWEEP])
def test_the_planner_proposes_nothing_but_sweeps(kind: ProposalKind) -> None:
    case = Case(kind=kind, proposer="planner", approvers=("ada", "bo", "cy"))
    with pytest.raises(Denied) as refused:
        case.check()
    assert refused.value.tag == "propose.planner_kind"


def test_the_planner_has_no_signature() -> None:
    case = Case(proposer="planner", approvers=("ada", "bo"))
    case.propose = case.by("cy", SignedType.PROPOSE)
    with pytest.raises(Denied) as refused:
        case.check()
    assert refused.value.tag == "propose.other_operator"


def test_the_planner_never_exceeds_the_destinations_target() -> None:
    case = Case(proposer="planner", approvers=("ada", "bo"))
    case.bend(payload=SweepBody((leg(case.policy, amount=50 * ETHER),)))
    case.check()
    case.bend(payload=SweepBody((leg(case.policy, amount=50 * ETHER + 1),)))
    with pytest.raises(Denied) as refused:
        case.check()
    assert refused.value.tag == "sweep.planner_bound"


def test_the_planner_does_not_exceed_the_target_in_parts_either() -> None:
    case = Case(proposer="planner", approvers=("ada", "bo"))
    case.bend(
        payload=SweepBody((leg(case.policy, amount=25 * ETHER), leg(case.policy, amount=25 * ETHER + 1)))
    )
    with pytest.raises(Denied) as refused:
        case.check()
    assert refused.value.tag == "sweep.planner_bound"


def test_the_planner_drains_only_where_a_target_bounds_it() -> None:
    case = Case(proposer="planner", approvers=("ada", "bo"))
    cold = case.policy.wallet("cold-eth-1").address
    drain = leg(case.policy, from_wallet="hot-eth-1", to_wallet="cold-eth-1", to_address=cold)
    case.bend(payload=SweepBody((drain,)))
    with pytest.raises(Denied) as refused:
        case.check()
    assert refused.value.tag == "sweep.planner_bound"


def test_an_operator_is_not_bound_by_the_target() -> None:
    case = Case()
    case.bend(payload=SweepBody((leg(case.policy, amount=5000 * ETHER),)))
    case.check()


def test_a_suspended_operator_still_proposes_and_approves_a_resume() -> None:
    case = Case(kind=ProposalKind.RESUME, suspended=frozenset({"ada", "bo", "cy"}))
    case.check()


def test_a_statement_is_good_until_just_before_it_expires() -> None:
    case = Case()
    case.now_ms = case.statement.expires_unix_ms - 1
    case.check()
    case.bend(not_before_unix_ms=case.now_ms)
    case.check()


def test_bytes_that_are_no_statement_are_malformed() -> None:
    case = Case()
    for body in (b"", b"\xff", case.body + b"\x00", case.body[:-1]):
        case.body = body
        with pytest.raises(Malformed):
            case.check()


@pytest.mark.parametrize(
    ("changes", "tag"),
    [
        ({"from_wallet": "nobody"}, "sweep.unknown_wallet"),
        ({"to_wallet": "nobody"}, "sweep.unknown_wallet"),
        ({"asset": "eip155:1/slip44:60"}, "sweep.unknown_asset"),
        ({"to_address": "0x000000000000000000000000000000000000dEaD"}, "sweep.address"),
        ({"fee_asset": TOKEN}, "sweep.fee_asset"),
        ({"fee_cap": ETHER // 100 + 1}, "sweep.fee_cap"),
        ({"fee_cap": 0}, "sweep.fee_cap"),
        ({"from_wallet": "hot-eth-2"}, "sweep.direction"),
    ],
)
def test_a_leg_that_policy_does_not_allow_is_refused(changes: dict[str, object], tag: str) -> None:
    case = Case()
    case.bend(payload=SweepBody((leg(case.policy), leg(case.policy, **changes))))
    with pytest.raises(Denied) as refused:
        case.check()
    assert refused.value.tag == tag
    assert "legs[1]" in refused.value.detail


def test_a_leg_stays_in_its_group() -> None:
    builder = PolicyBuilder()
    builder.wallet("hot-eth-1")["group"] = "other"
    with pytest.raises(Denied) as refused:
        Case(builder=builder).check()
    assert refused.value.tag == "sweep.group"


@pytest.mark.parametrize(
    "payload",
    [
        ActivateBody("nobody", b"s" * 16, NOW_MS, ()),
        ActivateBody("signer-hot-eth-1", b"s" * 16, NOW_MS, (SpentAmount("eip155:1/slip44:60", 1),)),
        OpeningBody("nobody", ETH, 5, "customers", NETWORK, 7, b"h" * 32),
        OpeningBody("cold-eth-1", ETH, 5, "nobody", NETWORK, 7, b"h" * 32),
        OpeningBody("cold-eth-1", "eip155:1/slip44:60", 5, "customers", "eip155:1", 7, b"h" * 32),
    ],
)
def test_what_a_statement_names_must_be_in_the_policy(payload: ActivateBody | OpeningBody) -> None:
    kind = ProposalKind.ACTIVATE if isinstance(payload, ActivateBody) else ProposalKind.OPENING
    case = Case(kind=kind)
    case.bend(payload=payload)
    with pytest.raises(Denied) as refused:
        case.check()
    assert refused.value.tag == "statement.unknown_name"


def test_other_operator_messages_are_verified_the_same_way() -> None:
    case = Case()
    body = b"any body"
    for signed_type in (SignedType.HALT, SignedType.SUSPEND, SignedType.CANCEL_PENDING, SignedType.CANCEL):
        signature = case.builder.sign("ada", signed_type, case.deployment, body)
        verify_operator_signature(case.policy, case.deployment, signed_type, body, signature)
        for other in {SignedType.HALT, SignedType.SUSPEND} - {signed_type}:
            with pytest.raises(Denied):
                verify_operator_signature(case.policy, case.deployment, other, body, signature)


def test_counting_says_why_each_does_not_count() -> None:
    builder = PolicyBuilder(operators=("ada", "bo", "cy", "dee", "eli"), need=2)
    builder.document["quorums"][0]["of"] = ["ada", "bo", "cy"]
    case = Case(builder=builder)
    given = ["dee", "ada", "bo", "bo", "cy", "nobody"]
    assert count(case.policy, case.statement, given, frozenset({"cy"})) == [
        Counted("dee", False, "approval.not_in_quorum"),
        Counted("ada", False, "approval.proposer"),
        Counted("bo", True),
        Counted("bo", False, "approval.duplicate"),
        Counted("cy", False, "approval.suspended"),
        Counted("nobody", False, "approval.not_in_quorum"),
    ]
    assert count(case.policy, case.statement, ["bo"], frozenset(), frozenset({"bo"})) == [
        Counted("bo", False, "approval.rejected")
    ]


def test_a_tally_says_who_may_still_approve() -> None:
    case = Case()
    state = tally(case.policy, case.statement, ["bo"], frozenset())
    (group,) = state.groups
    assert (group.name, group.needed, group.counted, group.can_still_approve) == ("treasury", 2, 1, ("cy",))
    assert (state.complete, state.impossible) == (False, False)
    assert tally(case.policy, case.statement, ["bo", "cy"], frozenset()).complete


def test_a_rejection_that_leaves_too_few_makes_it_impossible() -> None:
    case = Case()
    assert tally(case.policy, case.statement, ["bo"], frozenset(), frozenset({"cy"})).impossible
    assert not tally(case.policy, case.statement, [], frozenset(), frozenset({"ada"})).impossible
    four = Case(
        builder=PolicyBuilder(operators=("ada", "bo", "cy"), need=2),
        proposer="planner",
        approvers=("ada", "bo"),
    )
    assert not tally(four.policy, four.statement, [], frozenset(), frozenset({"cy"})).impossible
    assert tally(four.policy, four.statement, [], frozenset(), frozenset({"cy", "bo"})).impossible


def test_a_suspension_makes_nothing_impossible_since_it_may_be_lifted() -> None:
    case = Case()
    state = tally(case.policy, case.statement, ["bo", "cy"], frozenset({"bo", "cy"}))
    assert (state.complete, state.impossible) == (False, False)
    assert state.groups[0].can_still_approve == ()


def test_two_policies_must_both_allow() -> None:
    case = Case()
    builder = PolicyBuilder(operators=("ada", "bo", "cy", "dee"), need=3)
    builder.document["quorums"][0]["name"] = "stricter"
    stricter = builder.policy()
    both = (case.policy, stricter)
    assert not tally(both, case.statement, ["bo", "cy"], frozenset()).complete
    assert tally(both, case.statement, ["bo", "cy", "dee"], frozenset()).complete
    assert [group.name for group in tally(both, case.statement, [], frozenset()).groups] == [
        "treasury",
        "stricter",
    ]
    nobody = PolicyBuilder(kinds=("RESUME",)).policy()
    with pytest.raises(Denied) as refused:
        tally((case.policy, nobody), case.statement, ["bo", "cy"], frozenset())
    assert refused.value.tag == "quorum.nobody"


def test_a_release_needs_its_quorum_like_everything() -> None:
    case = Case(builder=PolicyBuilder(kinds=ALL_KINDS), kind=ProposalKind.RESUME)
    item = ReleaseItem("01ARZ3NDEKTSV4RRFFQ69G5FAV", b"i" * 32)
    case.bend(kind=ProposalKind.RELEASE, payload=ReleaseBody((item,)))
    case.check()
    case.approve(["bo"])
    with pytest.raises(Denied):
        case.check()
