"""The parts of a policy as frozen values; see docs/policy.md. Amounts are base units, times unix ms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Literal

from custody.crypto import Scheme
from custody.statements import ProposalKind

PLANNER = "planner"
"""The reserved proposer of the server's own sweeps."""


class WalletKind(StrEnum):
    """What a wallet is for."""

    HOT = "HOT"
    WARM = "WARM"
    COLD = "COLD"
    GAS = "GAS"
    DEPOSIT = "DEPOSIT"
    EXTERNAL = "EXTERNAL"
    WATCH_ONLY = "WATCH_ONLY"


@dataclass(frozen=True, slots=True)
class Key:
    """One public key, `public` as `crypto.verify` takes it; `valid_until_ms` 0 means without end."""

    key_id: str
    scheme: Scheme
    public: bytes
    role: str = ""
    valid_from_ms: int = 0
    valid_until_ms: int = 0

    def valid_at(self, now_ms: int) -> bool:
        """Whether the key may sign at this moment."""
        return self.valid_from_ms <= now_ms and (self.valid_until_ms == 0 or now_ms < self.valid_until_ms)


@dataclass(frozen=True, slots=True)
class Pool:
    """A liability by purpose."""

    name: str
    purpose: str


@dataclass(frozen=True, slots=True)
class CoSign:
    """Above this amount of this asset the intent needs a second signature, by a key of this role."""

    asset: str
    above: int
    role: str


@dataclass(frozen=True, slots=True)
class Initiator:
    """A system that asks for withdrawals; every intent needs a signature by a key of `role`."""

    id: str
    role: str
    pools: tuple[str, ...]
    limit_classes: tuple[str, ...]
    keys: tuple[Key, ...]
    co_sign: tuple[CoSign, ...]


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who proposes and approves."""

    id: str
    keys: tuple[Key, ...]
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quorum:
    """`need` of the operators `of` must approve a proposal of these kinds."""

    name: str
    kinds: tuple[ProposalKind, ...]
    need: int
    of: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `amount` or `count` in any window, counted apart for each combination of `scope`; () is global."""

    id: str
    scope: tuple[str, ...]
    asset: str | None
    limit_class: str | None
    window_ms: int | None
    """None: for ever."""
    amount: int | None
    count: int | None
    over: Literal["hold", "deny"]


@dataclass(frozen=True, slots=True)
class Band:
    """How much of one asset a wallet should hold: floor <= target <= ceiling."""

    floor: int
    target: int
    ceiling: int


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that a wallet's signer signs away of one asset in any window."""

    asset: str
    window_ms: int
    amount: int


@dataclass(frozen=True, slots=True)
class Wallet:
    """One address of ours and the signer that holds its key; `bands` by asset."""

    id: str
    kind: WalletKind
    network: str
    group: str
    signer: str
    key: Key
    address: str
    bands: Mapping[str, Band]
    caps: tuple[Cap, ...]

    def cap(self, asset: str, window_ms: int) -> int | None:
        """The cap on this asset in this window, None where there is none."""
        for cap in self.caps:
            if cap.asset == asset and cap.window_ms == window_ms:
                return cap.amount
        return None


@dataclass(frozen=True, slots=True)
class AssetRule:
    """One asset. `final` is a number of confirmations or the chain's own finality; `contract` is checksummed."""

    id: str
    symbol: str
    decimals: int
    network: str
    final: int | Literal["finalized"]
    code_hash: bytes | None
    native: bool
    contract: str | None
    gas_limit: int


@dataclass(frozen=True, slots=True)
class Network:
    """One chain. Fees in base units of `fee_asset`; `gas_reserve` stays in every wallet beside what may be paid."""

    id: str
    chain_id: int
    fee_asset: str
    fee_cap_absolute: int
    fee_cap_share: Fraction | None
    gas_reserve: int

    def fee_cap(self, asset: str, amount: int) -> int:
        """The most that one transaction of `amount` of `asset` may pay to the network."""
        if self.fee_cap_share is None or asset != self.fee_asset:
            return self.fee_cap_absolute
        return min(self.fee_cap_absolute, int(self.fee_cap_share * amount))


@dataclass(frozen=True, slots=True)
class SignerRule:
    """One signer: the wallets whose keys it holds and the key that signs for its log."""

    id: str
    wallets: tuple[str, ...]
    audit: Key


@dataclass(frozen=True, slots=True)
class Tables:
    """A policy's tables, in the file's order."""

    salt: bytes
    maximum_start_gap_ms: int
    proposal_lifetime_ms: int
    pools: tuple[Pool, ...]
    initiators: tuple[Initiator, ...]
    operators: tuple[Operator, ...]
    quorums: tuple[Quorum, ...]
    limits: tuple[Limit, ...]
    wallets: tuple[Wallet, ...]
    assets: tuple[AssetRule, ...]
    networks: tuple[Network, ...]
    signers: tuple[SignerRule, ...]
