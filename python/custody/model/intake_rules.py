"""What the batch path needs of a policy, as the JSON that Rust's intake reads; deterministic, and nothing left out."""

from __future__ import annotations

import json
from typing import Any

from custody.model.policy import Initiator, Key, Limit, Policy

RULES_VERSION = 1
"""The version of the rules compiled in; raised whenever the same input may be decided otherwise."""

_NO_END_MS = 2**64 - 1


def intake_rules(policy: Policy, governance_sequence: int, partition: str, deployment: bytes) -> bytes:
    """The rules of one policy version for `custody.ledger.Rules`, as compact JSON with sorted keys.

    `deployment` is the genesis policy's hash, which every signature is bound to.
    """
    document: dict[str, Any] = {
        "deployment": deployment.hex(),
        "policy_hash": policy.hash.hex(),
        "rules_version": RULES_VERSION,
        "governance_sequence": governance_sequence,
        "partition": partition,
        "house_pool": policy.house_pool,
        "pools": [{"name": pool.name, "purpose": pool.purpose} for pool in policy.pools],
        "assets": [
            {"id": asset.id, "network": asset.network, "native": asset.native} for asset in policy.assets
        ],
        "networks": [{"id": network.id, "fee_asset": network.fee_asset} for network in policy.networks],
        "initiators": [_initiator(initiator) for initiator in policy.initiators],
        "limits": [_limit(limit) for limit in policy.limits],
        "wallets": [
            {"id": wallet.id, "kind": wallet.kind.value, "network": wallet.network, "address": wallet.address}
            for wallet in policy.wallets
        ],
        "forbidden": [],
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")


def _initiator(initiator: Initiator) -> dict[str, Any]:
    return {
        "id": initiator.id,
        "role": initiator.role,
        "pools": list(initiator.pools),
        "limit_classes": list(initiator.limit_classes),
        "keys": [_key(key) for key in initiator.keys],
        "co_sign": [
            {"asset": rule.asset, "above": str(rule.above), "role": rule.role} for rule in initiator.co_sign
        ],
    }


def _key(key: Key) -> dict[str, Any]:
    return {
        "key_id": key.key_id,
        "role": key.role,
        "valid_from_ms": key.valid_from_ms,
        "valid_until_ms": key.valid_until_ms or _NO_END_MS,
        "retired": False,
    }


def _limit(limit: Limit) -> dict[str, Any]:
    return {
        "id": limit.id,
        "scope": list(limit.scope),
        "asset": limit.asset,
        "class": limit.limit_class,
        "window": "lifetime" if limit.window_ms is None else {"sliding_ms": limit.window_ms},
        "amount": None if limit.amount is None else str(limit.amount),
        "count": limit.count,
        "over": limit.over,
    }
