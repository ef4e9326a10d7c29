"""What a ledger's bench works on: a million customers with an address each, one asset, one wallet, one initiator.

The n-th withdrawal is the same for every ledger that is measured. It is signed and prepared once, for all of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import nacl.signing

from custody import statements
from custody.api.signed.v1 import withdrawal_pb2 as signed_pb2
from custody.api.v1 import withdrawal_pb2
from custody.crypto import Keyring, Scheme, key_id
from custody.ledger import Ledger, Prepared, Rules, prepare

__all__ = ["ETH", "NOW_MS", "WALLET", "Limit", "Withdrawal", "Work", "limits", "nth"]

ETH = "eip155:1/slip44:60"
WALLET = "hot-1"
INITIATOR = "backend"
NOW_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
CUSTOMERS = 1_000_000
SERVICE_FEE = 3
# Far above what a bench spends.
MOST = 10**18
DEPLOYMENT = b"\x11" * 32
_WINDOWS_H = (1, 2, 4, 6, 12, 24, 48, 72, 168, 720)
_SCOPES = (
    (),
    ("wallet",),
    ("initiator",),
    ("customer",),
    ("destination",),
    ("asset",),
    ("class",),
    ("asset", "wallet"),
    ("class", "customer"),
    ("class", "destination"),
)


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` base units, or `count` withdrawals, in any `window_ms` for each value of `scope`."""

    id: str
    scope: tuple[str, ...]
    window_ms: int
    amount: int | None = MOST
    count: int | None = None

    def document(self) -> dict[str, Any]:
        """As the rules' JSON has it."""
        return {
            "id": self.id,
            "scope": list(self.scope),
            "asset": ETH,
            "class": None,
            "window": {"sliding_ms": self.window_ms},
            "amount": None if self.amount is None else str(self.amount),
            "count": self.count,
            "over": "deny",
        }

    def line(self) -> str:
        """As the benches in Rust read it."""
        bounds = ("-" if bound is None else str(bound) for bound in (self.amount, self.count))
        return " ".join(("limit", self.id, "+".join(self.scope) or "-", str(self.window_ms), *bounds))


_TEN = (
    Limit("asset.hour", (), HOUR_MS),
    Limit("asset.day", (), DAY_MS),
    Limit("wallet.hour", ("wallet",), HOUR_MS),
    Limit("wallet.week", ("wallet",), 7 * DAY_MS),
    Limit("initiator.day", ("initiator",), DAY_MS),
    Limit("customer.hour", ("customer",), HOUR_MS),
    Limit("customer.day", ("customer",), DAY_MS),
    Limit("customer.count", ("customer",), DAY_MS, amount=None, count=10**6),
    Limit("customer.week", ("customer",), 7 * DAY_MS),
    Limit("destination.day", ("destination",), DAY_MS),
)


def limits(count: int) -> tuple[Limit, ...]:
    """So many limits (0, 10 or 100) that all count every withdrawal."""
    if count == len(_SCOPES) * len(_WINDOWS_H):
        return tuple(
            Limit(f"{'.'.join(scope) or 'all'}.{hours}h", scope, hours * HOUR_MS)
            for scope in _SCOPES
            for hours in _WINDOWS_H
        )
    return {0: (), 10: _TEN}[count]


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One, as a peer takes it: its body stands for what is signed."""

    reference: str
    body: bytes
    customer: str
    destination: str
    amount: int
    service_fee: int
    submit_before_ms: int
    pay_before_ms: int

    def value(self, dimension: str) -> str:
        """What a limit counts it under."""
        shared = {"asset": ETH, "wallet": WALLET, "initiator": INITIATOR, "class": "retail"}
        return shared.get(dimension) or (self.customer if dimension == "customer" else self.destination)


def nth(n: int, **changes: Any) -> Withdrawal:
    """Return the n-th of many."""
    customer = (
        int.from_bytes(hashlib.blake2b(n.to_bytes(8, "big"), digest_size=8).digest(), "big") % CUSTOMERS
    )
    fields: dict[str, Any] = {
        "reference": f"w-{n}",
        "customer": f"c-{customer}",
        # Digits alone have no case, so no checksum to get wrong.
        "destination": f"0x7{customer:039d}",
        "amount": 1_000 + n % 1_000,
        "service_fee": SERVICE_FEE,
        "submit_before_ms": NOW_MS + DAY_MS,
        "pay_before_ms": NOW_MS + DAY_MS + n % 60 * 1_000,
    } | changes
    return Withdrawal(body=hashlib.sha256(repr(sorted(fields.items())).encode()).digest(), **fields)


class Work:
    """The backend: its key, the rules that know it, ledgers under them, and requests signed and prepared beforehand."""

    def __init__(self) -> None:
        self._key = nacl.signing.SigningKey(b"\x07" * 32)
        public = bytes(self._key.verify_key)
        self._key_id = key_id(Scheme.ED25519, public)
        self._keyring = Keyring()
        self._keyring.enrol(self._key_id, Scheme.ED25519, public)
        self._rules = self.rules(())

    def rules(self, some: Sequence[Limit]) -> Rules:
        """Return the rules with these limits. Requests are bound to a policy's hash, and all of these have one."""
        key = {"key_id": self._key_id, "role": "backend", "valid_from_ms": 0, "valid_until_ms": 2**63}
        document = {
            "deployment": DEPLOYMENT.hex(),
            "policy_hash": "22" * 32,
            "rules_version": 1,
            "governance_sequence": 1,
            "partition": "main",
            "house_pool": "house",
            "pools": [{"name": name, "purpose": name} for name in ("customers", "house")],
            "assets": [{"id": ETH, "network": "eip155:1", "native": True}],
            "networks": [{"id": "eip155:1", "fee_asset": ETH}],
            "initiators": [
                {
                    "id": INITIATOR,
                    "pools": ["customers"],
                    "limit_classes": ["retail"],
                    "role": "backend",
                    "keys": [key | {"retired": False}],
                    "co_sign": [],
                }
            ],
            "limits": [limit.document() for limit in some],
            "wallets": [
                {
                    "id": WALLET,
                    "kind": "HOT",
                    "network": "eip155:1",
                    "address": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                }
            ],
            "forbidden": [],
        }
        return Rules(json.dumps(document).encode())

    def ledger(self, some: Sequence[Limit], opened: int = 1 << 60) -> Ledger:
        """Return a ledger under these limits, with so much in each of its two pools."""
        ledger = Ledger()
        ledger.set_rules(self.rules(some), self._keyring.version)
        for pool in ("customers", "house"):
            ledger.apply_fact(ledger.decide_open(WALLET, ETH, opened, pool))
        return ledger

    def intent(self, withdrawal: Withdrawal) -> bytes:
        """Return its body to sign."""
        intent = signed_pb2.WithdrawalIntent(
            initiator=INITIATOR,
            reference=withdrawal.reference,
            attempt=1,
            asset=ETH,
            amount=str(withdrawal.amount),
            address=withdrawal.destination,
            pool="customers",
            customer=withdrawal.customer,
            limit_class="retail",
            fee_mode=signed_pb2.FEE_MODE_HOUSE,
            service_fee=str(withdrawal.service_fee),
            submit_before_unix_ms=withdrawal.submit_before_ms,
            pay_before_unix_ms=withdrawal.pay_before_ms,
            routing_sequence=1,
        )
        return intent.SerializeToString(deterministic=True)

    def prepared(self, batch: Sequence[Withdrawal]) -> Prepared:
        """Return a request of these, signed, parsed and verified."""
        request = withdrawal_pb2.SubmitWithdrawalsRequest(request_id="bench")
        for each in batch:
            body = self.intent(each)
            message = statements.signed_message("intent", DEPLOYMENT, body)
            item = request.items.add(intent=body)
            item.signatures.add(key_id=self._key_id, signature=self._key.sign(message).signature)
        made = prepare(request.SerializeToString(), INITIATOR, self._rules, self._keyring, b"\x05" * 32)
        if made.valid != len(batch):
            raise SystemExit(f"{made.valid} valid of {len(batch)}: the number would mean nothing")
        return made
