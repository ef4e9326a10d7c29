"""The authority chain: it begins with the genesis policy, and only a completed ACTIVATE extends it for now."""

from __future__ import annotations

import pytest

from custody import statements
from custody.errors import Denied
from custody.model.governance import Governance
from custody.statements import ProposalKind
from support.statement_builder import Case


@pytest.fixture
def activation() -> Case:
    return Case(kind=ProposalKind.ACTIVATE)


def test_genesis_is_sequence_one_and_its_hash_the_deployment(activation: Case) -> None:
    governance = Governance.genesis(activation.policy)
    assert governance.deployment == governance.head_hash == activation.policy.hash
    assert (governance.head_sequence, governance.signer_epoch) == (1, 1)
    assert governance.policy is activation.policy
    assert governance.policy_at(1) is activation.policy


def test_an_activation_extends_the_chain_and_raises_the_epoch(activation: Case) -> None:
    first = Governance.genesis(activation.policy)
    second = first.advance(activation.body, activation.statement)
    assert second.head_hash == statements.governance_hash(activation.policy.hash, 2, activation.body)
    assert (second.head_sequence, second.signer_epoch) == (2, 2)
    assert second.deployment == first.deployment
    assert second.policy_at(1) is second.policy_at(2) is second.policy
    assert (first.head_sequence, first.signer_epoch) == (1, 1)
    third = second.advance(activation.body, activation.statement)
    assert third.head_hash == statements.governance_hash(second.head_hash, 3, activation.body)
    assert third.head_hash != second.head_hash


@pytest.mark.parametrize("sequence", [0, -1, 2])
def test_a_sequence_that_is_not_there_is_denied(activation: Case, sequence: int) -> None:
    with pytest.raises(Denied) as refused:
        activation.governance.policy_at(sequence)
    assert refused.value.tag == "governance.unknown_sequence"


@pytest.mark.parametrize("kind", [ProposalKind.SWEEP, ProposalKind.RESUME, ProposalKind.OPENING])
def test_no_other_kind_extends_it(kind: ProposalKind) -> None:
    case = Case(kind=kind)
    with pytest.raises(Denied) as refused:
        case.governance.advance(case.body, case.statement)
    assert refused.value.tag == "governance.kind_unsupported"


def test_its_policies_cannot_be_changed(activation: Case) -> None:
    with pytest.raises(TypeError):
        activation.governance.policies[1] = activation.policy  # type: ignore[index]


def test_after_an_activation_a_statement_made_before_is_refused_and_a_new_one_is_good(
    activation: Case,
) -> None:
    case = Case()
    case.governance = case.governance.advance(activation.body, activation.statement)
    with pytest.raises(Denied) as refused:
        case.check()
    assert refused.value.tag == "governance.head_old"
    case.bend(governance_sequence=2, governance_hash=case.governance.head_hash, signer_epoch=2)
    case.check()
