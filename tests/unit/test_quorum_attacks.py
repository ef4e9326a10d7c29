"""Every attack on an approval is refused, with its own tag."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from custody.errors import Denied
from custody.model.quorum import MAX_APPROVALS
from custody.statements import (
    ProposalKind,
    SignedType,
)
from support.policy_builder import PolicyBuilder, SshKey
from support.statement_builder import HOUR_MS, NOW_MS, Case

Attack = Callable[[Case], None]


def _one_short(case: Case) -> None:
    case.approve(["bo"])


def _nobody(case: Case) -> None:
    case.approve([])


def _same_operator_twice(case: Case) -> None:
    case.approve(["bo", "bo"])


def _proposer_approves(case: Case) -> None:
    case.approve(["ada", "bo"])


def _suspended(case: Case) -> None:
    case.suspended = frozenset({"cy"})


def _stranger(case: Case) -> None:
    case.approvals[0] = replace(case.approvals[0], operator="eve")


def _unknown_key(case: Case) -> None:
    case.approvals[0] = replace(case.approvals[0], key_id=SshKey("eve").key_id)


def _key_of_another_operator(case: Case) -> None:
    case.approvals[0] = replace(case.approvals[1], operator="bo")


def _another_operators_signature_under_my_key(case: Case) -> None:
    case.approvals[0] = replace(case.approvals[0], signature=case.approvals[1].signature)


def _approval_of_another_statement(case: Case) -> None:
    good = case.body
    case.bend(nonce=b"m" * 16)
    other = case.approvals[0]
    case.bend(nonce=b"n" * 16)
    assert case.body == good
    case.approvals[0] = other


def _rejection_as_approval(case: Case) -> None:
    case.approvals[0] = case.by("bo", SignedType.REJECT)


def _proposal_as_approval(case: Case) -> None:
    case.approvals[0] = case.by("bo", SignedType.PROPOSE)


def _proposers_proposal_as_approval(case: Case) -> None:
    case.approvals = [case.by("ada", SignedType.PROPOSE), case.approvals[0]]


def _approval_as_proposal(case: Case) -> None:
    case.propose = case.by("ada", SignedType.APPROVE)


def _approval_for_another_deployment(case: Case) -> None:
    case.approvals[0] = case.by("bo", SignedType.APPROVE, deployment=b"x" * 32)


def _flipped_bit(case: Case) -> None:
    signature = bytearray(case.approvals[0].signature)
    signature[-1] ^= 1
    case.approvals[0] = replace(case.approvals[0], signature=bytes(signature))


def _empty_signature(case: Case) -> None:
    case.approvals[0] = replace(case.approvals[0], signature=b"")


def _evidence(case: Case) -> None:
    case.approvals[0] = replace(case.approvals[0], evidence=b"{}")


def _one_bad_beside_enough(case: Case) -> None:
    case.approvals.append(case.by("ada", SignedType.REJECT))


def _too_many(case: Case) -> None:
    case.approvals = case.approvals * MAX_APPROVALS


def _no_proposal(case: Case) -> None:
    case.propose = None


def _proposed_by_another(case: Case) -> None:
    case.propose = case.by("bo", SignedType.PROPOSE)


def _proposed_in_anothers_name(case: Case) -> None:
    case.propose = replace(case.by("bo", SignedType.PROPOSE), operator="ada")


def _suspended_proposer(case: Case) -> None:
    case.suspended = frozenset({"ada"})


def _expired(case: Case) -> None:
    case.now_ms = case.statement.expires_unix_ms


def _too_early(case: Case) -> None:
    case.bend(not_before_unix_ms=NOW_MS + 1)


def _lives_too_long(case: Case) -> None:
    case.bend(expires_unix_ms=NOW_MS + 24 * HOUR_MS + 300_001)


def _other_deployment(case: Case) -> None:
    case.deployment = b"x" * 32
    case.sign()


def _other_policy(case: Case) -> None:
    case.bend(policy_hash=b"x" * 32)


def _other_governance_hash(case: Case) -> None:
    case.bend(governance_hash=b"x" * 32)


def _newer_head(case: Case) -> None:
    case.bend(governance_sequence=2)


def _older_head(case: Case) -> None:
    _activate(case)


def _activate(case: Case) -> None:
    activation = Case(builder=case.builder, kind=ProposalKind.ACTIVATE)
    case.governance = case.governance.advance(activation.body, activation.statement)


def _older_epoch(case: Case) -> None:
    _activate(case)
    case.bend(governance_sequence=2, governance_hash=case.governance.head_hash)


def _newer_epoch(case: Case) -> None:
    case.bend(signer_epoch=2)


def _cancelled(case: Case) -> None:
    case.cancelled = frozenset({case.sha256})


def _kind_nobody_may(case: Case) -> None:
    case.builder = PolicyBuilder(kinds=("RESUME",))
    case.__post_init__()


ATTACKS: list[tuple[Attack, str]] = [
    (_one_short, "quorum.incomplete"),
    (_nobody, "quorum.incomplete"),
    (_same_operator_twice, "quorum.incomplete"),
    (_proposer_approves, "quorum.incomplete"),
    (_suspended, "quorum.incomplete"),
    (_stranger, "approval.unknown_operator"),
    (_unknown_key, "approval.unknown_key"),
    (_key_of_another_operator, "approval.unknown_key"),
    (_another_operators_signature_under_my_key, "approval.bad_signature"),
    (_approval_of_another_statement, "approval.bad_signature"),
    (_rejection_as_approval, "approval.bad_signature"),
    (_proposal_as_approval, "approval.bad_signature"),
    (_proposers_proposal_as_approval, "approval.bad_signature"),
    (_approval_as_proposal, "approval.bad_signature"),
    (_approval_for_another_deployment, "approval.bad_signature"),
    (_flipped_bit, "approval.bad_signature"),
    (_empty_signature, "approval.bad_signature"),
    (_evidence, "approval.bad_signature"),
    (_one_bad_beside_enough, "approval.bad_signature"),
    (_too_many, "approval.too_many"),
    (_no_proposal, "propose.missing"),
    (_proposed_by_another, "propose.other_operator"),
    (_proposed_in_anothers_name, "approval.unknown_key"),
    (_suspended_proposer, "propose.suspended"),
    (_expired, "statement.expired"),
    (_too_early, "statement.too_early"),
    (_lives_too_long, "statement.lifetime"),
    (_other_deployment, "statement.deployment"),
    (_other_policy, "statement.policy"),
    (_other_governance_hash, "governance.head_unknown"),
    (_newer_head, "governance.head_unknown"),
    (_older_head, "governance.head_old"),
    (_older_epoch, "statement.epoch"),
    (_newer_epoch, "statement.epoch"),
    (_cancelled, "statement.cancelled"),
    (_kind_nobody_may, "quorum.nobody"),
]


@pytest.mark.parametrize(
    ("attack", "tag"), ATTACKS, ids=[attack.__name__.strip("_") for attack, _ in ATTACKS]
)
def test_an_attack_is_refused(attack: Attack, tag: str) -> None:
    case = Case()
    case.check()
    attack(case)
    with pytest.raises(Denied) as refused:
        case.check()
    assert refused.value.tag == tag
