"""The ledger of one partition: `decide_…` asks and changes nothing; `apply_…` and `submit` alone change it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from custody._core import ledger as _core
from custody.errors import InvariantBroken, Malformed
from custody.ledger.pools import Pools
from custody.ledger.questions import Questions
from custody.ledger.submission import Prepared, Rules, Submitted
from custody.ledger.views import (
    AttemptView,
    BalanceRow,
    Decision,
    End,
    LedgerState,
    LegView,
    PayoutItem,
    PayoutView,
    WithdrawalView,
)
from custody.ledger.waiting import Waiting

__all__ = ["Ledger"]

_INTAKE = 10  # RECORD_KIND_WITHDRAWALS_SUBMITTED


class Ledger(Waiting, Questions):
    """Accounts, holds, queue and limits. Any thread may call it; the writer alone changes it.

    Every `decide_…` answers with a LedgerFact's bytes for `apply_fact` and the record, or raises `Denied`.
    """

    def __init__(self, core: _core.Ledger | None = None) -> None:
        """Begin empty, or with what was restored; `set_rules` comes first."""
        super().__init__(_core.Ledger() if core is None else core)
        self.pools = Pools(self._core)

    @classmethod
    def restore(cls, snapshot: bytes) -> Ledger:
        """The ledger that a snapshot is of, for `set_rules` with the policy in force; `Malformed` for other bytes."""
        return cls(_core.restore(snapshot))

    def set_rules(self, rules: Rules, keyring_version: int) -> None:
        """Take a policy, when its record is written and when it is replayed; what was spent stays spent."""
        self._core.set_rules(rules, keyring_version)

    def young_limits(self, now_ms: int) -> list[tuple[str, int]]:
        """Limits that may still miss what had left memory when they were new, and since when each counts, unix ms."""
        return _core.young_limits(self._core, now_ms)

    def set_keyring_version(self, keyring_version: int) -> None:
        """Say which keyring signatures must have been verified under; older `Prepared` become stale."""
        self._core.set_keyring_version(keyring_version)

    # Withdrawals come in.

    def submit(self, prepared: Sequence[Prepared], now_ms: int, first_sequence: int) -> list[Submitted]:
        """Decide and apply requests in order; their records take the sequences from `first_sequence` on."""
        answers = self._core.submit(prepared, now_ms, first_sequence)
        return [
            Submitted(response, record, root, stale, tuple(metadata))
            for response, record, root, stale, metadata in answers
        ]

    def may_be_old(self, prepared: Prepared) -> tuple[int, list[bytes]]:
        """Which references of a request may have left memory, and as of which generation of that filter. No lock."""
        return self._core.may_be_old(prepared)

    def answer(
        self, prepared: Prepared, generation: int, found: Sequence[tuple[int, int, bytes, int]]
    ) -> None:
        """Give a request what was looked up: row, leaf, that leaf's bytes, ForgottenState. The last word counts.

        Raises `InvariantBroken` for what is no answer to what the request asks.
        """
        try:
            prepared.answer(generation, found)
        except Malformed as error:
            raise InvariantBroken(f"ids: {error}") from error

    def forgettable(self, before_ms: int, max_count: int) -> bytes | None:
        """References that may leave memory, all ended before `before_ms`: an IdsForgotten fact to decide; or None."""
        return self._core.forgettable(before_ms, max_count)

    def decide_forget(self, wanted: bytes, before_ms: int) -> bytes:
        """References leave memory, but those of `wanted` that changed meanwhile."""
        return self._core.decide_forget(wanted, before_ms)

    def see(self, now_ms: int) -> None:
        """Say when the facts that follow are recorded; a time that goes back is ignored."""
        self._core.see(now_ms)

    def apply_intake_record(self, record: bytes, sequence: int) -> None:
        """Replay a WITHDRAWALS_SUBMITTED record from its bytes alone."""
        self._core.apply_record(_INTAKE, record, sequence)

    def apply_record(self, kind: int, record: bytes, sequence: int) -> None:
        """Replay a record of any kind: intake's leaves, or the LedgerFacts behind leaf 1."""
        self._core.apply_record(kind, record, sequence)

    def apply_fact(self, fact: bytes) -> None:
        """Apply a LedgerFact; raise `InvariantBroken`, and poison the ledger, when it does not fit the state."""
        self._core.apply_fact(fact)

    def poison(self, reason: str) -> None:
        """Stop the ledger for good: what was applied is not durable."""
        self._core.poison(reason)

    # What the server may do.

    def decide_open(self, wallet: str, asset: str, amount: int, pool: str) -> bytes:
        """A wallet's balance comes in, once for each wallet, asset and pool."""
        return self._core.decide_open(wallet, asset, amount, pool)

    def decide_release(self, withdrawal_ids: Iterable[str]) -> bytes:
        """Held withdrawals go to the queue."""
        return self._core.decide_release(list(withdrawal_ids))

    def decide_void(self, withdrawal_id: str, end: End, now_ms: int) -> bytes:
        """A held or queued withdrawal ends CANCELLED, or EXPIRED once its pay_before has passed."""
        return self._core.decide_void(withdrawal_id, end, now_ms)

    def decide_assign(
        self,
        payout_id: str,
        wallet: str,
        items: Iterable[PayoutItem],
        fee_asset: str,
        fee_reserved: int,
        now_ms: int,
    ) -> bytes:
        """A payout takes queued withdrawals of one asset; what leaves and the largest fee are reserved."""
        plain = [(item.withdrawal_id, item.net_amount, item.fee_charged) for item in items]
        return self._core.decide_assign(payout_id, wallet, plain, fee_asset, fee_reserved, now_ms)

    def decide_unassign(self, payout_id: str) -> bytes:
        """A payout that no signer can have signed gives its withdrawals back to the queue."""
        return self._core.decide_unassign(payout_id)

    def decide_post(self, payout_id: str, fee_paid: int) -> bytes:
        """A payout is final and paid."""
        return self._core.decide_post(payout_id, fee_paid)

    def decide_fail(self, payout_id: str, fee_paid: int) -> bytes:
        """A payout is final and did not pay: its withdrawals end REFUNDED, the fee is the house's."""
        return self._core.decide_fail(payout_id, fee_paid)

    def decide_sweep_depart(
        self,
        leg_id: str,
        from_wallet: str,
        to_wallet: str,
        asset: str,
        amount: int,
        fee_asset: str,
        fee_cap: int,
    ) -> bytes:
        """A leg is about to be signed: its amount and fee cap are reserved."""
        return self._core.decide_sweep_depart(
            leg_id, from_wallet, to_wallet, asset, amount, fee_asset, fee_cap
        )

    def decide_sweep_arrive(self, leg_id: str, fee_paid: int) -> bytes:
        """A leg moved, through in_flight; the fee is the house's."""
        return self._core.decide_sweep_arrive(leg_id, fee_paid)

    def decide_sweep_fail(self, leg_id: str, fee_paid: int) -> bytes:
        """A leg ended without moving; the fee, if any, is the house's."""
        return self._core.decide_sweep_fail(leg_id, fee_paid)

    def decide_halt(self, halt_id: str, scopes: Iterable[str]) -> bytes:
        """Scopes are stopped."""
        return self._core.decide_halt(halt_id, list(scopes))

    def decide_resume(self, halt_id: str) -> bytes:
        """A halt ends."""
        return self._core.decide_resume(halt_id)

    # Reads.

    def withdrawal(self, withdrawal_id: str) -> WithdrawalView | None:
        """One withdrawal, or None."""
        found = self._core.withdrawal(withdrawal_id)
        return None if found is None else _withdrawal(found)

    def attempts(self, key: bytes) -> list[AttemptView]:
        """All that was answered for good under a `reference_key` and is in memory, the lowest attempt first."""
        return [
            AttemptView(**(each | {"decision": Decision(each["decision"])}))
            for each in self._core.attempts(key)
        ]

    def by_reference(self, initiator: str, reference: str, attempt: int = 0) -> WithdrawalView | None:
        """The withdrawal of an attempt (0 for the newest), or None where there is none or it was rejected."""
        found = [
            each
            for each in self.attempts(_core.reference_key(initiator, reference))
            if attempt in (0, each.number)
        ]
        withdrawal_id = found[-1].withdrawal_id if found else None
        return None if withdrawal_id is None else self.withdrawal(withdrawal_id)

    def withdrawals(
        self,
        *,
        states: Iterable[LedgerState | End] | None = None,
        initiator: str | None = None,
        reference: str | None = None,
        customer: str | None = None,
        asset: str | None = None,
        wallet: str | None = None,
        accepted_from_ms: int | None = None,
        accepted_to_ms: int | None = None,
        before: str | None = None,
        max_count: int = 1_000,
    ) -> list[WithdrawalView]:
        """Withdrawals that pass every filter, newest first, older than the id `before`."""
        found = self._core.withdrawals(
            None if states is None else [str(state) for state in states],
            initiator,
            reference,
            customer,
            asset,
            wallet,
            accepted_from_ms,
            accepted_to_ms,
            before,
            max_count,
        )
        return [_withdrawal(each) for each in found]

    def open_withdrawals(self, max_count: int = 1_000_000) -> list[WithdrawalView]:
        """Withdrawals that have not ended, newest first."""
        return self.withdrawals(
            states=(LedgerState.HELD, LedgerState.QUEUED, LedgerState.ASSIGNED), max_count=max_count
        )

    def payout(self, payout_id: str) -> PayoutView | None:
        """A payout in progress, or None."""
        found = self._core.payout(payout_id)
        if found is None:
            return None
        payout_id, wallet, items, fee_asset, fee_reserved = found
        return PayoutView(
            payout_id, wallet, tuple(PayoutItem(*item) for item in items), fee_asset, fee_reserved
        )

    def leg(self, leg_id: str) -> LegView | None:
        """A sweep's leg in progress, or None."""
        found = self._core.leg(leg_id)
        return None if found is None else LegView(*found)

    def balances(self) -> list[BalanceRow]:
        """Every account that anything was ever entered in, by asset and account."""
        return [BalanceRow(*row) for row in self._core.balances()]

    def available(self, asset: str, account: str) -> int:
        """What an account (`wallet:ID`, `pool:NAME`) can still give, base units."""
        return self._core.available(asset, account)

    def halts(self) -> dict[str, tuple[str, ...]]:
        """The halts in force, with their scopes."""
        return {halt: tuple(scopes) for halt, scopes in self._core.halts()}

    def snapshot(self) -> bytes:
        """The whole state but the rules, for `restore`; every other call waits meanwhile."""
        return _core.snapshot(self._core)

    def state_hash(self) -> bytes:
        """SHA-256 over the one serialisation of the whole state."""
        return self._core.state_hash()

    def conservation(self) -> None:
        """Raise `InvariantBroken` unless, per asset, wallets + in_flight = pools + suspense and nothing is negative."""
        self._core.conservation()


def _withdrawal(found: dict[str, Any]) -> WithdrawalView:
    end = found["end"]
    return WithdrawalView(
        **(
            found
            | {
                "state": LedgerState(found["state"]),
                "end": None if end is None else End(end),
                "charged_limits": tuple(found["charged_limits"]),
            }
        )
    )
