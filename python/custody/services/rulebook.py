"""The policy in force as the batch path uses it: one object, exchanged as a whole when governance advances."""

from __future__ import annotations

import structlog

from custody.crypto import Keyring
from custody.ledger import Ledger, Rules
from custody.model.governance import Governance
from custody.model.intake_rules import intake_rules

__all__ = ["Rulebook"]

_log = structlog.get_logger("rulebook")


class Rulebook:
    """Holds what `prepare` needs in any thread, and gives the ledger the same. Changed by the writer's thread alone.

    A batch that was prepared under other rules or keys is stale to the ledger, and is prepared again.
    """

    def __init__(self, ledger: Ledger, keyring: Keyring, partition: str) -> None:
        self.keyring = keyring
        self.ledger = ledger
        self._partition = partition
        self._rules: Rules | None = None
        self._keyring_version = -1

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        if self._rules is None:
            raise RuntimeError("the writer was not started")
        return self._rules

    def follow(self, governance: Governance) -> None:
        """Take the policy at the governance head."""
        rules = Rules(
            intake_rules(governance.policy, governance.head_sequence, self._partition, governance.deployment)
        )
        self._keyring_version = self.keyring.version
        self.ledger.set_rules(rules, self._keyring_version)
        self._rules = rules

    def warn(self, now_ms: int) -> None:
        """Say which limits cannot count all that their windows hold, for a policy that was just enacted."""
        for limit_id, counts_from_ms in self.ledger.young_limits(now_ms):
            _log.warning(
                "limit misses what is no longer in memory", limit=limit_id, counts_from_ms=counts_from_ms
            )

    def follow_keys(self) -> None:
        """Take the keyring as it is now."""
        version = self.keyring.version
        if version != self._keyring_version:
            self.ledger.set_keyring_version(version)
            self._keyring_version = version
