from collections.abc import Sequence
from typing import Any, final

from custody._core.intake import Prepared, Rules

__all__ = [
    "Ledger",
    "LimitBook",
    "blockers",
    "decide_deposit",
    "decide_surplus",
    "decide_suspense_release",
    "decide_transfer",
    "decide_transfer_expiry",
    "eta",
    "expired",
    "expired_transfers",
    "explain",
    "halt_of",
    "may_be_old",
    "position",
    "queued_demand",
    "reference_key",
    "restore",
    "select",
    "snapshot",
    "tags",
    "transfer",
    "ulid_bytes",
    "ulid_text",
    "young_limits",
]

@final
class Ledger:
    """Accounts, holds, queue and limits of one partition; every call raises `InvariantBroken` once it is poisoned."""

    def __new__(cls) -> Ledger: ...
    def set_rules(self, rules: Rules, keyring_version: int) -> None: ...
    def set_keyring_version(self, keyring_version: int) -> None: ...
    def submit(
        self, prepared: Sequence[Prepared], now_ms: int, first_sequence: int
    ) -> list[tuple[bytes, bytes | None, bytes, bool, list[tuple[bytes, bytes, bytes]]]]: ...
    def see(self, now_ms: int) -> None: ...
    def may_be_old(self, prepared: Prepared) -> tuple[int, list[bytes]]: ...
    def forgettable(self, before_ms: int, most: int) -> bytes | None: ...
    def decide_forget(self, wanted: bytes, before_ms: int) -> bytes: ...
    def decide_open(self, wallet: str, asset: str, amount: int, pool: str) -> bytes: ...
    def decide_release(self, withdrawal_ids: Sequence[str]) -> bytes: ...
    def decide_void(self, withdrawal_id: str, end: str, now_ms: int) -> bytes: ...
    def decide_assign(
        self,
        payout_id: str,
        wallet: str,
        items: Sequence[tuple[str, int, int]],
        fee_asset: str,
        fee_reserved: int,
        now_ms: int,
    ) -> bytes: ...
    def decide_unassign(self, payout_id: str) -> bytes: ...
    def decide_post(self, payout_id: str, fee_paid: int) -> bytes: ...
    def decide_fail(self, payout_id: str, fee_paid: int) -> bytes: ...
    def decide_sweep_depart(
        self,
        leg_id: str,
        from_wallet: str,
        to_wallet: str,
        asset: str,
        amount: int,
        fee_asset: str,
        fee_cap: int,
    ) -> bytes: ...
    def decide_sweep_arrive(self, leg_id: str, fee_paid: int) -> bytes: ...
    def decide_sweep_fail(self, leg_id: str, fee_paid: int) -> bytes: ...
    def decide_halt(self, halt_id: str, scopes: Sequence[str]) -> bytes: ...
    def decide_resume(self, halt_id: str) -> bytes: ...
    def apply_fact(self, fact: bytes) -> None: ...
    def apply_record(self, kind: int, record: bytes, sequence: int) -> None: ...
    def poison(self, reason: str) -> None: ...
    def withdrawal(self, withdrawal_id: str) -> dict[str, Any] | None: ...
    def attempts(self, key: bytes) -> list[dict[str, Any]]: ...
    def withdrawals(
        self,
        states: Sequence[str] | None,
        initiator: str | None,
        reference: str | None,
        customer: str | None,
        asset: str | None,
        wallet: str | None,
        accepted_from_ms: int | None,
        accepted_to_ms: int | None,
        before: str | None,
        most: int,
    ) -> list[dict[str, Any]]: ...
    def payout(self, payout_id: str) -> tuple[str, str, list[tuple[str, int, int]], str, int] | None: ...
    def leg(self, leg_id: str) -> tuple[str, str, str, str, int, str, int] | None: ...
    def balances(self) -> list[tuple[str, str, int, int, int, int, int]]: ...
    def available(self, asset: str, account: str) -> int: ...
    def halts(self) -> list[tuple[str, list[str]]]: ...
    def state_hash(self) -> bytes: ...
    def conservation(self) -> None: ...

@final
class LimitBook:
    """Limits by id, each a sliding window for every key: never under-counts, over-counts by less than 1/1440 of it.

    Amounts in base units, times in unix ms; a clock that goes back is ignored. An unknown limit raises `NotFound`.
    """

    def __new__(cls) -> LimitBook: ...
    def add(
        self, limit_id: str, window_ms: int | None, amount: int | None = None, count: int | None = None
    ) -> None:
        """Add or edit a limit; what was spent under its id stays. Raise `Malformed` without any bound.

        The window is 1 s to 90 d; None counts for ever. A longer window begins with what the one before still knew.
        """

    def check(self, limit_id: str, amount: int, now_ms: int, key: str = "") -> None:
        """Raise `Denied` `limit.ID` unless one more event of `amount` passes; change nothing."""

    def charge(self, limit_id: str, amount: int, now_ms: int, key: str = "") -> int:
        """Count one event, above the bound or not; answer with the time it counts from."""

    def release(self, limit_id: str, amount: int, charged_ms: int, key: str = "") -> None:
        """Take one event back that `charge` said counts from `charged_ms`."""

    def spent(self, limit_id: str, now_ms: int, key: str = "") -> int:
        """What counts now."""

    def count(self, limit_id: str, now_ms: int, key: str = "") -> int:
        """How many events count now."""

    def headroom(self, limit_id: str, now_ms: int, key: str = "") -> int | None:
        """What the amount has left; None when it is not bounded."""

    def earliest_pass(self, limit_id: str, amount: int, now_ms: int, key: str = "") -> int | None:
        """When one more event of `amount` would pass, and not a ms before; None for never."""

    def counts_from(self, limit_id: str, key: str = "") -> int:
        """Events before this time may be missing: the limit, or its window's length, is younger."""

def explain(
    ledger: Ledger,
    principal: str,
    intent: bytes,
    everything: bool,
    generation: int,
    found: Sequence[tuple[int, int, bytes, int]],
    now_ms: int,
) -> bytes | None: ...
def may_be_old(ledger: Ledger, keys: Sequence[bytes]) -> tuple[int, list[bytes]]: ...
def tags() -> list[tuple[str, str]]: ...
def reference_key(initiator: str, reference: str) -> bytes: ...
def ulid_text(id: bytes) -> str: ...
def ulid_bytes(text: str) -> bytes: ...
def decide_deposit(
    ledger: Ledger,
    network: str,
    tx_hash: bytes,
    output: int,
    wallet: str,
    asset: str,
    amount: int,
    pool: str,
    from_suspense: bool,
) -> bytes | None: ...
def decide_transfer(
    ledger: Ledger,
    initiator: str,
    reference: str,
    body_sha256: bytes,
    submit_before_ms: int,
    legs: Sequence[tuple[str, str, str, str, int, int, str, int]],
    now_ms: int,
) -> tuple[list[str], bytes | None, bool, int]: ...
def decide_transfer_expiry(
    ledger: Ledger, initiator: str, reference: str, leg: int, now_ms: int
) -> bytes: ...
def decide_surplus(
    ledger: Ledger,
    wallet: str,
    asset: str,
    ledger_amount: int,
    chain_amount: int,
    network: str,
    block_height: int,
    block_hash: bytes,
) -> bytes: ...
def decide_suspense_release(ledger: Ledger, release_id: str, asset: str, amount: int, pool: str) -> bytes: ...
def expired_transfers(ledger: Ledger, now_ms: int, most: int) -> list[tuple[str, str, int]]: ...
def transfer(
    ledger: Ledger, initiator: str, reference: str
) -> tuple[bytes, list[str], list[str], list[tuple[int, str, str, str, int, int]]] | None: ...
def select(
    ledger: Ledger,
    wallet: str,
    now_ms: int,
    most: int,
    fee_asset: str,
    fee_per_item: int,
    passed_over: Sequence[str],
    amounts: Sequence[tuple[str, int]],
    sizes: Sequence[tuple[str, int, int]],
    weight: int | None,
    weights: Sequence[tuple[str, int]],
) -> list[str]: ...
def eta(ledger: Ledger, withdrawal_id: str, now_ms: int) -> tuple[int, int] | None: ...
def expired(ledger: Ledger, now_ms: int, most: int) -> list[str]: ...
def queued_demand(ledger: Ledger, wallet: str, asset: str) -> int: ...
def position(ledger: Ledger, withdrawal_id: str) -> int | None: ...
def blockers(
    ledger: Ledger, withdrawal_id: str, fee_asset: str | None = None, fee_per_item: int = 0
) -> list[tuple[str, str, str]]: ...
def snapshot(ledger: Ledger) -> bytes: ...
def restore(snapshot: bytes) -> Ledger: ...
def halt_of(ledger: Ledger, withdrawal_id: str) -> tuple[str, str] | None: ...
def young_limits(ledger: Ledger, now_ms: int) -> list[tuple[str, int]]: ...
