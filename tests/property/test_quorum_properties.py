"""Whatever m-1 operators sign, in whatever order and under whatever names, nothing is executed."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from custody.errors import Denied
from custody.model.policy import Policy
from custody.model.quorum import SignedApproval, count, tally
from custody.statements import ProposalKind, SignedType
from support.policy_builder import PolicyBuilder, SshKey
from support.statement_builder import Case

NAMES = ("ada", "bo", "cy", "dee", "eli", "flo")
_POLICIES: dict[tuple[int, int], Policy] = {}
_CASES: dict[ProposalKind, Case] = {}


def _policy(members: int, need: int) -> Policy:
    key = (members, need)
    if key not in _POLICIES:
        builder = PolicyBuilder(operators=NAMES, need=need)
        builder.document["quorums"][0]["of"] = list(NAMES[:members])
        _POLICIES[key] = builder.policy()
    return _POLICIES[key]


def _case(kind: ProposalKind) -> Case:
    return _CASES.setdefault(kind, Case(kind=kind))


quorums = st.integers(2, 6).flatmap(
    lambda members: st.tuples(
        st.just(members), st.integers(members // 2 + 1, members).filter(lambda n: n >= 2)
    )
)
names = st.sampled_from((*NAMES, "eve"))
people = st.frozensets(names)


@given(
    quorum=quorums,
    kind=st.sampled_from([ProposalKind.SWEEP, ProposalKind.RESUME]),
    proposer=st.sampled_from((*NAMES, "planner")),
    approvals=st.lists(names, max_size=12),
    suspended=people,
    rejected=people,
)
def test_counting_agrees_with_sets(
    quorum: tuple[int, int],
    kind: ProposalKind,
    proposer: str,
    approvals: list[str],
    suspended: frozenset[str],
    rejected: frozenset[str],
) -> None:
    members, need = quorum
    assume(members < len(NAMES) or need < members)
    policy = _policy(members, need)
    statement = replace(_case(kind).statement, proposer=proposer)
    of = set(NAMES[:members])
    silent = suspended if kind is not ProposalKind.RESUME else frozenset()
    expected = (set(approvals) & of) - {proposer} - silent - rejected
    verdicts = count(policy, statement, approvals, suspended, rejected)
    assert [verdict.operator for verdict in verdicts] == approvals
    assert sorted(verdict.operator for verdict in verdicts if verdict.counted) == sorted(expected)
    assert all(bool(verdict.tag) != verdict.counted for verdict in verdicts)
    state = tally(policy, statement, approvals, suspended, rejected)
    (group,) = state.groups
    assert group.counted == len(expected)
    assert state.complete == (len(expected) >= need)
    assert state.impossible == (len(of - {proposer} - rejected) < need)
    assert not (state.complete and state.impossible)
    assert set(group.can_still_approve) == of - {proposer} - silent - rejected - expected
    for operator in group.can_still_approve:
        more = tally(policy, statement, [*approvals, operator], suspended, rejected)
        assert more.groups[0].counted == group.counted + 1


@given(quorum=quorums)
def test_no_two_complete_sets_of_approvers_are_disjoint(quorum: tuple[int, int]) -> None:
    members, need = quorum
    assume(members < len(NAMES) or need < members)
    policy = _policy(members, need)
    statement = replace(_case(ProposalKind.SWEEP).statement, proposer="planner")
    complete = [
        set(chosen)
        for size in range(members + 1)
        for chosen in combinations(NAMES[:members], size)
        if tally(policy, statement, chosen, frozenset()).complete
    ]
    assert all(one & other for one, other in combinations(complete, 2))


@st.composite
def forgeries(draw: st.DrawFn) -> tuple[Case, SignedApproval | None, list[SignedApproval]]:
    """What one operator, with a server's help, can put together against a quorum of two."""
    case = _case(draw(st.sampled_from([ProposalKind.SWEEP, ProposalKind.RESUME, ProposalKind.ACTIVATE])))
    thief = draw(st.sampled_from(("ada", "bo", "cy")))
    other = Case(kind=case.kind)
    other.bend(nonce=b"o" * 16)
    types = st.sampled_from([SignedType.APPROVE, SignedType.PROPOSE, SignedType.REJECT])

    def signature() -> SignedApproval:
        if draw(st.booleans()):  # the thief's own, over anything
            deployment = draw(st.sampled_from([case.deployment, b"x" * 32]))
            made = case.builder.sign(
                thief, draw(types), deployment, draw(st.sampled_from([case.body, other.body]))
            )
        else:  # an honest operator's, over another statement or against this one
            honest = draw(st.sampled_from([name for name in ("ada", "bo", "cy") if name != thief]))
            about_other = draw(st.booleans())
            made = case.builder.sign(
                honest,
                draw(types) if about_other else SignedType.REJECT,
                case.deployment,
                other.body if about_other else case.body,
            )
        operator = draw(st.sampled_from([made.operator, "ada", "bo", "cy", "eve", "planner"]))
        key_id = draw(st.sampled_from([made.key_id, *(SshKey(name).key_id for name in ("ada", "bo", "cy"))]))
        return replace(made, operator=operator, key_id=key_id)

    honest_proposal = case.propose
    propose = draw(st.sampled_from([honest_proposal, None])) if draw(st.booleans()) else signature()
    return case, propose, [signature() for _ in range(draw(st.integers(0, 5)))]


@settings(max_examples=300)
@given(forgeries())
def test_one_operator_and_the_server_execute_nothing(
    forgery: tuple[Case, SignedApproval | None, list[SignedApproval]],
) -> None:
    case, propose, approvals = forgery
    attempt = replace(case)
    attempt.propose, attempt.approvals = propose, approvals
    try:
        attempt.check()
    except Denied:
        return
    raise AssertionError("executed without its quorum")
