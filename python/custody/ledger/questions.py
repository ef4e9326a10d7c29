"""What is asked of a ledger about one intent or reference; every answer changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

from custody._core import ledger as _core
from custody.errors import InvariantBroken, Malformed

__all__ = ["Questions"]


class Questions:
    """What a ledger says of an intent, and of references that may have left its memory."""

    _core: _core.Ledger

    def references_may_be_old(self, keys: Sequence[bytes]) -> tuple[int, list[bytes]]:
        """Which of these references may have left memory, and as of which generation of that filter. No lock."""
        return _core.may_be_old(self._core, keys)

    def explain(
        self,
        principal: str,
        intent: bytes,
        now_ms: int,
        *,
        everything: bool,
        generation: int = 0,
        found: Sequence[tuple[int, int, bytes, int]] = (),
    ) -> bytes | None:
        """What submitting this intent now would answer, and what every rule says: an ExplainWithdrawalResponse's bytes.

        Changes nothing. `everything`: the reader may know what initiators other than `principal` had a part in.
        `generation`, `found`: what was looked up of its reference, as for `answer`; None when that is stale.
        """
        try:
            return _core.explain(self._core, principal, intent, everything, generation, found, now_ms)
        except Malformed as error:
            raise InvariantBroken(f"ids: {error}") from error
