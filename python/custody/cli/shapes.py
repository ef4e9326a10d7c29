"""What the server tells, as --json shows it: snake_case names, amounts as decimal strings, times in unix ms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from custody.api.signer.v1 import signer_pb2
from custody.api.v1 import (
    admin_pb2,
    common_pb2,
    event_pb2,
    proposal_pb2,
    sweep_pb2,
    treasury_pb2,
    withdrawal_pb2,
)
from custody.client import results
from custody.client.results import enum_name, unix_ms

__all__ = [
    "approval_results_json",
    "balance_json",
    "chain_tx_json",
    "cursors_json",
    "event_json",
    "groups_json",
    "server_status_json",
    "signer_status_json",
    "sweep_json",
    "wallet_json",
    "withdrawal_json",
]


def cursors_json(cursors: Iterable[common_pb2.Cursor]) -> list[dict[str, Any]]:
    """Places in the journal."""
    return [{"partition": c.partition, "sequence": c.sequence} for c in cursors]


def chain_tx_json(tx: common_pb2.ChainTx) -> dict[str, Any]:
    """One version of a transaction."""
    return {
        "network": tx.network,
        "hash": tx.hash,
        "state": enum_name(common_pb2.TxState, tx.state),
        "block_height": tx.block_height,
        "block_hash": tx.block_hash,
        "confirmations": tx.confirmations,
        "required": tx.required,
    }


def _amount(holder: Any, name: str) -> dict[str, str] | None:
    if not holder.HasField(name):
        return None
    value = getattr(holder, name)
    return {"asset": value.asset, "amount": value.amount}


def withdrawal_json(message: withdrawal_pb2.Withdrawal) -> dict[str, Any]:
    """One withdrawal; what was asked for is read from the intent's signed bytes."""
    known = results.withdrawal(message)
    intent = known.intent
    return {
        "withdrawal_id": known.withdrawal_id,
        "initiator": intent.initiator,
        "reference": intent.reference,
        "attempt": intent.attempt,
        "state": str(known.state),
        "asset": intent.asset,
        "amount": str(intent.amount),
        "address": intent.address,
        "memo": intent.memo,
        "customer": intent.customer,
        "pool": intent.pool,
        "limit_class": intent.limit_class,
        "fee_mode": intent.fee_mode.name,
        "service_fee": str(intent.service_fee),
        "pay_before_unix_ms": intent.pay_before_unix_ms,
        "intent": known.intent_bytes.hex(),
        "blockers": [
            {"kind": b.kind, "tag": b.tag, "proposal_id": b.proposal_id, "until_unix_ms": b.until_ms}
            for b in known.blockers
        ],
        "priority": known.priority,
        "payout_id": known.payout_id,
        "wallet_id": known.wallet_id,
        "txs": [chain_tx_json(tx) for tx in message.txs],
        "network_fee": _amount(message, "network_fee"),
        "net_amount": message.net_amount,
        "queue_position": known.queue_position,
        "eta_p50_unix_ms": known.eta_p50_ms,
        "eta_p90_unix_ms": known.eta_p90_ms,
        "accepted_at_unix_ms": known.accepted_at_ms,
        "final_at_unix_ms": known.final_at_ms,
        "tag": known.tag,
    }


def groups_json(groups: Iterable[proposal_pb2.QuorumGroup]) -> list[dict[str, Any]]:
    """A quorum's groups."""
    return [
        {
            "name": group.name,
            "needed": group.needed,
            "counted": group.counted,
            "can_still_approve": list(group.can_still_approve),
        }
        for group in groups
    ]


def approval_results_json(answers: Iterable[proposal_pb2.ApprovalResult]) -> list[dict[str, Any]]:
    """What became of decisions."""
    return [
        {
            "proposal_id": answer.proposal_id,
            "counted": answer.counted,
            "tag": answer.tag,
            "detail": answer.detail,
            "state": enum_name(proposal_pb2.ProposalState, answer.state),
        }
        for answer in answers
    ]


def sweep_json(sweep: sweep_pb2.Sweep) -> dict[str, Any]:
    """One sweep."""
    return {
        "sweep_id": sweep.sweep_id,
        "proposal_id": sweep.proposal_id,
        "trigger": enum_name(sweep_pb2.SweepTrigger, sweep.trigger),
        "legs": [
            {
                "from_wallet": status.leg.from_wallet,
                "to_wallet": status.leg.to_wallet,
                "to_address": status.leg.to_address,
                "asset": status.leg.asset,
                "amount": status.leg.amount,
                "fee_asset": status.leg.fee_asset,
                "fee_cap": status.leg.fee_cap,
                "state": enum_name(sweep_pb2.SweepState, status.state),
                "txs": [chain_tx_json(tx) for tx in status.txs],
                "network_fee": _amount(status, "network_fee"),
                "tag": status.tag,
            }
            for status in sweep.legs
        ],
    }


def wallet_json(wallet: treasury_pb2.Wallet) -> dict[str, Any]:
    """One wallet as the server tells of it."""
    return {
        "wallet_id": wallet.wallet_id,
        "kind": enum_name(treasury_pb2.WalletKind, wallet.kind),
        "network": wallet.network,
        "group": wallet.group,
        "state": enum_name(treasury_pb2.WalletState, wallet.state),
        "addresses": list(wallet.addresses),
        "signer": wallet.signer,
        "bands": [
            {"asset": b.asset, "floor": b.floor, "target": b.target, "ceiling": b.ceiling}
            for b in wallet.bands
        ],
        "key_ids": list(wallet.key_ids),
    }


def balance_json(balance: treasury_pb2.Balance) -> dict[str, Any]:
    """One account."""
    return {
        "owner": balance.owner,
        "asset": balance.asset,
        "debits_pending": balance.debits_pending,
        "debits_posted": balance.debits_posted,
        "credits_pending": balance.credits_pending,
        "credits_posted": balance.credits_posted,
        "available": balance.available,
        "on_chain_final": balance.on_chain_final,
        "on_chain_unfinal": balance.on_chain_unfinal,
        "block_height": balance.block_height,
        "block_hash": balance.block_hash,
        "as_of": cursors_json([balance.as_of])[0],
        "as_of_time_unix_ms": unix_ms(balance, "as_of_time"),
    }


def server_status_json(status: admin_pb2.StatusResponse) -> dict[str, Any]:
    """How the server is."""
    return {
        "deployment": status.deployment,
        "policy_hash": status.policy_hash,
        "governance_sequence": status.governance_sequence,
        "governance_hash": status.governance_hash.hex(),
        "signer_epoch": status.signer_epoch,
        "epoch": status.epoch,
        "as_of": cursors_json(status.as_of),
        "journal_hash": status.journal_hash.hex(),
        "parts": [{"name": p.name, "serving": p.serving, "reason": p.reason} for p in status.parts],
        "halts": [
            {
                "halt_id": halt.halt_id,
                "scopes": list(halt.scopes),
                "by": halt.by,
                "reason": halt.reason,
                "since_unix_ms": unix_ms(halt, "since"),
            }
            for halt in status.halts
        ],
        "withdrawals": dict(status.withdrawals),
        "version": status.version,
        "started_at_unix_ms": unix_ms(status, "started_at"),
    }


def signer_status_json(status: signer_pb2.GetStatusResponse) -> dict[str, Any]:
    """How a signer is."""
    return {
        "signer": status.signer,
        "state": enum_name(signer_pb2.SignerState, status.state),
        "tag": status.tag,
        "store_id": status.store_id.hex(),
        "start_counter": status.start_counter,
        "deployment": status.deployment.hex(),
        "governance_sequence": status.governance_sequence,
        "governance_hash": status.governance_hash.hex(),
        "signer_epoch": status.signer_epoch,
        "epoch": status.epoch,
        "log_sequence": status.head.sequence,
        "log_hash": status.head.hash.hex(),
        "journal_sequence": status.head.journal_sequence,
        "halts": [
            {"halt_id": halt.halt_id, "scopes": list(halt.scopes), "reason": halt.reason}
            for halt in status.halts
        ],
        "hsm_calls": status.hsm_calls,
        "version": status.version,
    }


def event_json(event: event_pb2.Event) -> dict[str, Any]:
    """One event; `subject` is what it is about, as it is now."""
    subject: dict[str, Any] | None = None
    match event.WhichOneof("subject"):
        case "withdrawal":
            subject = {"withdrawal": withdrawal_json(event.withdrawal)}
        case "proposal":
            proposal = event.proposal
            state = enum_name(proposal_pb2.ProposalState, proposal.state)
            subject = {"proposal": {"proposal_id": proposal.proposal_id, "state": state, "tag": proposal.tag}}
        case "sweep":
            subject = {"sweep": sweep_json(event.sweep)}
        case "halt":
            halt = event.halt
            subject = {"halt": {"halt_id": halt.halt_id, "scopes": list(halt.scopes), "reason": halt.reason}}
    return {
        "partition": event.cursor.partition,
        "sequence": event.cursor.sequence,
        "recorded_at_unix_ms": unix_ms(event, "recorded_at"),
        "type": enum_name(event_pb2.EventType, event.type),
        "actor": event.actor,
        "subject": subject,
        "last_of_row": event.last_of_row,
        "record_kind": event.record_kind,
    }
