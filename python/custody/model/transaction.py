"""One transaction of ours in its versions: all share one conflict key, and where the chain showed it last."""

from __future__ import annotations

from dataclasses import dataclass, replace

from custody.api.journal.v1 import sweep_pb2, withdrawal_pb2
from custody.errors import InvariantBroken, Malformed
from custody.model.money import parse_amount


@dataclass(frozen=True, slots=True)
class EvmTerms:
    """The terms of one version of an EIP-1559 transaction; fees in wei per gas."""

    nonce: int
    gas_limit: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int

    @property
    def max_fee(self) -> int:
        """The most that it can cost, in wei."""
        return self.gas_limit * self.max_fee_per_gas


@dataclass(frozen=True, slots=True)
class Version:
    """One version, counted from 1; unsigned while `transaction` is empty. `net_amounts` in a payout's order."""

    version: int
    terms: EvmTerms
    net_amounts: tuple[int, ...] = ()
    transaction: bytes = b""
    transaction_hash: bytes = b""
    signer: str = ""
    signer_sequence: int = 0
    signer_hash: bytes = b""
    broadcast: bool = False

    @property
    def signed(self) -> bool:
        """Whether its signed bytes are durable."""
        return bool(self.transaction)


@dataclass(frozen=True, slots=True)
class Seen:
    """A transaction in a block."""

    transaction_hash: bytes
    block_height: int
    block_hash: bytes
    block_ms: int


def conflict_key(network: str, sender: str, nonce: int) -> str:
    """What can be spent once on an account chain: CAIP-2, checksummed sender, nonce."""
    return f"{network}:{sender}:{nonce}"


def read_terms(message: withdrawal_pb2.EvmTerms) -> EvmTerms:
    """Terms as a record holds them."""
    return EvmTerms(
        message.nonce,
        message.gas_limit,
        read_amount(message.max_fee_per_gas),
        read_amount(message.max_priority_fee_per_gas),
    )


def read_amount(text: str) -> int:
    """An amount as a record holds it. Raises InvariantBroken: what a journal holds was written by us."""
    try:
        return parse_amount(text)
    except Malformed as error:
        raise InvariantBroken(f"a record holds the amount {text!r}: {error.reason}") from None


def read_seen(message: withdrawal_pb2.SeenTransaction) -> Seen:
    """A place on the chain as a record holds it."""
    return Seen(message.transaction_hash, message.block_height, message.block_hash, message.block_unix_ms)


def add_version(versions: tuple[Version, ...], new: Version, what: str) -> tuple[Version, ...]:
    """A further version: the next number, the same nonce and effects, and only after the last one was signed."""
    if new.version != len(versions) + 1:
        raise InvariantBroken(f"{what}: version {new.version} follows {len(versions)}")
    if versions:
        first, last = versions[0], versions[-1]
        if not last.signed:
            raise InvariantBroken(f"{what}: version {last.version} is not signed yet")
        if new.terms.nonce != first.terms.nonce or new.net_amounts != first.net_amounts:
            raise InvariantBroken(f"{what}: version {new.version} has other effects than the first")
    return (*versions, new)


def set_signed(
    versions: tuple[Version, ...],
    message: withdrawal_pb2.SignedPayout | sweep_pb2.SweepLegSigned,
    what: str,
) -> tuple[Version, ...]:
    """The versions with one signed; signed twice with other bytes is a broken invariant."""
    if (
        not 1 <= message.version <= len(versions)
        or not message.transaction
        or len(message.transaction_hash) != 32
    ):
        raise InvariantBroken(f"{what}: signed version {message.version} was never planned")
    index = message.version - 1
    old = versions[index]
    if old.signed and old.transaction != message.transaction:
        raise InvariantBroken(f"{what}: version {message.version} was signed twice, with other bytes")
    signed = replace(
        old,
        transaction=message.transaction,
        transaction_hash=message.transaction_hash,
        signer=message.signer,
        signer_sequence=message.signer_sequence,
        signer_hash=message.signer_hash,
    )
    return (*versions[:index], signed, *versions[index + 1 :])


def set_broadcast(versions: tuple[Version, ...], transaction_hash: bytes, what: str) -> tuple[Version, ...]:
    """The versions with one taken by a node."""
    index = index_of(versions, transaction_hash, what)
    return (*versions[:index], replace(versions[index], broadcast=True), *versions[index + 1 :])


def index_of(versions: tuple[Version, ...], transaction_hash: bytes, what: str) -> int:
    """Which version has this hash. Raises InvariantBroken for a transaction that is none of ours."""
    for index, version in enumerate(versions):
        if version.signed and version.transaction_hash == transaction_hash:
            return index
    raise InvariantBroken(f"{what}: {transaction_hash.hex()} is none of its versions")
