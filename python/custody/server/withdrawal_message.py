"""A withdrawal as the API shows it: from one read of the state, the intent as it was signed, and the client's words."""

from __future__ import annotations

import json
from collections.abc import Iterator

from google.protobuf.timestamp_pb2 import Timestamp

from custody import statements
from custody.api.signed.v1 import withdrawal_pb2 as signed_pb
from custody.api.v1 import common_pb2, withdrawal_pb2
from custody.ledger import ulid_text
from custody.model.payout import Payout, PayoutState
from custody.model.policy import Policy
from custody.model.transaction import Version
from custody.model.withdrawal_book import Ended
from custody.services.conditions import ConditionKind, Conditions
from custody.services.old_withdrawals import OldWithdrawal
from custody.services.queries import WithdrawalRead

__all__ = ["blockers", "cursor", "old_withdrawal", "timestamp", "withdrawal"]

_CONDITIONS = {
    ConditionKind.FEE_ABOVE_CAP: withdrawal_pb2.BLOCKER_KIND_FEE_ABOVE_CAP,
    ConditionKind.HOUSE_EMPTY: withdrawal_pb2.BLOCKER_KIND_LIQUIDITY,
    ConditionKind.CAP_REACHED: withdrawal_pb2.BLOCKER_KIND_LIQUIDITY,
    ConditionKind.SIGNER_DOWN: withdrawal_pb2.BLOCKER_KIND_SIGNER_DOWN,
    ConditionKind.SIGNER_REFUSES: withdrawal_pb2.BLOCKER_KIND_SIGNER_DOWN,
    ConditionKind.NODE_DOWN: withdrawal_pb2.BLOCKER_KIND_NODE_DOWN,
}
_OF_WALLET = (ConditionKind.FEE_ABOVE_CAP, ConditionKind.HOUSE_EMPTY, ConditionKind.CAP_REACHED)
_WAITING = frozenset({"QUEUED", "SIGNING"})


def timestamp(unix_ms: int) -> Timestamp | None:
    """A time, or None for 0: an absent field."""
    return Timestamp(seconds=unix_ms // 1000, nanos=unix_ms % 1000 * 1_000_000) if unix_ms else None


def cursor(partition: str, sequence: int) -> common_pb2.Cursor:
    """A place in the journal."""
    return common_pb2.Cursor(partition=partition, sequence=sequence)


def withdrawal(
    read: WithdrawalRead,
    policy: Policy,
    partition: str,
    intent_bytes: bytes,
    words: bytes | None,
    conditions: Conditions,
) -> withdrawal_pb2.Withdrawal:
    """The whole message. `intent_bytes` are as received; `words` the client's metadata as JSON, if any."""
    view = read.view
    return withdrawal_pb2.Withdrawal(
        withdrawal_id=view.withdrawal_id,
        intent_bytes=intent_bytes,
        intent=_intent(intent_bytes),
        state=withdrawal_pb2.WithdrawalState.Value(f"WITHDRAWAL_STATE_{read.state}"),
        blockers=blockers(read, policy, conditions),
        priority=withdrawal_pb2.Priority.ValueType(view.priority),
        metadata=json.loads(words) if words else {},
        payout_id=view.payout_id,
        wallet_id=view.wallet,
        txs=list(_transactions(read.payout, policy)) if read.payout else [],
        network_fee=_network_fee(read, policy),
        net_amount=str(_net_amount(read)),
        queue_position=read.position,
        eta_p50=timestamp(read.eta.p50_ms if read.eta is not None else 0),
        eta_p90=timestamp(read.eta.p90_ms if read.eta is not None else 0),
        accepted_at=timestamp(view.accepted_ms),
        final_at=timestamp(read.final_ms),
        tag=_tag(read),
        as_of=cursor(partition, read.as_of),
    )


def old_withdrawal(
    old: OldWithdrawal, ended: Ended | None, partition: str, as_of: int, words: bytes | None
) -> withdrawal_pb2.Withdrawal:
    """One that left memory: without its payout, what it received and the network's fee, which events told."""
    return withdrawal_pb2.Withdrawal(
        withdrawal_id=old.withdrawal_id,
        intent_bytes=old.intent,
        intent=_intent(old.intent),
        state=withdrawal_pb2.WithdrawalState.Value(f"WITHDRAWAL_STATE_{old.state}"),
        priority=withdrawal_pb2.Priority.ValueType(old.priority),
        metadata=json.loads(words) if words else {},
        wallet_id=old.wallet,
        accepted_at=timestamp(old.accepted_ms),
        final_at=timestamp(ended.ended_ms if ended is not None else 0),
        tag=ended.tag if ended is not None else "",
        as_of=cursor(partition, as_of),
    )


def blockers(read: WithdrawalRead, policy: Policy, conditions: Conditions) -> list[withdrawal_pb2.Blocker]:
    """Why it waits: what the ledger says, then what the workers last met."""
    if read.cancellation is not None:
        return []
    found = [
        withdrawal_pb2.Blocker(
            kind=withdrawal_pb2.BlockerKind.Value(f"BLOCKER_KIND_{blocker.kind.value}"), tag=blocker.tag
        )
        for blocker in read.blockers
    ]
    if read.state in _WAITING:
        wallet = policy.wallet(read.view.wallet)
        subjects = [(kind, wallet.id) for kind in _OF_WALLET]
        subjects += [
            (ConditionKind.SIGNER_DOWN, wallet.signer),
            (ConditionKind.SIGNER_REFUSES, wallet.signer),
            (ConditionKind.NODE_DOWN, wallet.network),
        ]
        held = [conditions.get(kind, subject) for kind, subject in subjects]
        found += [
            withdrawal_pb2.Blocker(kind=_CONDITIONS[each.kind], tag=each.tag)
            for each in held
            if each is not None
        ]
    return found


def _intent(body: bytes) -> signed_pb.WithdrawalIntent:
    intent = statements.parse_intent(body)
    fee = intent.max_network_fee
    return signed_pb.WithdrawalIntent(
        initiator=intent.initiator,
        reference=intent.reference,
        attempt=intent.attempt,
        asset=intent.asset,
        amount=str(intent.amount),
        address=intent.address,
        memo=intent.memo,
        pool=intent.pool,
        customer=intent.customer,
        limit_class=intent.limit_class,
        fee_mode=signed_pb.FeeMode.ValueType(intent.fee_mode),
        max_network_fee="" if fee is None else str(fee),
        service_fee=str(intent.service_fee),
        submit_before_unix_ms=intent.submit_before_unix_ms,
        pay_before_unix_ms=intent.pay_before_unix_ms,
        routing_sequence=intent.routing_sequence,
    )


def _tag(read: WithdrawalRead) -> str:
    if read.ended is not None:
        return read.ended.tag
    if read.state == "REFUNDED" and read.payout is not None:
        return read.payout.tag
    return read.view.tag if read.state == "HELD" else ""


def _net_amount(read: WithdrawalRead) -> int:
    payout = read.payout
    if payout is None:
        return read.view.amount
    for id_, net in zip(payout.withdrawal_ids, payout.versions[0].net_amounts, strict=True):
        if ulid_text(id_) == read.view.withdrawal_id:
            return net
    return read.view.amount


def _network_fee(read: WithdrawalRead, policy: Policy) -> common_pb2.AssetAmount | None:
    payout = read.payout
    if payout is None or payout.state not in (PayoutState.PAID, PayoutState.FAILED):
        return None
    network = policy.network(policy.wallet(payout.wallet).network)
    return common_pb2.AssetAmount(asset=network.fee_asset, amount=str(payout.fee_paid))


def _transactions(payout: Payout, policy: Policy) -> Iterator[common_pb2.ChainTx]:
    network = policy.wallet(payout.wallet).network
    for version in reversed(payout.versions):
        if not version.signed:
            continue
        here = payout.seen is not None and payout.seen.transaction_hash == version.transaction_hash
        message = common_pb2.ChainTx(
            network=network,
            hash="0x" + version.transaction_hash.hex(),
            state=_transaction_state(payout, version, here),
        )
        if here and payout.seen is not None:
            message.block_height = payout.seen.block_height
            message.block_hash = "0x" + payout.seen.block_hash.hex()
            seen_at = timestamp(payout.seen.block_ms)
            if seen_at is not None:
                message.block_time.CopyFrom(seen_at)
        yield message


def _transaction_state(payout: Payout, version: Version, here: bool) -> common_pb2.TxState.ValueType:
    if payout.state is PayoutState.PAID:
        return common_pb2.TX_STATE_FINAL if here else common_pb2.TX_STATE_REPLACED
    if payout.state is PayoutState.FAILED:
        return common_pb2.TX_STATE_FAILED if here else common_pb2.TX_STATE_REPLACED
    if payout.state is PayoutState.CONFIRMED and here:
        return common_pb2.TX_STATE_CONFIRMED
    return common_pb2.TX_STATE_BROADCAST if version.broadcast else common_pb2.TX_STATE_SIGNED
