"""What the batch path needs of a policy, as the JSON that Rust's intake reads; deterministic."""

from __future__ import annotations

import json

from custody.model.policy import Policy


def intake_rules(policy: Policy, governance_sequence: int, partition: str) -> bytes:
    """The rules of one policy version for `custody.ledger`, as compact JSON with sorted keys."""
    document = {
        "governance_sequence": governance_sequence,
        "partition": partition,
        "policy_hash": policy.hash.hex(),
    }
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")
