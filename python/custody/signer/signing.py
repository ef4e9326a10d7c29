"""The one place where a payment's signature is made: what is to be signed is durable, then the token is asked, then
what it gave is verified and durable, then it is released."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from custody import chain
from custody.api.journal.v1 import record_pb2, signer_pb2
from custody.errors import CustodyError, Denied, HsmError, InvariantBroken, Unavailable
from custody.model.policy import AssetRule, Wallet
from custody.ports import EvmTerms
from custody.signer.authority import VerifiedSignature
from custody.signer.core import Admission, SignerCore, SignerHead
from custody.signer.facts import Attempt, LegId, Version

_STRIPES: Final = 64
"""Locks shared by all conflict keys: one signature at a time for each, more threads at once than a token serves."""

_SETTLE_S: Final = 10.0
"""How long a stop waits for the token: far above any signature, below an operator's patience."""


@dataclass(frozen=True, slots=True)
class Order:
    """One transaction that passed every rule but the caps: what it does, by what authority, and what it costs.

    `amounts` are base units by asset that count towards the caps, for all versions of the conflict key together;
    `scopes` those whose halt stops it. `still` raises Denied once its authority no longer holds; it needs the lock.
    """

    wallet: Wallet
    plan: chain.EvmPlan
    owner: bytes | LegId
    attempt: Attempt | None
    authority: bytes
    signatures: tuple[VerifiedSignature, ...]
    amounts: Mapping[str, int]
    scopes: tuple[str, ...]
    still: Callable[[], object]

    @property
    def conflict_key(self) -> str:
        """What it spends once."""
        return conflict_key(self.plan.chain_id, self.wallet.address, self.plan.nonce)


@dataclass(frozen=True, slots=True)
class Signed:
    """The signed transaction as it is broadcast, its hash, and the log after it."""

    transaction: bytes
    transaction_hash: bytes
    head: SignerHead


class Signing:
    """Signatures of one signer. Safe to share between threads."""

    def __init__(self, core: SignerCore) -> None:
        """Sign with this signer's token, through its log."""
        self._core = core
        self._stripes = tuple(threading.Lock() for _ in range(_STRIPES))

    def answered(self, owner: bytes | LegId, wallet: str, terms: EvmTerms) -> Signed | None:
        """What was signed already for the same owner and terms. Needs the lock; asks no token, and no rule again."""
        state = self._core.state
        key = state.conflict_of.get(owner)
        if key is None or state.conflicts[key].wallet != wallet:
            return None
        for version in state.conflicts[key].versions:
            if version.transaction and terms_of(version.unsigned) == terms:
                return self._released(version)
        return None

    def intend(self, order: Order, admission: Admission) -> Version:
        """Make durable what is to be signed, and charge it; a version that is durable already is returned as it is.

        Needs the lock. Raises Denied `conflict.bound`, `replacement.…`, `cap.…`; above a cap, the wallet halts.
        """
        core = self._core
        unsigned = build(order.plan)
        key = order.conflict_key
        use = core.state.conflicts.get(key)
        if use is not None:
            if use.owner != order.owner or use.wallet != order.wallet.id:
                raise Denied("conflict.bound", f"{key} belongs to another payment")
            for version in use.versions:
                if version.unsigned == unsigned:
                    return version
            check_replacement(use.versions[-1].unsigned, order.plan)
        charged = use.charged if use is not None else {}
        increase = {asset: most - charged.get(asset, 0) for asset, most in order.amounts.items()}
        increase = {asset: amount for asset, amount in increase.items() if amount > 0}
        self._check_caps(order.wallet, increase, admission.now_ms)
        sequence = core.log.append(_intended(order, key, unsigned, increase, admission), admission.now_ms)
        return core.state.intended[sequence][1]

    def complete(self, version: Version, order: Order) -> Signed:
        """Ask the token, verify, make durable, release. Must not hold the lock, so that other payments go on.

        Raises HsmError when the token gives nothing usable; asking again signs the identical digest.
        """
        core = self._core
        key = order.conflict_key
        with self._stripes[hash(key) % _STRIPES]:
            with core.lock:
                if version.transaction:
                    return self._released(version)
                # What came since it became durable: a stop or a revocation counts until the token is asked.
                core.check_active()
                core.check_halts(order.scopes)
                order.still()
            try:
                transaction = self._ask(version, order)
            except CustodyError as error:
                with core.lock:
                    core.log.append(
                        signer_pb2.SigningFailed(
                            intended_sequence=version.intended_sequence, reason=str(error)
                        ),
                        core.now(),
                    )
                if isinstance(error, HsmError):
                    raise
                raise HsmError(f"key {order.wallet.id}", f"gave no good signature: {error}") from error
            with core.lock:
                core.log.append(
                    signer_pb2.SignatureMade(
                        intended_sequence=version.intended_sequence,
                        transaction=transaction,
                        transaction_hash=chain.transaction_hash(transaction),
                    ),
                    core.now(),
                )
                return self._released(version)

    def settle(self) -> None:
        """Wait for what the token is asked already, so that after a stop's answer nothing more is signed.

        Must not hold the lock. Raises Unavailable when the token takes too long; the stop is durable all the same.
        """
        deadline = time.monotonic() + _SETTLE_S
        for stripe in self._stripes:
            if not stripe.acquire(timeout=max(0.0, deadline - time.monotonic())):
                raise Unavailable(
                    "the token", "a signature is still under way; the stop is durable, ask again"
                )
            stripe.release()

    def _ask(self, version: Version, order: Order) -> bytes:
        sender = order.wallet.address
        signature = self._core.hsm.sign_digest(order.wallet.id, version.digest)
        transaction = chain.assemble(version.unsigned, signature, sender)
        chain.verify_signed(transaction, order.plan, sender)
        if chain.effects(transaction).conflict_key != order.conflict_key:
            raise InvariantBroken("the signed transaction has another conflict key than the intended one")
        return transaction

    def _check_caps(self, wallet: Wallet, increase: Mapping[str, int], now_ms: int) -> None:
        core = self._core
        try:
            core.state.caps.check(wallet.id, increase, now_ms)
        except Denied as refusal:
            # An honest server meters itself below the caps: whoever meets one is not it.
            halt_id = core.halt_self((f"wallet:{wallet.id}",), refusal.tag, now_ms)
            raise Denied(refusal.tag, f"{refusal.detail}; halted as {halt_id}") from refusal

    def _released(self, version: Version) -> Signed:
        return Signed(version.transaction, version.transaction_hash, self._core.head)


def conflict_key(chain_id: int, sender: str, nonce: int) -> str:
    """What a transaction spends once: `eip155:CHAIN:SENDER:NONCE`."""
    return f"eip155:{chain_id}:{sender}:{nonce}"


def plan_of(chain_id: int, asset: AssetRule, to: str, amount: int, terms: EvmTerms) -> chain.EvmPlan:
    """The plan of a payment under these terms."""
    return chain.EvmPlan(
        chain_id=chain_id,
        nonce=terms.nonce,
        max_priority_fee_per_gas=terms.max_priority_fee_per_gas,
        max_fee_per_gas=terms.max_fee_per_gas,
        gas_limit=terms.gas_limit,
        asset=asset.id,
        to=to,
        amount=amount,
    )


def terms_of(unsigned: bytes) -> EvmTerms:
    """The terms of a transaction that was built."""
    effects = chain.effects(unsigned)
    return EvmTerms(
        nonce=effects.nonce,
        gas_limit=effects.gas_limit,
        max_fee_per_gas=effects.max_fee_per_gas,
        max_priority_fee_per_gas=effects.max_priority_fee_per_gas,
    )


def build(plan: chain.EvmPlan) -> bytes:
    """Build a plan's bytes, and require that the bytes by themselves do exactly what the plan says."""
    unsigned = chain.build(plan)
    found = chain.effects(unsigned)
    done = chain.EvmPlan(
        chain_id=found.chain_id,
        nonce=found.nonce,
        max_priority_fee_per_gas=found.max_priority_fee_per_gas,
        max_fee_per_gas=found.max_fee_per_gas,
        gas_limit=found.gas_limit,
        asset=found.asset,
        to=found.to,
        amount=found.amount,
    )
    if found.kind == "cancel" or done != plan:
        raise InvariantBroken("the built transaction does something else than its plan")
    return unsigned


def check_replacement(before: bytes, plan: chain.EvmPlan) -> None:
    """Require that a further version differs in its fees alone, both higher by at least a tenth.

    Raises Denied `replacement.terms`, `replacement.fee`.
    """
    old = chain.effects(before)
    same = (old.chain_id, old.nonce, old.asset, old.to, old.amount, old.gas_limit)
    if same != (plan.chain_id, plan.nonce, plan.asset, plan.to, plan.amount, plan.gas_limit):
        raise Denied("replacement.terms", "a further version may differ in its fees alone")
    raised = (
        plan.max_fee_per_gas * 10 >= old.max_fee_per_gas * 11
        and plan.max_priority_fee_per_gas * 10 >= old.max_priority_fee_per_gas * 11
    )
    if not raised or plan.max_fee_per_gas == old.max_fee_per_gas:
        raise Denied("replacement.fee", "both fees must rise by at least a tenth")


def _intended(
    order: Order, key: str, unsigned: bytes, increase: Mapping[str, int], admission: Admission
) -> signer_pb2.SigningIntended:
    message = signer_pb2.SigningIntended(
        wallet=order.wallet.id,
        conflict_key=key,
        unsigned_transaction=unsigned,
        digest=chain.signing_digest(unsigned),
        charged=[
            signer_pb2.ChargedAmount(asset=asset, amount=str(amount))
            for asset, amount in sorted(increase.items())
        ],
        head=signer_pb2.FollowedHead(
            epoch=admission.head.epoch, sequence=admission.head.sequence, hash=admission.head.hash
        ),
        authority=order.authority,
        signatures=stored(order.signatures),
    )
    if isinstance(order.owner, LegId):
        message.statement_sha256 = order.owner.statement_sha256
        message.leg_index = order.owner.leg
    elif order.attempt is not None:
        message.intent_sha256 = order.owner
        message.initiator, message.reference, message.attempt = order.attempt
    return message


def stored(signatures: tuple[VerifiedSignature, ...]) -> list[record_pb2.StoredSignature]:
    """Signatures as the log holds them, in the order given."""
    return [
        record_pb2.StoredSignature(
            principal=item.principal,
            key_id=item.key_id,
            scheme=item.scheme,
            signature=item.signature,
            evidence=item.evidence,
        )
        for item in signatures
    ]
