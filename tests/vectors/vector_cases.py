"""The bodies of the vectors in protobuf's JSON form: the protos' names, bytes in base64, u64 as text."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Any

Fields = dict[str, Any]

ETH = "eip155:1/slip44:60"
USDC = "eip155:1/erc20:0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48"
BTC = "bip122:000000000019d6689c085ae165831e93/slip44:0"
ADDRESS = "0xAb5801a7D398351b8bE11C439e05C5B3259aeC9B"
T0 = 1_800_000_000_000
TYPES = {
    "intent": "WithdrawalIntent",
    "cancel": "CancelBody",
    "propose": "Statement",
    "approve": "Statement",
    "reject": "Statement",
    "halt": "HaltBody",
    "suspend": "SuspendBody",
    "cancel-pending": "CancelPendingBody",
    "tombstone": "TombstoneBody",
    "checkpoint": "CheckpointBody",
    "journal-head": "JournalHeadBody",
    "possession": "PossessionBody",
}


@dataclass(frozen=True, slots=True)
class Case:
    """One body; a statement's payload stands beside its fields, and its bytes become the field `body`."""

    name: str
    signed_type: str
    fields: Fields
    payload: tuple[str, Fields] | None = None
    schemes: tuple[str, ...] = field(default=("ed25519",))


ALL_SCHEMES = ("ed25519", "ecdsa-secp256k1-sha256", "ecdsa-p256-sha256", "bip340", "ethereum", "sshsig")


def digest(name: str) -> str:
    """32 bytes that stand for a hash, in base64."""
    return base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()


def few(name: str, length: int) -> str:
    """So many bytes, in base64."""
    return base64.b64encode(hashlib.sha512(name.encode()).digest()[:length]).decode()


INTENT: Fields = {
    "initiator": "backend-eu",
    "reference": "w-2026-000001",
    "attempt": 1,
    "asset": ETH,
    "amount": "1500000000000000000",
    "address": ADDRESS,
    "pool": "customers",
    "customer": "c-7f3a",
    "fee_mode": "FEE_MODE_HOUSE",
    "service_fee": "0",
    "submit_before_unix_ms": str(T0),
    "pay_before_unix_ms": str(T0 + 3_600_000),
    "routing_sequence": "1",
}
LARGEST: Fields = {
    **INTENT,
    "initiator": "i" * 64,
    "reference": "!" + "~" * 127,
    "attempt": 2**32 - 1,
    "amount": str(2**128 - 2),
    "service_fee": "1",
    "memo": "Größe " + "m" * 120,
    "customer": "a b" + "c" * 61,
    "limit_class": "retail",
    "submit_before_unix_ms": "253402300799999",
    "pay_before_unix_ms": "253402300799999",
    "routing_sequence": str(2**63 - 1),
}
DEDUCT: Fields = {**INTENT, "fee_mode": "FEE_MODE_DEDUCT", "max_network_fee": "21000000000000"}
STATEMENT: Fields = {
    "policy_hash": digest("policy"),
    "governance_sequence": "1",
    "governance_hash": digest("genesis"),
    "signer_epoch": "1",
    "proposer": "ada",
    "expires_unix_ms": str(T0 + 86_400_000),
    "nonce": few("nonce", 16),
}
LEG: Fields = {
    "from_wallet": "cold-eth-1",
    "to_wallet": "hot-eth-1",
    "to_address": ADDRESS,
    "asset": ETH,
    "amount": "25000000000000000000",
    "fee_asset": ETH,
    "fee_cap": "2100000000000000",
}
HALT: Fields = {
    "operator": "ada",
    "scopes": ["payouts", f"asset:{USDC}", "wallet:hot-eth-1", "customer:c-7f3a", f"destination:{ADDRESS}"],
    "reason": "an unknown transaction left hot-eth-1",
    "issued_unix_ms": str(T0),
    "number": "1",
}
POSSESSION: Fields = {
    "wallet": "hot-eth-1",
    "kind": "HOT",
    "network": "eip155:1",
    "signer": "hot-1",
    "scheme": "ethereum",
    "public_key": few("address", 20),
}
ROTATION: Fields = {
    "action": "KEY_ACTION_ADD",
    "holder": "KEY_HOLDER_INITIATOR",
    "holder_id": "backend-eu",
    "key_id": hashlib.sha256(b"key").hexdigest(),
    "scheme": "ed25519",
    "public_key": few("key", 32),
    "role": "risk-engine",
    "possession": few("possession", 64),
    "valid_from_unix_ms": str(T0),
    "valid_until_unix_ms": str(T0 + 10**10),
}
PAYLOADS: dict[str, tuple[str, Fields]] = {
    "SWEEP": ("SweepBody", {"legs": [LEG]}),
    "RELEASE": (
        "ReleaseBody",
        {"items": [{"withdrawal_id": "01KARZ3NDEKTSV4RRFFQ69G5FA", "intent_sha256": digest("intent")}]},
    ),
    "RESUME": ("ResumeBody", {"halt_id": hashlib.sha256(b"halt").hexdigest(), "reason": "explained"}),
    "ACTIVATE": (
        "ActivateBody",
        {
            "signer": "hot-1",
            "store_id": few("store", 16),
            "intents_after_unix_ms": str(T0),
            "spent": [{"asset": ETH, "amount": "0"}, {"asset": USDC, "amount": "125000000"}],
        },
    ),
    "POLICY": ("PolicyBody", {"policy": base64.b64encode(b'[deployment]\nsalt = ""\n').decode()}),
    "ADDRESS": (
        "AddressBody",
        {
            "action": "ADDRESS_ACTION_ADD",
            "network": "eip155:1",
            "address": ADDRESS,
            "initiator": "backend-eu",
            "label": "Zürich vault",
        },
    ),
    "KEY_ROTATION": ("KeyRotationBody", ROTATION),
    "OPENING": (
        "OpeningBody",
        {
            "wallet": "hot-eth-1",
            "asset": ETH,
            "amount": "100000000000000000000",
            "pool": "customers",
            "network": "eip155:1",
            "block_height": "19000000",
            "block_hash": digest("block"),
        },
    ),
    "ADJUSTMENT": (
        "AdjustmentBody",
        {
            "asset": ETH,
            "amount": "1",
            "debit_account": "suspense",
            "credit_account": "pool:house",
            "evidence_sha256": digest("evidence"),
            "reason": "dust sent to us",
        },
    ),
    "LIABILITY_TRANSFER": (
        "LiabilityTransferBody",
        {"asset": ETH, "amount": "5", "from_pool": "house", "to_pool": "insurance", "reference": "m-1"},
    ),
}


def statement(kind: str, **changes: Any) -> Fields:
    """A statement's fields but for its body."""
    return {"kind": f"PROPOSAL_KIND_{kind}", **STATEMENT, **changes}


def _for_every_scheme() -> list[Case]:
    attempt = {"initiator": "backend-eu", "reference": "w-2026-000001", "attempt": 1}
    told = {"reason": "the laptop was lost", "issued_unix_ms": str(T0), "number": "300"}
    bodies: dict[str, Fields] = {
        "intent": INTENT,
        "cancel": {**attempt, "intent_sha256": digest("intent"), "issued_unix_ms": str(T0)},
        "halt": HALT,
        "suspend": {"by": "ada", "operator": "bo", **told},
        "cancel-pending": {"operator": "ada", "statement_sha256": digest("statement"), **told},
        "tombstone": {
            "signer": "hot-1",
            "wallet": "hot-eth-1",
            **attempt,
            "intent_sha256": digest("intent"),
            "log_sequence": "41",
            "recorded_unix_ms": str(T0),
        },
        "checkpoint": {
            "journal": "server/main",
            "tree_size": "1000",
            "root": digest("root"),
            "issued_unix_ms": str(T0),
        },
        "journal-head": {
            "signer": "hot-1",
            "sequence": "41",
            "hash": digest("row"),
            "governance_sequence": "1",
        },
        "possession": POSSESSION,
    }
    plain = [Case(name, name, fields, None, ALL_SCHEMES) for name, fields in bodies.items()]
    sweeps = [
        Case(f"{name}-sweep", name, statement("SWEEP"), PAYLOADS["SWEEP"], ALL_SCHEMES)
        for name in ("propose", "approve", "reject")
    ]
    return plain + sweeps


def cases() -> list[Case]:
    """Every type under every scheme, then every kind of statement and the edges of forms."""
    kinds = [
        Case(f"propose-{kind.lower().replace('_', '-')}", "propose", statement(kind), payload)
        for kind, payload in PAYLOADS.items()
        if kind != "SWEEP"
    ]
    retire = {name: ROTATION[name] for name in ("holder_id", "key_id", "valid_until_unix_ms")}
    retire |= {"action": "KEY_ACTION_RETIRE", "holder": "KEY_HOLDER_OPERATOR"}
    audit = {**POSSESSION, "wallet": "hot-1", "kind": "AUDIT", "scheme": "ed25519"}
    del audit["network"]
    legs = {"legs": [LEG, {**LEG, "asset": USDC, "to_wallet": "hot-eth-2", "fee_cap": "0"}]}
    edges = [
        Case("intent-largest", "intent", LARGEST),
        Case("intent-deduct", "intent", DEDUCT),
        Case("intent-bitcoin", "intent", {**INTENT, "asset": BTC, "address": "bc1q" + "q" * 38}),
        Case("approve-later", "approve", statement("SWEEP", not_before_unix_ms=str(T0)), ("SweepBody", legs)),
        Case("approve-retire", "approve", statement("KEY_ROTATION"), ("KeyRotationBody", retire)),
        Case("possession-audit", "possession", audit),
    ]
    return _for_every_scheme() + kinds + edges
