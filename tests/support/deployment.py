"""A small deployment for tests: its policy file with real keys and proofs, intents and statements signed for it."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass, field, replace

from custody import statements
from custody.model.policy import Policy, parse_policy
from custody.model.quorum import SignedApproval
from custody.ports import KeySig
from custody.statements import FeeMode, PossessionBody, ProposalKind, SignedType, Statement, WithdrawalIntent
from support.keys import EdKey, EthKey

NETWORK = "eip155:31337"
ETH = f"{NETWORK}/slip44:60"
TOKEN_CONTRACT = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
TOKEN = f"{NETWORK}/erc20:{TOKEN_CONTRACT}"
ETHER = 10**18
SALT = hashlib.sha256(b"custody tests, salt").digest()
START_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
OPERATORS = ("ada", "bo", "cy", "dee")

_HOT_CAPS = {"1h": 1_000_000, "24h": 10_000_000}


@dataclass(frozen=True)
class Options:
    """What tests vary."""

    final: str = '"finalized"'
    token_final: str = '"finalized"'
    fee_cap: int = 50_000_000_000_000_000
    share: str = ""
    gas_reserve: int = 10_000_000_000_000_000
    floor: int = 2 * ETHER
    target: int = 5 * ETHER
    ceiling: int = 20 * ETHER
    hot_wallets: tuple[str, ...] = ("hot-1",)
    limit: int = 100_000 * ETHER
    hold_above: int = 0
    cold_band: bool = False


def policy_text(options: Options) -> str:
    """A policy file."""
    parts = [
        f"""
[deployment]
salt = "{SALT.hex()}"
maximum_start_gap = "24h"
proposal_lifetime = "24h"

[[pools]]
name = "customers"
purpose = "customers"
[[pools]]
name = "house"
purpose = "house"

[[initiators]]
id = "backend"
role = "backend"
pools = ["customers"]
limit_classes = []
co_sign = []
[[initiators.keys]]
scheme = "ed25519"
public = "{EdKey("backend").public.hex()}"
role = "backend"
valid_from = "2020-01-01T00:00:00Z"
valid_until = "never"

[[limits]]
id = "asset-daily"
scope = ["asset"]
window = "24h"
amount = "{options.limit}"
over = "deny"
"""
    ]
    if options.hold_above:
        parts.append(
            f'[[limits]]\nid = "large"\nscope = ["asset", "customer"]\nwindow = "24h"\n'
            f'amount = "{options.hold_above}"\nover = "hold"\n'
        )
    parts += [
        f'[[operators]]\nid = "{name}"\nroles = ["treasurer"]\n'
        f'keys = [{{ scheme = "ed25519", public = "{EdKey(name).public.hex()}" }}]\n'
        for name in OPERATORS
    ]
    kinds = json.dumps([kind.name for kind in ProposalKind])
    parts.append(f'[[quorums]]\nname = "treasury"\nkinds = {kinds}\nneed = 2\nof = ["ada", "bo", "cy"]\n')
    parts += [_wallet(name, "HOT", f"signer-{name}", options) for name in options.hot_wallets]
    parts.append(_wallet("cold-1", "COLD", "signer-cold-1", options))
    parts.append(
        f"""
[[assets]]
id = "{ETH}"
symbol = "ETH"
decimals = 18
final = {options.final}
[[assets]]
id = "{TOKEN}"
symbol = "TKN"
decimals = 6
final = {options.token_final}
code_hash = "0x{"11" * 32}"

[[networks]]
id = "{NETWORK}"
fee_caps = {{ absolute = "{options.fee_cap}"{f', share = "{options.share}"' if options.share else ""} }}
gas_reserve = "{options.gas_reserve}"
"""
    )
    parts += [_signer(f"signer-{name}", name) for name in (*options.hot_wallets, "cold-1")]
    return "\n".join(parts)


def _wallet(name: str, kind: str, signer: str, options: Options) -> str:
    key = EthKey(name)
    body = PossessionBody(name, kind, NETWORK, signer, "ethereum", key.public)
    possession = key.sign(SignedType.POSSESSION, SALT, statements.encode(body)).hex()
    windows = _HOT_CAPS if kind == "HOT" else {"24h": 10_000_000}
    caps = ", ".join(
        f'{{ asset = "{asset}", window = "{window}", amount = "{units * ETHER}" }}'
        for asset in (ETH, TOKEN)
        for window, units in windows.items()
    )
    bands = ""
    if kind == "HOT" or options.cold_band:
        bands = (
            f'bands = [{{ asset = "{ETH}", floor = "{options.floor}", target = "{options.target}", '
            f'ceiling = "{options.ceiling}" }}]\n'
        )
    return (
        f'[[wallets]]\nid = "{name}"\nkind = "{kind}"\nnetwork = "{NETWORK}"\ngroup = "eth"\nsigner = "{signer}"\n'
        f'key = {{ scheme = "ethereum", public = "{key.address}", possession = "{possession}" }}\n'
        f"{bands or 'bands = []' + chr(10)}caps = [{caps}]\n"
    )


def _signer(signer: str, wallet: str) -> str:
    key = EdKey(signer)
    body = PossessionBody(signer, "AUDIT", "", signer, "ed25519", key.public)
    possession = key.sign(SignedType.POSSESSION, SALT, statements.encode(body)).hex()
    return (
        f'[[signers]]\nid = "{signer}"\nwallets = ["{wallet}"]\n'
        f'audit = {{ scheme = "ed25519", public = "{key.public.hex()}", possession = "{possession}" }}\n'
    )


@dataclass
class Deployment:
    """A genesis policy and what its principals sign under it."""

    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        self.genesis = policy_text(self.options).encode()
        self.policy: Policy = parse_policy(self.genesis)
        self.id = self.policy.hash
        self._nonces = itertools.count(1)

    def intent(self, reference: str, amount: int, to: str, **changes: object) -> WithdrawalIntent:
        """A withdrawal of ETH under HOUSE unless changed."""
        intent = WithdrawalIntent(
            initiator="backend",
            reference=reference,
            attempt=1,
            asset=ETH,
            amount=amount,
            address=to,
            memo="",
            pool="customers",
            customer=f"customer-of-{reference}",
            limit_class="",
            fee_mode=FeeMode.HOUSE,
            max_network_fee=None,
            service_fee=0,
            submit_before_unix_ms=START_MS + HOUR_MS,
            pay_before_unix_ms=START_MS + 24 * HOUR_MS,
            routing_sequence=1,
        )
        return replace(intent, **changes)  # type: ignore[arg-type]

    def sign_intent(self, intent: WithdrawalIntent) -> tuple[bytes, KeySig]:
        """Canonical bytes and the backend's signature."""
        body = statements.encode(intent)
        key = EdKey("backend")
        return body, KeySig(key.key_id, key.sign(SignedType.INTENT, self.id, body))

    def statement(
        self,
        kind: ProposalKind,
        payload: statements.Payload,
        proposer: str,
        now_ms: int = START_MS,
        **changes: object,
    ) -> bytes:
        """A statement's canonical bytes at the genesis head."""
        statement = Statement(
            kind=kind,
            payload=payload,
            policy_hash=self.id,
            governance_sequence=1,
            governance_hash=self.id,
            signer_epoch=1,
            proposer=proposer,
            not_before_unix_ms=0,
            expires_unix_ms=now_ms + HOUR_MS,
            nonce=next(self._nonces).to_bytes(16, "big"),
        )
        return statements.encode(replace(statement, **changes))  # type: ignore[arg-type]

    def sign(self, operator: str, signed_type: SignedType, body: bytes) -> SignedApproval:
        """An operator's signature."""
        key = EdKey(operator)
        return SignedApproval(operator, key.key_id, key.sign(signed_type, self.id, body))
