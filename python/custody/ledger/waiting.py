"""The ledger's queue: what is paid next, why the rest waits, and how long; it reserves nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from custody._core import ledger as _core
from custody.ledger.views import BlockerKind, BlockerView, Eta

__all__ = ["Waiting"]


class Waiting:
    """What a ledger says of its queue."""

    def __init__(self, core: _core.Ledger) -> None:
        """Ask this ledger."""
        self._core = core

    def select(
        self,
        wallet: str,
        now_ms: int,
        max_count: int,
        fee_asset: str,
        fee_per_item: int,
        passed_over: Iterable[str] = (),
        *,
        max_amounts: Mapping[str, int] | None = None,
        sizes: Mapping[str, tuple[int, int]] | None = None,
        max_weight: int | None = None,
        weights: Mapping[str, int] | None = None,
    ) -> list[str]:
        """The next withdrawals of a wallet that can be paid now, in order, but `passed_over`; reserves nothing.

        A payout may carry at most `max_amounts` of an asset, and `max_weight` vbytes or gas, where `weights` says
        what one withdrawal of an asset weighs at most: with a bound, an asset that it does not name is not selected.
        """
        return _core.select(
            self._core,
            wallet,
            now_ms,
            max_count,
            fee_asset,
            fee_per_item,
            list(passed_over),
            list((max_amounts or {}).items()),
            [(asset, least, most) for asset, (least, most) in (sizes or {}).items()],
            max_weight,
            list((weights or {}).items()),
        )

    def eta(self, withdrawal_id: str, now_ms: int) -> Eta | None:
        """By when it is likely paid, from how long others in its wallet took lately.

        None when too little is known to say, when it is held, halted or frozen, and when it has ended.
        """
        found = _core.eta(self._core, withdrawal_id, now_ms)
        return None if found is None else Eta(*found)

    def expired(self, now_ms: int, max_count: int = 1_000) -> list[str]:
        """Held and queued withdrawals whose pay_before has passed, the longest passed first."""
        return _core.expired(self._core, now_ms, max_count)

    def queued_demand(self, wallet: str, asset: str) -> int:
        """What a wallet's queue asks for in one asset; frozen withdrawals ask for nothing."""
        return _core.queued_demand(self._core, wallet, asset)

    def position(self, withdrawal_id: str) -> int | None:
        """A withdrawal's place in its wallet's queue, from 1; None while it is not queued."""
        return _core.position(self._core, withdrawal_id)

    def blockers(
        self, withdrawal_id: str, fee_asset: str | None = None, fee_per_item: int = 0
    ) -> list[BlockerView]:
        """Why a withdrawal waits, most telling first; with the network's fee, that is looked at too."""
        found = _core.blockers(self._core, withdrawal_id, fee_asset, fee_per_item)
        return [BlockerView(BlockerKind(kind), tag, scope) for kind, tag, scope in found]

    def halt_of(self, withdrawal_id: str) -> str | None:
        """The id of the first halt in force that stops a withdrawal's payout; None when nothing does."""
        found = _core.halt_of(self._core, withdrawal_id)
        return None if found is None else found[0]
