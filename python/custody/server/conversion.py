"""Proposals, sweeps, wallets and balances as the API shows them; every value is read from one moment's state."""

from __future__ import annotations

from collections.abc import Iterator

from custody import statements
from custody.api.signed.v1 import statement_pb2
from custody.api.v1 import common_pb2, proposal_pb2, sweep_pb2, treasury_pb2
from custody.ledger import BalanceRow
from custody.model.leg import Leg, LegState
from custody.model.policy import PLANNER, Policy, Wallet, WalletKind
from custody.model.proposal import Approval, ProposalState
from custody.model.transaction import Version
from custody.server.withdrawal_message import timestamp
from custody.services.commands import State
from custody.services.proposal_queries import ProposalRead, SweepRead, read_proposal, read_sweep
from custody.services.reconciliation import OnChain
from custody.statements import Statement, SweepBody, SweepLeg

__all__ = [
    "LEG_STATES",
    "balance",
    "proposal",
    "proposal_message",
    "sweep",
    "sweep_message",
    "wallet_message",
]

LEG_STATES = {
    LegState.WAITING: sweep_pb2.SWEEP_STATE_WAITING,
    LegState.DUE: sweep_pb2.SWEEP_STATE_DUE,
    LegState.PLANNED: sweep_pb2.SWEEP_STATE_SIGNING,
    LegState.SIGNED: sweep_pb2.SWEEP_STATE_BROADCAST,
    LegState.BROADCAST: sweep_pb2.SWEEP_STATE_BROADCAST,
    LegState.CONFIRMED: sweep_pb2.SWEEP_STATE_CONFIRMED,
    LegState.MOVED: sweep_pb2.SWEEP_STATE_FINAL,
    LegState.FAILED: sweep_pb2.SWEEP_STATE_FAILED,
    LegState.ABANDONED: sweep_pb2.SWEEP_STATE_FAILED,
    LegState.CANCELLED: sweep_pb2.SWEEP_STATE_CANCELLED,
}

_SCHEMES = {
    "ed25519": common_pb2.SIGNATURE_SCHEME_ED25519,
    "ecdsa-secp256k1-sha256": common_pb2.SIGNATURE_SCHEME_ECDSA_SECP256K1_SHA256,
    "ecdsa-p256-sha256": common_pb2.SIGNATURE_SCHEME_ECDSA_P256_SHA256,
    "bip340": common_pb2.SIGNATURE_SCHEME_BIP340,
    "ethereum": common_pb2.SIGNATURE_SCHEME_ETHEREUM,
    "sshsig": common_pb2.SIGNATURE_SCHEME_SSHSIG,
}


def proposal(state: State, proposal_id: str) -> proposal_pb2.Proposal:
    """One proposal, without `as_of`. Raises `NotFound`."""
    return proposal_message(read_proposal(state, proposal_id))


def proposal_message(read: ProposalRead) -> proposal_pb2.Proposal:
    """A proposal as it was read."""
    known = read.proposal
    took_effect = known.approved_ms and max(known.approved_ms, known.statement.not_before_unix_ms)
    return proposal_pb2.Proposal(
        proposal_id=known.id,
        statement_bytes=known.statement_bytes,
        statement=_statement(known.statement),
        state=proposal_pb2.ProposalState.Value(f"PROPOSAL_STATE_{known.state.value}"),
        quorum=[
            proposal_pb2.QuorumGroup(
                name=group.name,
                needed=group.needed,
                counted=group.counted,
                can_still_approve=group.can_still_approve if known.state is ProposalState.OPEN else (),
            )
            for group in read.groups
        ],
        approvals=[_approval(*decision) for decision in read.decisions],
        superseded_by=known.superseded_by,
        effective_at=timestamp(took_effect),
        tag=known.tag,
    )


def _approval(approval: Approval, counted: bool, tag: str) -> proposal_pb2.Approval:
    return proposal_pb2.Approval(
        operator=approval.operator,
        key_id=approval.key_id,
        scheme=_SCHEMES.get(approval.scheme, common_pb2.SIGNATURE_SCHEME_UNSPECIFIED),
        decision=proposal_pb2.DECISION_APPROVE if approval.approve else proposal_pb2.DECISION_REJECT,
        signature=approval.signature,
        evidence=approval.evidence,
        reason=approval.reason,
        counted=counted,
        not_counted_tag=tag,
        recorded_at=timestamp(approval.recorded_ms),
    )


def _statement(statement: Statement) -> statement_pb2.Statement:
    return statement_pb2.Statement(
        kind=statement_pb2.ProposalKind.ValueType(statement.kind),
        body=statements.encode(statement.payload),
        policy_hash=statement.policy_hash,
        governance_sequence=statement.governance_sequence,
        governance_hash=statement.governance_hash,
        signer_epoch=statement.signer_epoch,
        proposer=statement.proposer,
        not_before_unix_ms=statement.not_before_unix_ms,
        expires_unix_ms=statement.expires_unix_ms,
        nonce=statement.nonce,
    )


def sweep(state: State, proposal_id: str) -> sweep_pb2.Sweep:
    """One sweep, without `as_of`. Raises `NotFound`."""
    return sweep_message(read_sweep(state, proposal_id), state.control.governance.policy)


def sweep_message(read: SweepRead, policy: Policy) -> sweep_pb2.Sweep:
    """A sweep as it was read."""
    known = read.proposal
    return sweep_pb2.Sweep(
        sweep_id=known.id,
        proposal_id=known.id,
        trigger=_trigger(known.statement, policy),
        legs=[_leg(leg, policy) for leg in read.legs],
    )


def _trigger(statement: Statement, policy: Policy) -> sweep_pb2.SweepTrigger.ValueType:
    payload = statement.payload
    if statement.proposer != PLANNER or not isinstance(payload, SweepBody):
        return sweep_pb2.SWEEP_TRIGGER_OPERATOR
    refills = any(policy.wallet(leg.to_wallet).kind is WalletKind.HOT for leg in payload.legs)
    return sweep_pb2.SWEEP_TRIGGER_FLOOR if refills else sweep_pb2.SWEEP_TRIGGER_CEILING


def _leg(leg: Leg, policy: Policy) -> sweep_pb2.SweepLegStatus:
    over = leg.state in (LegState.MOVED, LegState.FAILED) and leg.versions
    fee = common_pb2.AssetAmount(asset=leg.terms.fee_asset, amount=str(leg.fee_paid)) if over else None
    return sweep_pb2.SweepLegStatus(
        leg=_leg_terms(leg.terms),
        state=LEG_STATES[leg.state],
        txs=list(_transactions(leg, policy.wallet(leg.terms.from_wallet).network)),
        network_fee=fee,
        tag=leg.tag,
    )


def _leg_terms(terms: SweepLeg) -> statement_pb2.SweepLeg:
    return statement_pb2.SweepLeg(
        from_wallet=terms.from_wallet,
        to_wallet=terms.to_wallet,
        to_address=terms.to_address,
        asset=terms.asset,
        amount=str(terms.amount),
        fee_asset=terms.fee_asset,
        fee_cap=str(terms.fee_cap),
    )


def _transactions(leg: Leg, network: str) -> Iterator[common_pb2.ChainTx]:
    for version in reversed(leg.signed_versions):
        seen = (
            leg.seen
            if leg.seen is not None and leg.seen.transaction_hash == version.transaction_hash
            else None
        )
        message = common_pb2.ChainTx(
            network=network,
            hash="0x" + version.transaction_hash.hex(),
            state=_transaction_state(leg, version, seen is not None),
        )
        if seen is not None:
            message.block_height = seen.block_height
            message.block_hash = "0x" + seen.block_hash.hex()
            message.block_time.MergeFrom(timestamp(seen.block_ms) or message.block_time)
        yield message


def _transaction_state(leg: Leg, version: Version, here: bool) -> common_pb2.TxState.ValueType:
    if leg.state is LegState.MOVED:
        return common_pb2.TX_STATE_FINAL if here else common_pb2.TX_STATE_REPLACED
    if leg.state is LegState.FAILED:
        return common_pb2.TX_STATE_FAILED if here else common_pb2.TX_STATE_REPLACED
    if leg.state is LegState.CONFIRMED and here:
        return common_pb2.TX_STATE_CONFIRMED
    return common_pb2.TX_STATE_BROADCAST if version.broadcast else common_pb2.TX_STATE_SIGNED


def wallet_message(state: State, wallet: Wallet) -> treasury_pb2.Wallet:
    """One wallet of the policy; FROZEN while a halt covers it by name."""
    frozen = any(f"wallet:{wallet.id}" in halt.scopes for halt in state.control.halts.values())
    return treasury_pb2.Wallet(
        wallet_id=wallet.id,
        kind=treasury_pb2.WalletKind.Value(f"WALLET_KIND_{wallet.kind.value}"),
        network=wallet.network,
        group=wallet.group,
        state=treasury_pb2.WALLET_STATE_FROZEN if frozen else treasury_pb2.WALLET_STATE_ACTIVE,
        addresses=[wallet.address],
        bands=[
            treasury_pb2.Band(
                asset=asset, floor=str(band.floor), target=str(band.target), ceiling=str(band.ceiling)
            )
            for asset, band in wallet.bands.items()
        ],
        key_ids=[wallet.key.key_id],
        key_valid_until=timestamp(wallet.key.valid_until_ms),
        signer=wallet.signer,
    )


def balance(row: BalanceRow, chain: OnChain | None) -> treasury_pb2.Balance:
    """One account, without `as_of`; `chain` is what the chain said last of a wallet."""
    message = treasury_pb2.Balance(
        owner=row.account,
        asset=row.asset,
        debits_pending=str(row.debits_pending),
        debits_posted=str(row.debits_posted),
        credits_pending=str(row.credits_pending),
        credits_posted=str(row.credits_posted),
        available=str(row.available),
    )
    if chain is not None:
        message.on_chain_final = str(chain.final)
        message.on_chain_unfinal = str(chain.head - chain.final)
        message.block_height = chain.block.height
        message.block_hash = "0x" + chain.block.hash.hex()
        message.as_of_time.MergeFrom(timestamp(chain.asked_ms) or message.as_of_time)
    return message
