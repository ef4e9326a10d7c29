"""A backend with one key, the rules that know it, and requests as an ordinary encoder makes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import nacl.signing

from custody import statements
from custody.api.signed.v1 import withdrawal_pb2 as signed_pb2
from custody.api.v1 import withdrawal_pb2
from custody.crypto import Keyring, Scheme, key_id
from custody.ledger import Ledger, Prepared, Rules, Submitted, prepare

ETH = "eip155:1/slip44:60"
NOW_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
DEPLOYMENT = b"\x11" * 32
DESTINATION = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"


class Backend:
    """Signs intents, and sends them through `prepare` and `submit`."""

    def __init__(
        self, limits: Sequence[Mapping[str, Any]] = (), co_sign: Sequence[Mapping[str, str]] = ()
    ) -> None:
        self._key = nacl.signing.SigningKey(b"\x07" * 32)
        public = bytes(self._key.verify_key)
        self.key_id = key_id(Scheme.ED25519, public)
        self.keyring = Keyring()
        self.keyring.enrol(self.key_id, Scheme.ED25519, public)
        self.document = _rules(self.key_id, limits, co_sign)
        self.rules = self.rules_of(self.document)
        self.sequence = 0

    @staticmethod
    def rules_of(document: Mapping[str, Any]) -> Rules:
        """Read rules from their document."""
        return Rules(json.dumps(document).encode())

    def ledger(self, *opened: tuple[str, int, str]) -> Ledger:
        """A ledger into which these (wallet, amount, pool) of ETH came."""
        ledger = Ledger()
        ledger.set_rules(self.rules, self.keyring.version)
        for wallet, amount, pool in opened:
            ledger.apply_fact(ledger.decide_open(wallet, ETH, amount, pool))
        return ledger

    def intent(self, reference: str, amount: int, **fields: Any) -> bytes:
        """An intent's body."""
        values: dict[str, Any] = {
            "initiator": "backend",
            "reference": reference,
            "attempt": 1,
            "asset": ETH,
            "amount": str(amount),
            "address": DESTINATION,
            "pool": "customers",
            "customer": "c1",
            "fee_mode": signed_pb2.FEE_MODE_HOUSE,
            "service_fee": "0",
            "submit_before_unix_ms": NOW_MS + HOUR_MS,
            "pay_before_unix_ms": NOW_MS + 2 * HOUR_MS,
            "routing_sequence": 1,
        }
        body: bytes = signed_pb2.WithdrawalIntent(**(values | fields)).SerializeToString(deterministic=True)
        return body

    def item(self, body: bytes, **fields: Any) -> withdrawal_pb2.SubmitItem:
        """The signed body as an item."""
        signature = self._key.sign(statements.signed_message("intent", DEPLOYMENT, body)).signature
        item = withdrawal_pb2.SubmitItem(intent=body, **fields)
        item.signatures.add(key_id=self.key_id, signature=signature)
        return item

    def prepare(self, items: Sequence[withdrawal_pb2.SubmitItem]) -> Prepared:
        """A request of these items, prepared."""
        request = withdrawal_pb2.SubmitWithdrawalsRequest(request_id="trace", items=items)
        return prepare(request.SerializeToString(), "backend", self.rules, self.keyring, b"\x05" * 32)

    def submit(
        self, ledger: Ledger, now_ms: int, *groups: Sequence[withdrawal_pb2.SubmitItem]
    ) -> list[Submitted]:
        """Requests of one group, through to their answers."""
        submitted = ledger.submit([self.prepare(items) for items in groups], now_ms, self.sequence + 1)
        self.sequence += sum(each.record is not None for each in submitted)
        return submitted


def results(submitted: Submitted) -> list[withdrawal_pb2.SubmitResult]:
    """The items' answers."""
    return list(withdrawal_pb2.SubmitWithdrawalsResponse.FromString(submitted.response).results)


def limit(
    id_: str, over: str, amount: int | None, scope: Sequence[str] = (), **fields: Any
) -> dict[str, Any]:
    """One limit of the rules, on ETH."""
    document: dict[str, Any] = {
        "id": id_,
        "scope": list(scope),
        "asset": ETH,
        "class": None,
        "window": {"sliding_ms": HOUR_MS},
        "amount": None if amount is None else str(amount),
        "count": None,
        "over": over,
    }
    return document | fields


def _rules(
    key: str, limits: Sequence[Mapping[str, Any]], co_sign: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    wallets = [
        ("hot-1", "HOT", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
        ("cold-1", "COLD", "0x8617E340B3D01FA5F11F306F4090FD50E238070D"),
    ]
    initiator = {
        "id": "backend",
        "pools": ["customers"],
        "limit_classes": ["retail"],
        "role": "backend",
        "keys": [
            {"key_id": key, "role": "backend", "valid_from_ms": 0, "valid_until_ms": 2**63, "retired": False}
        ],
        "co_sign": list(co_sign),
    }
    return {
        "deployment": DEPLOYMENT.hex(),
        "policy_hash": "22" * 32,
        "rules_version": 1,
        "governance_sequence": 1,
        "partition": "main",
        "house_pool": "house",
        "pools": [{"name": name, "purpose": name} for name in ("customers", "house")],
        "assets": [{"id": ETH, "network": "eip155:1", "native": True}],
        "networks": [{"id": "eip155:1", "fee_asset": ETH}],
        "initiators": [initiator],
        "limits": list(limits),
        "wallets": [
            {"id": id_, "kind": kind, "network": "eip155:1", "address": address}
            for id_, kind, address in wallets
        ],
        "forbidden": [],
    }
