"""The policy: roles, quorums, limits, bands and fee caps in one versioned document, refused unless wholly sound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeVar

from custody import statements
from custody.errors import NotFound
from custody.model import policy_check, policy_parse
from custody.model.policy_types import (
    PLANNER,
    AssetRule,
    Band,
    Cap,
    CoSign,
    Initiator,
    Key,
    Limit,
    Network,
    Operator,
    Pool,
    Quorum,
    SignerRule,
    Tables,
    Wallet,
    WalletKind,
)
from custody.statements import ProposalKind

__all__ = [
    "PLANNER",
    "AssetRule",
    "Band",
    "Cap",
    "CoSign",
    "Initiator",
    "Key",
    "Limit",
    "Network",
    "Operator",
    "Policy",
    "Pool",
    "ProposalKind",
    "Quorum",
    "SignerRule",
    "Wallet",
    "WalletKind",
    "parse_policy",
    "required_roles",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Policy:
    """A parsed, sound policy. `raw` are the file's bytes, `hash` is H(policy, raw); the rest is read from them."""

    raw: bytes = field(repr=False)
    hash: bytes
    tables: Tables = field(repr=False, compare=False)

    @property
    def salt(self) -> bytes:
        """32 bytes, the same in every version of one deployment."""
        return self.tables.salt

    @property
    def maximum_start_gap_ms(self) -> int:
        """How long a process may have been away before it waits for a quorum to confirm the time."""
        return self.tables.maximum_start_gap_ms

    @property
    def proposal_lifetime_ms(self) -> int:
        """The longest time from proposing to expiry."""
        return self.tables.proposal_lifetime_ms

    @property
    def pools(self) -> tuple[Pool, ...]:
        """In the file's order, as every table."""
        return self.tables.pools

    @property
    def initiators(self) -> tuple[Initiator, ...]:
        """Systems that ask for withdrawals."""
        return self.tables.initiators

    @property
    def operators(self) -> tuple[Operator, ...]:
        """People who propose and approve."""
        return self.tables.operators

    @property
    def quorums(self) -> tuple[Quorum, ...]:
        """Who must approve what."""
        return self.tables.quorums

    @property
    def limits(self) -> tuple[Limit, ...]:
        """Amounts or counts per window per scope."""
        return self.tables.limits

    @property
    def wallets(self) -> tuple[Wallet, ...]:
        """Our addresses."""
        return self.tables.wallets

    @property
    def assets(self) -> tuple[AssetRule, ...]:
        """What may be held and paid."""
        return self.tables.assets

    @property
    def networks(self) -> tuple[Network, ...]:
        """Chains."""
        return self.tables.networks

    @property
    def signers(self) -> tuple[SignerRule, ...]:
        """Holders of wallets' keys."""
        return self.tables.signers

    @cached_property
    def _index(self) -> Mapping[str, Mapping[str, Any]]:
        tables = self.tables
        return MappingProxyType(
            {
                "pool": {pool.name: pool for pool in tables.pools},
                "initiator": _by_id(tables.initiators),
                "operator": _by_id(tables.operators),
                "wallet": _by_id(tables.wallets),
                "asset": _by_id(tables.assets),
                "network": _by_id(tables.networks),
                "signer": _by_id(tables.signers),
            }
        )

    def _find(self, kind: str, name: str) -> Any:
        found = self._index[kind].get(name)
        if found is None:
            raise NotFound(kind, name)
        return found

    def pool(self, name: str) -> Pool:
        """Raises NotFound, as every look-up."""
        pool: Pool = self._find("pool", name)
        return pool

    def initiator(self, initiator_id: str) -> Initiator:
        """One initiator."""
        initiator: Initiator = self._find("initiator", initiator_id)
        return initiator

    def operator(self, operator_id: str) -> Operator:
        """One operator."""
        operator: Operator = self._find("operator", operator_id)
        return operator

    def wallet(self, wallet_id: str) -> Wallet:
        """One wallet."""
        wallet: Wallet = self._find("wallet", wallet_id)
        return wallet

    def asset(self, asset_id: str) -> AssetRule:
        """One asset, by CAIP-19."""
        asset: AssetRule = self._find("asset", asset_id)
        return asset

    def network(self, network_id: str) -> Network:
        """One network, by CAIP-2."""
        network: Network = self._find("network", network_id)
        return network

    def signer(self, signer_id: str) -> SignerRule:
        """One signer."""
        signer: SignerRule = self._find("signer", signer_id)
        return signer

    def signer_of(self, wallet_id: str) -> SignerRule:
        """The signer that holds a wallet's key."""
        return self.signer(self.wallet(wallet_id).signer)

    def hot_wallets(self, network: str) -> tuple[Wallet, ...]:
        """The HOT wallets of a network, in the policy's order."""
        return tuple(w for w in self.wallets if w.network == network and w.kind is WalletKind.HOT)

    @cached_property
    def house_pool(self) -> str:
        """The one pool that pays network fees."""
        (house,) = (pool.name for pool in self.pools if pool.purpose == "house")
        return house

    def quorum_for(self, kind: ProposalKind) -> Quorum | None:
        """Who must approve proposals of this kind; None when nobody may."""
        return next((quorum for quorum in self.quorums if kind in quorum.kinds), None)

    def own_addresses(self, network: str) -> frozenset[str]:
        """The checksummed addresses of our wallets on a network."""
        return frozenset(wallet.address for wallet in self.wallets if wallet.network == network)

    def native_asset(self, network: str) -> AssetRule:
        """The asset that pays a network's fees."""
        return self.asset(self.network(network).fee_asset)

    def assets_of(self, network: str) -> tuple[AssetRule, ...]:
        """The assets of a network, in the policy's order."""
        return tuple(asset for asset in self.assets if asset.network == network)


def _by_id(items: Iterable[T]) -> dict[str, T]:
    return {str(getattr(item, "id", "")): item for item in items}


def parse_policy(raw: bytes) -> Policy:
    """Read and check a policy file, whole. Raises Malformed with the field's path (`wallets[2].key.public`)."""
    tables = policy_parse.parse_tables(raw)
    policy_check.check(tables)
    return Policy(raw, statements.policy_hash(raw), tables)


def required_roles(initiator: Initiator, asset: str, amount: int) -> set[str]:
    """The roles that must each have signed an intent of `amount` base units of `asset`."""
    co_signers = {rule.role for rule in initiator.co_sign if rule.asset == asset and amount > rule.above}
    return {initiator.role, *co_signers}
