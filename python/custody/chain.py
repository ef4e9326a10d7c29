"""Transactions, by one writing in Rust: plan → unsigned bytes → effects → digest → signed bytes → verified.

What a transaction does is computed from its bytes alone, and bytes that do anything but one allowed thing
are refused. EVM only for now (`eip155:N`): EIP-1559, native payments, ERC-20 `transfer`, and the cancel of a
nonce. Amounts are ints of base units, fees ints of wei. Whatever is refused raises `custody.errors.Malformed`
with the field's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from custody._core import chain as _chain

Kind = Literal["native", "erc20", "cancel"]

Log = tuple[str, list[bytes], bytes]
"""One log of a receipt: the contract's address (any case), its topics (32 bytes each), its data."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A CAIP-19 name in its parts: `eip155:1`, `slip44` or `erc20`, `60` or the contract in lower case."""

    network: str
    namespace: str
    reference: str

    def __str__(self) -> str:
        return f"{self.network}/{self.namespace}:{self.reference}"


@dataclass(frozen=True, slots=True)
class EvmPlan:
    """One payment: `amount` base units of `asset` (CAIP-19) to `to` (EIP-55)."""

    chain_id: int
    nonce: int
    max_priority_fee_per_gas: int
    max_fee_per_gas: int
    gas_limit: int
    asset: str
    to: str
    amount: int


@dataclass(frozen=True, slots=True)
class EvmEffects:
    """All that a transaction does. Equal effects mean equal bytes.

    `kind` "cancel" pays nobody: zero value, no data, to the sender itself. `max_fee` is gas_limit ×
    max_fee_per_gas in wei. `sender` is recovered from the signature, None when unsigned; `conflict_key` is
    `eip155:CHAIN:SENDER:NONCE`, with `?` for an unknown sender.
    """

    chain_id: int
    nonce: int
    kind: Kind
    asset: str
    to: str
    amount: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    gas_limit: int
    max_fee: int
    sender: str | None
    conflict_key: str


def chain_id(network: str) -> int:
    """The chain id of a CAIP-2 network, `eip155:N`."""
    return _chain.parse_network(network)


def parse_asset(text: str) -> Asset:
    """Read a CAIP-19 asset: `eip155:N/slip44:60`, or `eip155:N/erc20:0x…` with the contract in lower case."""
    return Asset(*_chain.parse_asset(text))


def parse_address(network: str, text: str) -> bytes:
    """Read an address in its network's own form with its checksum (EIP-55): 20 bytes.

    Raises Malformed; for an address without a checksum the reason shows the checksummed one, for one with a
    wrong checksum it does not, since nobody can say which digit is wrong.
    """
    return _chain.parse_address(network, text)


def format_address(network: str, raw: bytes) -> str:
    """Write a 20-byte address in its network's own form, with its checksum."""
    return _chain.format_address(network, raw)


def address_of(public_key: bytes) -> str:
    """The checksummed address of a secp256k1 public key (33 or 65 bytes)."""
    return _chain.address_of(public_key)


def check_destination(asset: str, to: str) -> None:
    """Raise Malformed if `to` can never be paid: zero address, precompile, the token's own contract."""
    _chain.check_destination(asset, to)


def build(plan: EvmPlan) -> bytes:
    """Build the unsigned EIP-1559 payload of a plan, `0x02 ‖ rlp` of nine fields."""
    return _chain.build(
        plan.chain_id,
        plan.nonce,
        plan.max_priority_fee_per_gas,
        plan.max_fee_per_gas,
        plan.gas_limit,
        plan.asset,
        plan.to,
        plan.amount,
    )


def build_cancel(
    chain_id: int, nonce: int, max_priority_fee_per_gas: int, max_fee_per_gas: int, sender: str
) -> bytes:
    """Build the unsigned payload that uses a nonce up and pays nobody: 21,000 gas, to the sender itself."""
    return _chain.build_cancel(chain_id, nonce, max_priority_fee_per_gas, max_fee_per_gas, sender)


def max_network_fee(plan: EvmPlan) -> int:
    """The most that a plan can cost its wallet, in wei."""
    return plan.gas_limit * plan.max_fee_per_gas


def effects(tx: bytes) -> EvmEffects:
    """Compute what an unsigned or signed payload does, from its bytes alone.

    Raises Malformed for everything else than one of the three kinds in its one canonical encoding,
    InvalidSignature for a signature that is nobody's or not low-S and for a cancel not signed by the address
    that it goes to.
    """
    return EvmEffects(*_chain.effects(tx))


def signing_digest(unsigned: bytes) -> bytes:
    """The 32 bytes to sign for an unsigned payload; Malformed if `effects` refuses it or it is signed."""
    return _chain.signing_digest(unsigned)


def assemble(unsigned: bytes, signature: bytes, sender: str) -> bytes:
    """Put a signature (r ‖ s, 64 bytes, low-S) to an unsigned payload.

    Raises InvalidSignature when it is not the sender's signature of these bytes.
    """
    return _chain.assemble(unsigned, signature, sender)


def transaction_hash(signed: bytes) -> bytes:
    """The transaction id (32 bytes) of a signed payload."""
    return _chain.transaction_hash(signed)


def verify_signed(signed: bytes, plan: EvmPlan, sender: str) -> None:
    """Require that a signed payload has exactly the plan's effects and is signed by `sender`.

    Raises Malformed when the effects differ, InvalidSignature when another key signed or none.
    """
    _chain.verify_assembled(signed, build(plan), sender)


def verify_assembled(signed: bytes, unsigned: bytes, sender: str) -> None:
    """Require that a signed payload is exactly `unsigned`, signed by `sender`; a cancel has no plan."""
    _chain.verify_assembled(signed, unsigned, sender)


def transfer_matches(asset: str, logs: Sequence[Log], sender: str, to: str, amount: int) -> bool:
    """Whether the token's logs hold exactly one Transfer(sender, to, amount) and no other out of the sender.

    The caller checks the receipt's status. False for a token that takes a fee besides or emits a Transfer of
    another shape. Logs of other contracts prove nothing either way, and are not looked at.
    """
    return _chain.transfer_matches(asset, list(logs), sender, to, amount)
