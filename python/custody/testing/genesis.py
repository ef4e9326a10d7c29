"""The genesis policy of a stack: a backend with a risk engine beside it, three operators, wallets as proven.

`Shape` says what may vary; `genesis_document` gives nested dicts that a test may still change before they are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from custody.testing.keys import OperatorKey, SystemKey
from custody.testing.signer_setup import NewSigner

__all__ = ["ETHER", "INITIATOR", "USD", "Band", "Shape", "genesis_document"]

ETHER = 10**18
USD = 10**6
INITIATOR = "backend-eu"
KINDS = ("SWEEP", "OPENING", "RELEASE", "RESUME", "ACTIVATE")
_VALID_FROM = "2020-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Band:
    """Base units."""

    floor: int
    target: int
    ceiling: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What a stack is made of; amounts in base units, by asset name `eth` or `token`."""

    hot: Sequence[str] = ("hot-eth-1", "hot-eth-2")
    cold: Sequence[str] = ("cold-eth-1",)
    operators: Sequence[str] = ("ada", "bo", "cy")
    need: int = 2
    token: str = "TestToken"
    balances: Mapping[tuple[str, str], int] = field(default_factory=dict)
    """(wallet, asset) → what it holds at the opening; 20 ether or 20,000 USD when hot, 50 times that when cold."""
    bands: Mapping[tuple[str, str], Band] = field(default_factory=dict)
    """(hot wallet, asset) → band; floor 1, target 20 and ceiling 200 ether, a thousand times that in USD."""
    customer_daily: Mapping[str, int] = field(
        default_factory=lambda: {"eth": 2 * ETHER, "token": 2_000 * USD}
    )
    co_sign_above: Mapping[str, int] = field(default_factory=lambda: {"eth": ETHER, "token": 1_000 * USD})
    hold_above: Mapping[str, int] = field(default_factory=dict)
    """Asset → above this much a day, a customer's withdrawals are held for a quorum."""
    fee_cap: int = ETHER // 100
    gas_reserve: int = ETHER // 20
    proposal_lifetime: str = "1h"
    block_time_s: float = 0.25

    def balance(self, wallet: str, asset: str) -> int:
        """What a wallet holds at the opening."""
        usual = {"eth": 20 * ETHER, "token": 20_000 * USD}[asset]
        return self.balances.get((wallet, asset), usual if wallet in self.hot else 50 * usual)

    def band(self, wallet: str, asset: str) -> Band:
        """A hot wallet's band."""
        unit = {"eth": ETHER, "token": 1_000 * USD}[asset]
        return self.bands.get((wallet, asset), Band(unit, 20 * unit, 200 * unit))


def genesis_document(
    shape: Shape,
    salt: bytes,
    network: str,
    assets: Mapping[str, str],
    code_hash: str,
    signers: Sequence[NewSigner],
    backend: SystemKey,
    risk: SystemKey,
    operators: Sequence[OperatorKey],
) -> dict[str, Any]:
    """The policy as nested dicts. `assets` are the CAIP-19 names of `eth` and `token`."""
    return {
        "deployment": {
            "salt": salt.hex(),
            "maximum_start_gap": "24h",
            "proposal_lifetime": shape.proposal_lifetime,
        },
        "pools": [{"name": "customers", "purpose": "customers"}, {"name": "house", "purpose": "house"}],
        "initiators": [_initiator(shape, assets, backend, risk)],
        "operators": [
            {"id": key.operator, "roles": ["treasurer"], "keys": [{"scheme": "sshsig", "public": key.line}]}
            for key in operators
        ],
        "quorums": [
            {
                "name": "treasury",
                "kinds": list(KINDS),
                "need": shape.need,
                "of": [key.operator for key in operators],
            }
        ],
        "limits": _limits(shape, assets),
        "wallets": [_wallet(shape, network, assets, signer) for signer in signers],
        "assets": [
            {"id": assets["eth"], "symbol": "ETH", "decimals": 18, "final": "finalized"},
            {
                "id": assets["token"],
                "symbol": "USDT",
                "decimals": 6,
                "final": "finalized",
                "code_hash": code_hash,
            },
        ],
        "networks": [
            {
                "id": network,
                "fee_caps": {"absolute": str(shape.fee_cap)},
                "gas_reserve": str(shape.gas_reserve),
            }
        ],
        "signers": [
            {"id": signer.plan.id, "wallets": [signer.plan.wallet], "audit": signer.audit}
            for signer in signers
        ],
    }


def _initiator(
    shape: Shape, assets: Mapping[str, str], backend: SystemKey, risk: SystemKey
) -> dict[str, Any]:
    def key(system: SystemKey, role: str) -> dict[str, str]:
        validity = {"valid_from": _VALID_FROM, "valid_until": "never"}
        return {"scheme": "ed25519", "public": system.public_hex, "role": role, **validity}

    return {
        "id": INITIATOR,
        "role": "backend",
        "pools": ["customers"],
        "limit_classes": ["retail"],
        "keys": [key(backend, "backend"), key(risk, "risk-engine")],
        "co_sign": [
            {"above": {"asset": assets[name], "amount": str(amount)}, "role": "risk-engine"}
            for name, amount in shape.co_sign_above.items()
        ],
    }


def _limits(shape: Shape, assets: Mapping[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, asset in assets.items():
        most = 1_000_000 * (ETHER if name == "eth" else 1_000 * USD)
        day = {"asset": asset, "window": "24h"}
        found.append({"id": f"{name}-daily", "scope": ["asset"], "amount": str(most), "over": "deny", **day})
        customers = str(shape.customer_daily[name])
        found.append(
            {
                "id": f"customer-{name}-daily",
                "scope": ["customer"],
                "amount": customers,
                "over": "deny",
                **day,
            }
        )
        if name in shape.hold_above:
            held = str(shape.hold_above[name])
            found.append(
                {"id": f"large-{name}-daily", "scope": ["customer"], "amount": held, "over": "hold", **day}
            )
    return found


def _wallet(shape: Shape, network: str, assets: Mapping[str, str], signer: NewSigner) -> dict[str, Any]:
    wallet, hot = signer.plan.wallet, signer.plan.kind == "HOT"
    unit = {"eth": ETHER, "token": 1_000 * USD}
    windows = {"1h": 100_000, "24h": 1_000_000} if hot else {"24h": 1_000_000}
    bands = []
    for name, asset in assets.items() if hot else ():
        band = shape.band(wallet, name)
        edges = {"floor": str(band.floor), "target": str(band.target), "ceiling": str(band.ceiling)}
        bands.append({"asset": asset, **edges})
    return {
        "id": wallet,
        "kind": signer.plan.kind,
        "network": network,
        "group": "eth",
        "signer": signer.plan.id,
        "key": signer.wallet_key,
        "bands": bands,
        "caps": [
            {"asset": asset, "window": window, "amount": str(units * unit[name])}
            for name, asset in assets.items()
            for window, units in windows.items()
        ],
    }
