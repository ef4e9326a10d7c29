"""Fakes of the ports that services reach the outside by: a clock, a chain, a signer with real keys."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from custody import chain, statements
from custody.errors import Denied, Unavailable
from custody.model.policy import Policy
from custody.ports import (
    Authority,
    EvmTerms,
    SignedTransaction,
    SignerHalt,
    SignerHead,
    SignerStatus,
    StatementAuthority,
    Tombstone,
)
from custody.statements import FeeMode, ResumeBody, SignedType, SweepBody, TombstoneBody
from support.fake_node import FakeNode
from support.keys import EdKey, EthKey

__all__ = ["FakeClock", "FakeNode", "FakeSigner"]


@dataclass
class FakeClock:
    """Implements `custody.ports.Clock`; both clocks go on together by `advance`."""

    wall_ms: int
    monotonic: int = 0

    def now_ms(self) -> int:
        return self.wall_ms

    def monotonic_ms(self) -> int:
        return self.monotonic

    def advance(self, milliseconds: int) -> None:
        self.wall_ms += milliseconds
        self.monotonic += milliseconds


@dataclass
class FakeSigner:
    """Implements `custody.ports.SignerClient` with the wallets' real keys and the single-use rules of a signer.

    `down` makes every call Unavailable; `lose` makes the next calls do their work and then be Unavailable;
    `deny` maps a reference to a tag; `halted` refuses all payments.
    """

    signer: str
    policy: Policy
    deployment: bytes
    now_ms: Callable[[], int]
    down: bool = False
    lose: int = 0
    halted: bool = False
    deny: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, int]] = field(default_factory=list)
    signatures_made: int = 0
    halts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    resumed: list[bytes] = field(default_factory=list)
    activated: list[bytes] = field(default_factory=list)
    governance_sequence: int = 1

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._bound: dict[object, str] = {}
        self._owner: dict[str, object] = {}
        self._versions: dict[tuple[object, EvmTerms], SignedTransaction] = {}
        self._tombstones: dict[tuple[str, str, int], Tombstone] = {}
        self._first_fee: dict[object, int] = {}
        self._rows = 0

    def sign_payout(self, wallet: str, authority: Authority, terms: EvmTerms) -> SignedTransaction:
        self._up()
        intent = statements.parse_intent(authority.intent)
        with self._lock:
            self.asked.append((intent.reference, terms.nonce))
            owner = hashlib.sha256(authority.intent).digest()
            if (owner, terms) in self._versions:
                return self._versions[owner, terms]
            if self.halted:
                raise Denied("halt.payouts", "halted")
            if intent.reference in self.deny:
                raise Denied(self.deny[intent.reference], "as told")
            if intent.pay_before_unix_ms <= self.now_ms():
                raise Denied("intent.expired", "its pay_before has passed")
            if (intent.initiator, intent.reference, intent.attempt) in self._tombstones:
                raise Denied("intent.tombstoned", "promised")
            fee = terms.gas_limit * terms.max_fee_per_gas
            amount = intent.amount
            if intent.fee_mode is FeeMode.DEDUCT:
                amount -= self._first_fee.setdefault(owner, fee)
            signed = self._sign(owner, wallet, intent.asset, intent.address, amount, terms)
        return self._answer(signed)

    def sign_sweep(self, authority: StatementAuthority, leg_index: int, terms: EvmTerms) -> SignedTransaction:
        self._up()
        statement = statements.parse_statement(authority.statement)
        assert isinstance(statement.payload, SweepBody)
        leg = statement.payload.legs[leg_index]
        with self._lock:
            owner = (hashlib.sha256(authority.statement).digest(), leg_index)
            if (owner, terms) in self._versions:
                return self._versions[owner, terms]
            if self.halted:
                raise Denied("halt.sweeps", "halted")
            if "sweep" in self.deny:
                raise Denied(self.deny["sweep"], "as told")
            if len(authority.approvals) < 2:
                raise Denied("quorum.incomplete", "one short")
            if terms.gas_limit * terms.max_fee_per_gas > leg.fee_cap:
                raise Denied("fee.cap", "above the leg's")
            signed = self._sign(owner, leg.from_wallet, leg.asset, leg.to_address, leg.amount, terms)
        return self._answer(signed)

    def tombstone(self, authority: Authority) -> Tombstone:
        self._up()
        intent = statements.parse_intent(authority.intent)
        attempt = (intent.initiator, intent.reference, intent.attempt)
        digest = hashlib.sha256(authority.intent).digest()
        with self._lock:
            if attempt in self._tombstones:
                return self._tombstones[attempt]
            if digest in self._bound:
                raise Denied("tombstone.too_late", "a signing intent is durable")
            wallet = self.policy.signer(self.signer).wallets[0]
            self._rows += 1
            body = statements.encode(
                TombstoneBody(self.signer, wallet, *attempt, digest, self._rows, self.now_ms())
            )
            key = EdKey(self.signer)
            made = Tombstone(body, key.key_id, key.sign(SignedType.TOMBSTONE, self.deployment, body))
            self._tombstones[attempt] = made
        return made

    def activate(self, authority: StatementAuthority) -> None:
        self._up()
        self.activated.append(authority.statement)
        self.governance_sequence += 1

    def resume(self, authority: StatementAuthority) -> None:
        self._up()
        statement = statements.parse_statement(authority.statement)
        assert isinstance(statement.payload, ResumeBody)
        if self.halts.pop(statement.payload.halt_id, None) is None:
            raise Denied("halt.unknown", statement.payload.halt_id)
        self.resumed.append(authority.statement)

    def status(self) -> SignerStatus:
        self._up()
        return SignerStatus(
            self.signer, "active", "", b"s" * 16, 1, self.deployment, self.governance_sequence, self.deployment,
            1, 1, self._head(), 0, b"", tuple(SignerHalt(*halt, "") for halt in self.halts.items()),
            self.signatures_made, "fake",
        )  # fmt: skip

    def keys(self) -> Mapping[str, tuple[str, bytes]]:
        self._up()
        return {}

    def close(self) -> None:
        pass

    def _sign(
        self, owner: object, wallet: str, asset: str, to: str, amount: int, terms: EvmTerms
    ) -> SignedTransaction:
        key = EthKey(wallet)
        network = self.policy.wallet(wallet).network
        conflict = f"{network}:{key.address}:{terms.nonce}"
        if self._bound.get(owner, conflict) != conflict:
            raise Denied("intent.other_conflict", f"this intent is paid by {self._bound[owner]} alone")
        if self._owner.get(conflict, owner) != owner:
            raise Denied("conflict.bound", f"{conflict} belongs to another payment")
        self._bound[owner] = conflict
        self._owner[conflict] = owner
        plan = chain.EvmPlan(
            chain.chain_id(network), terms.nonce, terms.max_priority_fee_per_gas, terms.max_fee_per_gas,
            terms.gas_limit, asset, to, amount,
        )  # fmt: skip
        unsigned = chain.build(plan)
        raw = chain.assemble(unsigned, key.sign_digest(chain.signing_digest(unsigned)), key.address)
        self.signatures_made += 1
        self._rows += 2
        signed = SignedTransaction(raw, chain.transaction_hash(raw), self._head())
        self._versions[owner, terms] = signed
        return signed

    def _head(self) -> SignerHead:
        return SignerHead(self.signer, self._rows, hashlib.sha256(str(self._rows).encode()).digest())

    def _answer(self, signed: SignedTransaction) -> SignedTransaction:
        if self.lose:
            self.lose -= 1
            raise Unavailable(f"signer {self.signer}", "the connection broke after the call")
        return signed

    def _up(self) -> None:
        if self.down:
            raise Unavailable(f"signer {self.signer}", "connection refused")
