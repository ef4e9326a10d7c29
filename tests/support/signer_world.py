"""Signers with real SoftHSM2 tokens under one genesis policy, and the server's side of the conversation with them."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from custody import statements
from custody.config import Secret
from custody.model.policy import Policy, parse_policy
from custody.model.quorum import SignedApproval
from custody.ports import Authority, EvmTerms, KeySig, Row, RowFields, StatementAuthority
from custody.signer import bootstrap, ceremony
from custody.signer.config import Deployment, HsmEntry, Listen, SignerConfig, SignerEntry, Tls
from custody.signer.core import RequestContext
from custody.signer.heads import Claim, Position
from custody.signer.hsm import Hsm
from custody.signer.store import StoreFolder, TokenMark
from custody.statements import (
    FeeMode,
    HaltBody,
    ProposalKind,
    SignedType,
    Statement,
    SweepBody,
    SweepLeg,
    WithdrawalIntent,
)
from support.fakes import FakeClock
from support.keys import EdKey, EthKey
from support.softhsm import PIN, folder, module_with

NETWORK = "eip155:31337"
ETH = f"{NETWORK}/slip44:60"
CONTRACT = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
TOKEN = f"{NETWORK}/erc20:{CONTRACT.lower()}"
ETHER = 10**18
GWEI = 10**9
SALT = hashlib.sha256(b"custody tests, signer world").digest()
START_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
OPERATORS = ("ada", "bo", "cy", "dee")
SIGNERS = {"hot-1": ("hot-eth-1", "HOT"), "hot-2": ("hot-eth-2", "HOT"), "cold-1": ("cold-eth-1", "COLD")}
CUSTOMER_ADDRESS = EthKey("a customer").address
GENESIS_MS = START_MS - HOUR_MS

TERMS = EvmTerms(nonce=0, gas_limit=21_000, max_fee_per_gas=40 * GWEI, max_priority_fee_per_gas=2 * GWEI)


@dataclass(frozen=True, slots=True)
class Token:
    """One token of this process, and what `init` made of its store."""

    hsm: Hsm
    module: str
    birth: Path


@dataclass(frozen=True, slots=True)
class Genesis:
    """Tokens and the policy that holds their keys: made once in a process, since keys take time to make."""

    tokens: dict[str, Token]
    raw: bytes
    policy: Policy


@cache
def genesis() -> Genesis:
    """Make the tokens, initialise and prove each signer, and write the policy."""
    tokens, proofs = {}, {}
    module = module_with(*SIGNERS)
    for signer, (wallet, kind) in SIGNERS.items():
        hsm = Hsm(module, signer, PIN)
        store = StoreFolder(folder() / f"born-{signer}")
        ceremony.initialise(hsm, store, signer, [wallet])
        proofs[signer] = ceremony.prove(hsm, store, signer, SALT, kind, NETWORK, [wallet])
        tokens[signer] = Token(hsm, module, store.path)
    raw = policy_text(json.loads(json.dumps(proofs))).encode()
    return Genesis(tokens, raw, parse_policy(raw))


def policy_text(proofs: dict[str, dict[str, dict[str, dict[str, str]]]]) -> str:
    """The policy of SIGNERS, from what `prove` printed for each."""

    def key(name: str, role: str) -> str:
        return (
            f'{{ scheme = "ed25519", public = "{EdKey(name).public.hex()}", role = "{role}", '
            f'valid_from = "2020-01-01T00:00:00Z", valid_until = "{UNTIL.get(name, "never")}" }}'
        )

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
limit_classes = ["retail"]
keys = [{key("backend", "backend")}, {key("risk", "risk-engine")}, {key("old", "backend")}]
co_sign = [{{ above = {{ asset = "{ETH}", amount = "{5 * ETHER}" }}, role = "risk-engine" }}]
[[initiators]]
id = "other"
role = "backend"
pools = ["customers"]
limit_classes = []
keys = [{key("other", "backend")}]
co_sign = []
[[limits]]
id = "daily"
scope = ["asset"]
window = "24h"
amount = "{1000 * ETHER}"
over = "deny"
"""
    ]
    parts += [
        f'[[operators]]\nid = "{name}"\nroles = ["treasurer"]\n'
        f'keys = [{{ scheme = "ed25519", public = "{EdKey(name).public.hex()}" }}]\n'
        for name in OPERATORS
    ]
    parts.append(
        '[[quorums]]\nname = "treasury"\nkinds = ["SWEEP", "RESUME", "ACTIVATE"]\nneed = 2\nof = ["ada", "bo", "cy"]\n'
    )
    for signer, (wallet, kind) in SIGNERS.items():
        proof = proofs[signer]["wallets"][wallet]
        windows = {"1h": 20, "24h": 50} if kind == "HOT" else {"24h": 100}
        caps = ", ".join(
            f'{{ asset = "{asset}", window = "{window}", amount = "{units * ETHER}" }}'
            for asset in (ETH, TOKEN)
            for window, units in windows.items()
        )
        band = f'{{ asset = "{ETH}", floor = "{ETHER}", target = "{30 * ETHER}", ceiling = "{60 * ETHER}" }}'
        parts.append(
            f'[[wallets]]\nid = "{wallet}"\nkind = "{kind}"\nnetwork = "{NETWORK}"\ngroup = "eth"\n'
            f'signer = "{signer}"\nkey = {{ scheme = "ethereum", public = "{proof["public"]}", '
            f'possession = "{proof["possession"]}" }}\nbands = [{band if kind == "HOT" else ""}]\ncaps = [{caps}]\n'
        )
    for asset, symbol, decimals in ((ETH, "ETH", 18), (TOKEN, "TKN", 6)):
        code = f'code_hash = "0x{"11" * 32}"\n' if asset == TOKEN else ""
        parts.append(
            f'[[assets]]\nid = "{asset}"\nsymbol = "{symbol}"\ndecimals = {decimals}\nfinal = "finalized"\n{code}'
        )
    parts.append(
        f'[[networks]]\nid = "{NETWORK}"\nfee_caps = {{ absolute = "{ETHER // 100}", share = "0.01" }}\n'
        f'gas_reserve = "{ETHER // 10}"\n'
    )
    for signer, (wallet, _) in SIGNERS.items():
        audit = proofs[signer]["audit"]
        parts.append(
            f'[[signers]]\nid = "{signer}"\nwallets = ["{wallet}"]\n'
            f'audit = {{ scheme = "ed25519", public = "{audit["public"]}", possession = "{audit["possession"]}" }}\n'
        )
    return "\n".join(parts)


UNTIL = {"old": "2026-01-01T00:00:00Z"}


@dataclass
class ServerJournal:
    """The server's journal as signers see it: a chain of row hashes."""

    deployment: bytes
    epoch: int = 1
    rows: list[RowFields] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hashes = self.hashes or [statements.journal_start(self.deployment, "server/main")]

    def grow(self, count: int = 1, content: str = "") -> None:
        """Append rows; `content` makes them differ from another journal's."""
        for _ in range(count):
            sequence = len(self.rows) + 1
            root = hashlib.sha256(f"{content}{sequence}".encode()).digest()
            self.rows.append(RowFields(sequence, self.epoch, 20, root))
            self.hashes.append(statements.row_hash(self.hashes[-1], sequence, self.epoch, 20, root))

    def fork(self, at: int) -> ServerJournal:
        """The same journal up to a row."""
        return ServerJournal(self.deployment, self.epoch, self.rows[:at], self.hashes[: at + 1])

    def claim(self, after: int = 0, head: int | None = None) -> Claim:
        """The head with the rows after `after`."""
        head = len(self.rows) if head is None else head
        return Claim(Position(self.epoch, head, self.hashes[head]), self.rows[after:head])


class World:
    """One deployment with fresh stores, and a server that may lie to its signers."""

    def __init__(self, stores: Path) -> None:
        self.genesis = genesis()
        self.folder = stores
        self.policy = self.genesis.policy
        self.id = self.policy.hash
        self.clock = FakeClock(START_MS)
        self.journal = ServerJournal(self.id)
        self.journal.grow()
        self.fatal: list[str] = []
        self.running: dict[str, bootstrap.Signer] = {}
        self._numbers = itertools.count(1)
        (stores / "policy.toml").write_bytes(self.genesis.raw)
        self._fresh: set[str] = set()

    def config(self, signer: str, store: str = "") -> SignerConfig:
        """Its configuration as a file would give it."""
        return SignerConfig(
            signer=SignerEntry(signer, self.folder / (store or signer)),
            hsm=HsmEntry(self.genesis.tokens[signer].module, signer, Secret("env:PIN")),
            deployment=Deployment(self.folder / "policy.toml", self.id),
            listen=Listen("127.0.0.1:0", "127.0.0.1:0"),
            tls=Tls(self.folder, self.folder, self.folder),
        )

    def signer(self, name: str, store: str = "") -> bootstrap.Signer:
        """The running signer, started if it is not."""
        if name not in self.running:
            self._make_fresh(name)
            config = self.config(name, store)
            self.running[name] = bootstrap.build(config, self.hsm(name), self.clock, self.fatal.append)
        return self.running[name]

    def _make_fresh(self, name: str) -> None:
        """Before its first start, token and store are as `init` left them."""
        if name in self._fresh:
            return
        self._fresh.add(name)
        made = self.genesis.tokens[name]
        shutil.copytree(made.birth, self.folder / name)
        birth = StoreFolder(made.birth).read_birth()
        assert birth is not None
        TokenMark(bytes.fromhex(birth.store_id), 0).write(made.hsm)

    def restart(self, name: str) -> bootstrap.Signer:
        """Stop a signer and start it again on its store."""
        self.stop(name)
        return self.signer(name)

    def stop(self, name: str) -> None:
        """Let a signer's store go."""
        if name in self.running:
            self.running.pop(name).close()

    def close(self) -> None:
        """Stop all."""
        for name in list(self.running):
            self.stop(name)

    def hsm(self, name: str) -> Hsm:
        """Its token."""
        return self.genesis.tokens[name].hsm

    def rows(self, name: str, after: int = 0) -> list[Row]:
        """The rows of a signer's log."""
        connection = sqlite3.connect(self.folder / name / "journal.db")
        try:
            found = connection.execute(
                "SELECT sequence, epoch, kind, prev_hash, root, hash, record FROM rows WHERE sequence > ?",
                (after,),
            ).fetchall()
        finally:
            connection.close()
        return [Row(*row) for row in found]

    # What the server sends.

    def context(self, **changes: object) -> RequestContext:
        """An honest context with all rows."""
        return replace(RequestContext(self.id, self.journal.claim()), **changes)  # type: ignore[arg-type]

    def routed(self, reference: str, initiator: str = "backend") -> tuple[str, str]:
        """The signer and the wallet that pay a reference."""
        wallet = statements.route(initiator, reference, [w for w, kind in SIGNERS.values() if kind == "HOT"])
        return self.policy.wallet(wallet).signer, wallet

    def reference_of(self, signer: str, start: int = 0) -> str:
        """A reference that this hot signer pays; `start` gives different ones."""
        return next(
            name for name in (f"w-{start}-{n}" for n in itertools.count()) if self.routed(name)[0] == signer
        )

    def intent(self, reference: str, amount: int = ETHER, **changes: object) -> WithdrawalIntent:
        """A withdrawal of ETH under HOUSE unless changed."""
        intent = WithdrawalIntent(
            initiator="backend",
            reference=reference,
            attempt=1,
            asset=ETH,
            amount=amount,
            address=CUSTOMER_ADDRESS,
            memo="",
            pool="customers",
            customer="c-1",
            limit_class="",
            fee_mode=FeeMode.HOUSE,
            max_network_fee=None,
            service_fee=0,
            submit_before_unix_ms=START_MS + HOUR_MS,
            pay_before_unix_ms=START_MS + 2 * HOUR_MS,
            routing_sequence=1,
        )
        return replace(intent, **changes)  # type: ignore[arg-type]

    def signed(self, intent: WithdrawalIntent, keys: Sequence[str] = ("backend",)) -> Authority:
        """An intent with these keys' signatures."""
        body = statements.encode(intent)
        return Authority(body, tuple(self.signature(name, SignedType.INTENT, body) for name in keys))

    def signature(self, name: str, signed_type: SignedType, body: bytes, deployment: bytes = b"") -> KeySig:
        """One key's signature over a body."""
        key = EdKey(name)
        return KeySig(key.key_id, key.sign(signed_type, deployment or self.id, body))

    def statement(self, kind: ProposalKind, payload: statements.Payload, **changes: object) -> bytes:
        """A statement's bytes at the genesis head, proposed by dee, who is in no quorum."""
        statement = Statement(
            kind=kind,
            payload=payload,
            policy_hash=self.policy.hash,
            governance_sequence=1,
            governance_hash=self.id,
            signer_epoch=1,
            proposer="dee",
            not_before_unix_ms=0,
            expires_unix_ms=self.clock.wall_ms + HOUR_MS,
            nonce=next(self._numbers).to_bytes(16, "big"),
        )
        return statements.encode(replace(statement, **changes))  # type: ignore[arg-type]

    def approval(
        self, operator: str, body: bytes, signed_type: SignedType = SignedType.APPROVE
    ) -> SignedApproval:
        """One operator's signature over a statement."""
        key_id, signature = self.signature(operator, signed_type, body)
        return SignedApproval(operator, key_id, signature)

    def approved(
        self, body: bytes, by: Sequence[str] = ("ada", "bo"), proposer: str = "dee"
    ) -> StatementAuthority:
        """A statement with its proposer's signature and approvals."""
        propose = self.approval(proposer, body, SignedType.PROPOSE) if proposer else None
        return StatementAuthority(body, propose, tuple(self.approval(name, body) for name in by))

    def leg(self, amount: int = 10 * ETHER, **changes: object) -> SweepLeg:
        """Cold to hot-1."""
        leg = SweepLeg(
            from_wallet="cold-eth-1",
            to_wallet="hot-eth-1",
            to_address=self.policy.wallet("hot-eth-1").address,
            asset=ETH,
            amount=amount,
            fee_asset=ETH,
            fee_cap=ETHER // 100,
        )
        return replace(leg, **changes)  # type: ignore[arg-type]

    def sweep(self, *legs: SweepLeg, **changes: object) -> bytes:
        """A SWEEP statement of these legs, or of one."""
        return self.statement(ProposalKind.SWEEP, SweepBody(legs or (self.leg(),)), **changes)

    def halt_body(
        self, *scopes: str, operator: str = "cy", number: int = 0, reason: str = "a drill"
    ) -> bytes:
        """A HaltBody's bytes."""
        number = number or next(self._numbers)
        return statements.encode(HaltBody(operator, scopes, reason, self.clock.wall_ms, number))

    def halt(
        self, signer: str, *scopes: str, operator: str = "cy", number: int = 0, reason: str = "a drill"
    ) -> str:
        """Halt a signer; return the halt's id."""
        body = self.halt_body(*scopes, operator=operator, number=number, reason=reason)
        return self.signer(signer).halts.halt(body, *self.signature(operator, SignedType.HALT, body)).halt_id

    def resume(self, signer: str, halt_id: str, by: Sequence[str] = ("ada", "bo")) -> None:
        """Have a quorum end a halt."""
        body = self.statement(ProposalKind.RESUME, statements.ResumeBody(halt_id, "the drill is over"))
        self.signer(signer).halts.resume(self.context(), self.approved(body, by))
