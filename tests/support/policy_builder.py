"""A sound policy with real keys and proofs, as a document that a test may change before it is written as TOML.

`PolicyBuilder().policy()` is the short way; `builder.document` is the file as nested dicts and lists, and `toml()`
fills in every `possession` that is still missing. `sign(...)` signs as an operator, with a real SSHSIG.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from custody import crypto, statements
from custody.crypto import Scheme
from custody.errors import Malformed
from custody.model.policy import Policy, parse_policy
from custody.model.quorum import SignedApproval
from custody.statements import PossessionBody, ProposalKind, SignedType
from support.keys import EdKey, EthKey

NETWORK = "eip155:31337"
ETH = f"{NETWORK}/slip44:60"
TOKEN = f"{NETWORK}/erc20:0x5fbdb2315678afecb367f032d93f642f64180aa3"
ETHER = 10**18
USD = 10**6
SALT = hashlib.sha256(b"custody tests, salt").digest()
VALID_FROM = "2026-01-01T00:00:00Z"
EXECUTED_KINDS = ("SWEEP", "RELEASE", "RESUME", "ACTIVATE", "OPENING")


@dataclass(frozen=True)
class SshKey:
    """An operator's ssh-ed25519 key, as `ssh-keygen` would make it; deterministic by name."""

    name: str

    @property
    def private(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(f"ssh, {self.name}".encode()).digest())

    @property
    def line(self) -> str:
        public = self.private.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
        return f"{public.decode()} {self.name}@example"

    @property
    def public(self) -> bytes:
        return crypto.parse_public_key(Scheme.SSHSIG, self.line)

    @property
    def key_id(self) -> str:
        return crypto.key_id(Scheme.SSHSIG, self.public)

    def sign(self, signed_type: str, deployment: bytes, body: bytes) -> bytes:
        """An SSHSIG blob as `ssh-keygen -Y sign -n custody/v1` makes it."""
        message = statements.signing_input(
            Scheme.SSHSIG, statements.signed_message(signed_type, deployment, body)
        )
        names = [b"custody/v1", b"", b"sha512"]
        to_sign = b"SSHSIG" + b"".join(map(_string, [*names, hashlib.sha512(message).digest()]))
        signature = _string(b"ssh-ed25519") + _string(self.private.sign(to_sign))
        parts = b"".join(map(_string, [self.public, *names, signature]))
        return b"SSHSIG" + struct.pack(">I", 1) + parts


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


@dataclass
class PolicyBuilder:
    """Two hot wallets and a cold one on one network, two assets, three operators of whom two must approve."""

    network: str = NETWORK
    native: str = ETH
    token: str | None = TOKEN
    hot: Sequence[str] = ("hot-eth-1", "hot-eth-2")
    cold: Sequence[str] = ("cold-eth-1",)
    operators: Sequence[str] = ("ada", "bo", "cy")
    need: int = 2
    kinds: Sequence[str] = EXECUTED_KINDS
    salt: bytes = SALT
    fee_cap: int = ETHER // 100
    share: str | None = None
    gas_reserve: int = ETHER // 100
    co_sign_above: int = 10 * ETHER
    lifetime: str = "24h"
    wallet_keys: Mapping[str, Any] = field(default_factory=dict)
    """Keys of wallets by id instead of the deterministic ones: anything with `address` and `sign` as EthKey has."""

    def __post_init__(self) -> None:
        self.document: dict[str, Any] = {
            "deployment": {
                "salt": self.salt.hex(),
                "maximum_start_gap": "10m",
                "proposal_lifetime": self.lifetime,
            },
            "pools": [
                {"name": "customers", "purpose": "customers"},
                {"name": "house", "purpose": "house"},
            ],
            "initiators": [self._initiator()],
            "operators": [
                {"id": name, "roles": ["treasurer"], "keys": [_person(SshKey(name))]}
                for name in self.operators
            ],
            "quorums": [
                {
                    "name": "treasury",
                    "kinds": list(self.kinds),
                    "need": self.need,
                    "of": list(self.operators),
                }
            ],
            "limits": self._limits(),
            "wallets": [self._wallet(name, "HOT") for name in self.hot]
            + [self._wallet(name, "COLD") for name in self.cold],
            "assets": self._assets(),
            "networks": [
                {
                    "id": self.network,
                    "fee_caps": {"absolute": str(self.fee_cap)}
                    | ({"share": self.share} if self.share else {}),
                    "gas_reserve": str(self.gas_reserve),
                }
            ],
            "signers": [
                {
                    "id": _signer_of(name),
                    "wallets": [name],
                    "audit": {"scheme": "ed25519", "public": EdKey(_signer_of(name)).public.hex()},
                }
                for name in (*self.hot, *self.cold)
            ],
        }

    def _initiator(self) -> dict[str, Any]:
        def key(name: str, role: str) -> dict[str, Any]:
            public = EdKey(name).public.hex()
            validity = {"valid_from": VALID_FROM, "valid_until": "never"}
            return {"scheme": "ed25519", "public": public, "role": role, **validity}

        return {
            "id": "backend-eu",
            "role": "backend",
            "pools": ["customers"],
            "limit_classes": ["retail"],
            "keys": [key("backend-eu", "backend"), key("risk-eu", "risk-engine")],
            "co_sign": [
                {"above": {"asset": self.native, "amount": str(self.co_sign_above)}, "role": "risk-engine"}
            ],
        }

    def _limits(self) -> list[dict[str, Any]]:
        bound = {"window": "24h", "amount": str(10_000 * ETHER)}
        return [
            {"id": "asset-daily", "scope": ["asset"], "over": "deny", **bound},
            {"id": "customer-hourly", "scope": ["customer"], "window": "1h", "count": 1000, "over": "deny"},
            {
                "id": "retail-daily",
                "scope": ["asset", "customer"],
                "class": "retail",
                "over": "hold",
                **bound,
            },
        ]

    def _assets(self) -> list[dict[str, Any]]:
        native = {"id": self.native, "symbol": "ETH", "decimals": 18, "final": "finalized"}
        if self.token is None:
            return [native]
        code = "0x" + "11" * 32
        token = {"id": self.token, "symbol": "USDX", "decimals": 6, "final": 3, "code_hash": code}
        return [native, token]

    def _wallet(self, name: str, kind: str) -> dict[str, Any]:
        assets = [self.native] + ([self.token] if self.token else [])
        unit = {self.native: ETHER, self.token: USD}
        windows = {"1h": 100, "24h": 1000} if kind == "HOT" else {"24h": 10_000}
        caps = [
            {"asset": asset, "window": window, "amount": str(units * unit[asset])}
            for asset in assets
            for window, units in windows.items()
        ]
        shape = {"floor": 10, "target": 50, "ceiling": 90} if kind == "HOT" else {}
        bands = [
            {"asset": asset, **{edge: str(units * unit[asset]) for edge, units in shape.items()}}
            for asset in (assets if shape else [])
        ]
        key = {"scheme": "ethereum", "public": self.wallet_key(name).address}
        rest: dict[str, Any] = {
            "network": self.network,
            "group": "eth",
            "signer": _signer_of(name),
            "key": key,
        }
        return {"id": name, "kind": kind, **rest, "bands": bands, "caps": caps}

    def wallet_key(self, wallet: str) -> Any:
        """The wallet's key."""
        return self.wallet_keys.get(wallet) or EthKey(wallet)

    def wallet(self, wallet: str) -> dict[str, Any]:
        """The wallet's table in the document, to change."""
        (found,) = (table for table in self.document["wallets"] if table["id"] == wallet)
        table: dict[str, Any] = found
        return table

    def prove(self) -> None:
        """Fill in the proofs of possession that are missing, where the document has what they take."""
        for wallet in self.document["wallets"]:
            with suppress(KeyError, ValueError, Malformed):
                key = wallet["key"]
                public = bytes.fromhex(key["public"].removeprefix("0x"))
                names = (wallet["id"], wallet["kind"], wallet["network"], wallet["signer"], key["scheme"])
                self._prove(key, self.wallet_key(wallet["id"]), PossessionBody(*names, public))
        for signer in self.document["signers"]:
            with suppress(KeyError, ValueError, Malformed):
                audit = signer["audit"]
                names = (signer["id"], "AUDIT", "", signer["id"], "ed25519")
                self._prove(
                    audit, EdKey(signer["id"]), PossessionBody(*names, bytes.fromhex(audit["public"]))
                )

    def _prove(self, table: dict[str, Any], key: Any, body: PossessionBody) -> None:
        if "possession" not in table:
            salt = bytes.fromhex(self.document["deployment"]["salt"])
            table["possession"] = key.sign(SignedType.POSSESSION, salt, statements.encode(body)).hex()

    def toml(self) -> bytes:
        """The policy file."""
        self.prove()
        return write_toml(self.document).encode()

    def policy(self) -> Policy:
        """The policy file, parsed."""
        return parse_policy(self.toml())

    def sign(self, operator: str, signed_type: SignedType, deployment: bytes, body: bytes) -> SignedApproval:
        """An operator's signature over an operator message."""
        key = SshKey(operator)
        return SignedApproval(operator, key.key_id, key.sign(signed_type, deployment, body))


def _signer_of(wallet: str) -> str:
    return f"signer-{wallet}"


def _person(key: SshKey) -> dict[str, Any]:
    return {"scheme": "sshsig", "public": key.line}


def write_toml(document: Mapping[str, Any]) -> str:
    """TOML of nested dicts, lists, strings and integers; a top-level list of tables becomes `[[table]]`s."""
    lines: list[str] = []
    for name, value in document.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            for item in value:
                lines += [f"[[{name}]]", *_pairs(item), ""]
        elif isinstance(value, dict):
            lines += [f"[{name}]", *_pairs(value), ""]
        else:
            lines.insert(0, f"{_key(name)} = {_inline(value)}")
    return "\n".join(lines)


def _pairs(table: Mapping[str, Any]) -> list[str]:
    return [f"{_key(key)} = {_inline(value)}" for key, value in table.items()]


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(_pairs(value)) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return _quoted(value) if isinstance(value, str) else str(value)


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name, re.ASCII) else _quoted(name)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)


ALL_KINDS = tuple(kind.name for kind in ProposalKind)
