"""Who approved what, and whether it is enough: one rule for server, signer and CLI; each approval counts once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from custody import crypto, statements
from custody.errors import Denied, InvalidSignature, NotFound
from custody.model import sweep
from custody.model.governance import Governance
from custody.model.policy import PLANNER, Policy
from custody.statements import ActivateBody, OpeningBody, ProposalKind, SignedType, Statement, SweepBody

MAX_APPROVALS = 64
"""Far above any quorum; bounds the signatures that one request makes a process verify."""

CLOCK_SKEW_MS = 5 * 60 * 1000
"""How much a proposer's clock may be ahead when the lifetime of a statement is measured."""


@dataclass(frozen=True, slots=True)
class SignedApproval:
    """One operator's signature over one statement (or other operator message); `evidence` as the scheme needs."""

    operator: str
    key_id: str
    signature: bytes
    evidence: bytes = b""


@dataclass(frozen=True, slots=True)
class Counted:
    """Whether one approval counts, in the order given; `tag` says why not."""

    operator: str
    counted: bool
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """One quorum's progress; `can_still_approve` are operators whose approval would count now."""

    name: str
    needed: int
    counted: int
    can_still_approve: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether enough approved."""
        return self.counted >= self.needed


@dataclass(frozen=True, slots=True)
class Tally:
    """Every quorum that must be complete; `impossible` when one can no longer be, whoever approves."""

    groups: tuple[Group, ...]
    complete: bool
    impossible: bool


def verify_operator_signature(
    policy: Policy, deployment: bytes, signed_type: SignedType | str, body: bytes, signature: SignedApproval
) -> None:
    """Require that `signature` is by an enrolled key of its operator over exactly this type, deployment and body.

    Raises Denied `approval.unknown_operator`, `approval.unknown_key` or `approval.bad_signature`.
    """
    try:
        operator = policy.operator(signature.operator)
    except NotFound:
        raise Denied(
            "approval.unknown_operator", f"no operator {signature.operator!r} in the policy"
        ) from None
    key = next((key for key in operator.keys if key.key_id == signature.key_id), None)
    if key is None:
        raise Denied("approval.unknown_key", f"{signature.key_id!r} is no key of operator {operator.id}")
    if signature.evidence:
        raise Denied("approval.bad_signature", f"scheme {key.scheme} takes no evidence")
    message = statements.signing_input(key.scheme, statements.signed_message(signed_type, deployment, body))
    try:
        crypto.verify(key.scheme, key.public, message, signature.signature)
    except InvalidSignature:
        detail = f"key {key.key_id} of {operator.id} did not sign this {signed_type}"
        raise Denied("approval.bad_signature", detail) from None


def count(
    policy: Policy,
    statement: Statement,
    approvals: Sequence[str],
    suspended: frozenset[str],
    rejected: frozenset[str] = frozenset(),
) -> list[Counted]:
    """Say of each approving operator, in order, whether the approval counts towards the policy's quorum.

    `rejected` are the operators who rejected the statement: whatever else they signed, they do not approve.
    """
    quorum = policy.quorum_for(statement.kind)
    members = frozenset(quorum.of) if quorum else frozenset()
    seen: set[str] = set()
    result: list[Counted] = []
    for operator in approvals:
        tag = _refusal(operator, statement, members, suspended, rejected, seen)
        if not tag:
            seen.add(operator)
        result.append(Counted(operator, not tag, tag))
    return result


def _refusal(
    operator: str,
    statement: Statement,
    members: frozenset[str],
    suspended: frozenset[str],
    rejected: frozenset[str],
    seen: set[str],
) -> str:
    if operator == statement.proposer:
        return "approval.proposer"
    if operator not in members:
        return "approval.not_in_quorum"
    if operator in suspended and statement.kind is not ProposalKind.RESUME:
        return "approval.suspended"
    if operator in rejected:
        return "approval.rejected"
    return "approval.duplicate" if operator in seen else ""


def tally(
    policies: Policy | Iterable[Policy],
    statement: Statement,
    approvals: Sequence[str],
    suspended: frozenset[str],
    rejected: frozenset[str] = frozenset(),
) -> Tally:
    """Add up approvals under one policy, or under several that must all allow. Raises Denied `quorum.nobody`.

    A suspension may be lifted, so it makes nothing impossible; a rejection stands.
    """
    groups: list[Group] = []
    impossible = False
    for policy in [policies] if isinstance(policies, Policy) else policies:
        quorum = policy.quorum_for(statement.kind)
        if quorum is None:
            raise Denied("quorum.nobody", f"the policy names no quorum for {statement.kind.name}")
        counted = [c.operator for c in count(policy, statement, approvals, suspended, rejected) if c.counted]
        open_to = [o for o in quorum.of if o not in counted and o != statement.proposer and o not in rejected]
        free = [o for o in open_to if o not in suspended or statement.kind is ProposalKind.RESUME]
        group = Group(quorum.name, quorum.need, len(counted), tuple(free))
        impossible = impossible or len(counted) + len(open_to) < quorum.need
        if group not in groups:
            groups.append(group)
    complete = bool(groups) and all(group.complete for group in groups)
    return Tally(tuple(groups), complete, impossible)


def check_authority(
    governance: Governance,
    policy: Policy,
    deployment: bytes,
    statement_bytes: bytes,
    propose: SignedApproval | None,
    approvals: Sequence[SignedApproval],
    suspended: frozenset[str],
    now_ms: int,
    cancelled: frozenset[bytes],
) -> Statement:
    """Require everything that must hold before a statement is executed, and return it.

    `policy` is the one in force by the caller's own chain, `cancelled` holds SHA-256 hashes of statements. Raises
    Denied with the tag of the first rule that refuses, Malformed for bytes that are no canonical statement.
    """
    statement = check_statement(governance, policy, deployment, statement_bytes, now_ms, cancelled)
    check_proposer(policy, deployment, statement_bytes, statement, propose, suspended)
    check_payload(policy, statement)
    if len(approvals) > MAX_APPROVALS:
        raise Denied("approval.too_many", f"at most {MAX_APPROVALS}")
    for approval in approvals:
        verify_operator_signature(policy, deployment, SignedType.APPROVE, statement_bytes, approval)
    policies = {p.hash: p for p in (governance.policy_at(statement.governance_sequence), policy)}
    state = tally(policies.values(), statement, [approval.operator for approval in approvals], suspended)
    if not state.complete:
        short = ", ".join(f"{g.name}: {g.counted} of {g.needed}" for g in state.groups if not g.complete)
        raise Denied("quorum.incomplete", short)
    return statement


def check_statement(
    governance: Governance,
    policy: Policy,
    deployment: bytes,
    statement_bytes: bytes,
    now_ms: int,
    cancelled: frozenset[bytes] = frozenset(),
) -> Statement:
    """The part of `check_authority` that needs no signature: form, deployment, head, epoch, policy and time."""
    statement = statements.parse_statement(statement_bytes)
    if deployment != governance.deployment:
        raise Denied("statement.deployment", "the governance chain is another deployment's")
    if hashlib.sha256(statement_bytes).digest() in cancelled:
        raise Denied("statement.cancelled", "an operator cancelled it")
    _check_head(governance, statement)
    if statement.signer_epoch != governance.signer_epoch:
        detail = f"it names signer epoch {statement.signer_epoch}, not {governance.signer_epoch}"
        raise Denied("statement.epoch", detail)
    if statement.policy_hash != governance.policy_at(statement.governance_sequence).hash:
        raise Denied("statement.policy", "it names another policy than its governance head")
    if policy.hash != governance.policy.hash:
        raise Denied("statement.policy", "the policy given is not the one in force")
    if now_ms < statement.not_before_unix_ms:
        raise Denied("statement.too_early", f"not before {statement.not_before_unix_ms}")
    if now_ms >= statement.expires_unix_ms:
        raise Denied("statement.expired", f"it expired at {statement.expires_unix_ms}")
    if statement.expires_unix_ms > now_ms + policy.proposal_lifetime_ms + CLOCK_SKEW_MS:
        raise Denied("statement.lifetime", f"it may live {policy.proposal_lifetime_ms} ms, not longer")
    if policy.quorum_for(statement.kind) is None:
        raise Denied("quorum.nobody", f"the policy names no quorum for {statement.kind.name}")
    return statement


def _check_head(governance: Governance, statement: Statement) -> None:
    sequence = statement.governance_sequence
    if sequence < governance.head_sequence:
        raise Denied("governance.head_old", f"made at head {sequence}, now {governance.head_sequence}")
    if sequence > governance.head_sequence or statement.governance_hash != governance.head_hash:
        raise Denied("governance.head_unknown", f"head {sequence} is not the one known here")


def check_proposer(
    policy: Policy,
    deployment: bytes,
    statement_bytes: bytes,
    statement: Statement,
    propose: SignedApproval | None,
    suspended: frozenset[str],
) -> None:
    """Require the proposer's `propose` signature, or the planner's bounds where it is the planner's."""
    if statement.proposer == PLANNER:
        if propose is not None:
            raise Denied("propose.other_operator", "the planner signs nothing")
        if not isinstance(statement.payload, SweepBody):
            raise Denied("propose.planner_kind", f"the planner proposes sweeps, not {statement.kind.name}")
        sweep.check_planner_bound(policy, statement.payload)
        return
    if propose is None:
        raise Denied("propose.missing", f"{statement.proposer} did not sign it as its proposer")
    if propose.operator != statement.proposer:
        raise Denied(
            "propose.other_operator", f"signed by {propose.operator}, proposed by {statement.proposer}"
        )
    if propose.operator in suspended and statement.kind is not ProposalKind.RESUME:
        raise Denied("propose.suspended", f"{propose.operator} is suspended")
    verify_operator_signature(policy, deployment, SignedType.PROPOSE, statement_bytes, propose)


def check_payload(policy: Policy, statement: Statement) -> None:
    """Require that what a statement names is in the policy and allowed by it."""
    payload = statement.payload
    try:
        if isinstance(payload, SweepBody):
            sweep.check_legs(policy, payload)
        elif isinstance(payload, ActivateBody):
            policy.signer(payload.signer)
            for spent in payload.spent:
                policy.asset(spent.asset)
        elif isinstance(payload, OpeningBody):
            wallet, asset = policy.wallet(payload.wallet), policy.asset(payload.asset)
            policy.pool(payload.pool)
            if not wallet.network == asset.network == payload.network:
                raise Denied("opening.network", f"{wallet.id} is on {wallet.network}")
    except NotFound as error:
        raise Denied("statement.unknown_name", str(error)) from None
