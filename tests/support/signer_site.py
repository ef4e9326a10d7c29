"""Three custody-signer processes with their tokens, policy, certificates and files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import grpc

from custody import statements
from custody.adapters.signer_client import GrpcSignerClient
from custody.model.quorum import SignedApproval
from custody.ports import Authority, Head, KeySig, RowFields, StatementAuthority
from custody.rpc.tls import channel_credentials
from custody.statements import SignedType
from custody.testing.certificates import Leaf
from support.keys import EdKey
from support.signer_world import (
    CUSTOMER_ADDRESS,
    ETH,
    ETHER,
    SIGNERS,
    TERMS,
    ServerJournal,
)

PIN = "pin-that-nobody-prints"


DIES_AT = """
import os, signal
from custody.adapters.sqlite_journal import SqliteJournal
from custody.api.journal.v1 import record_pb2
from custody.signer.hsm import Hsm
from custody.signer.main import run

def dying(call, step_of):
    def stepped(*arguments):
        step = step_of(*arguments)
        if os.environ["DIES_AT"] == "before " + step:
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*arguments)
        if os.environ["DIES_AT"] == "after " + step:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return stepped

Hsm.sign_digest = dying(Hsm.sign_digest, lambda *_: "TOKEN")
SqliteJournal.append = dying(
    SqliteJournal.append,
    lambda _, rows: record_pb2.RecordKind.Name(rows[0].kind).removeprefix("RECORD_KIND_"),
)
run()
"""


def command(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run custody-signer to its end; no PIN is ever in what it says."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "custody.signer.main", *arguments],
        env={**os.environ, "SOFTHSM2_CONF": str(folder / "softhsm2.conf")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert PIN not in done.stdout + done.stderr
    return done


class Heads:
    """The server's journal for a client."""

    def __init__(self, journal: ServerJournal) -> None:
        self.journal = journal

    @property
    def head(self) -> Head:
        return Head(len(self.journal.rows), self.journal.epoch, self.journal.hashes[-1])

    def fields(self, after: int, limit: int) -> list[RowFields]:
        return self.journal.rows[after : after + limit]


@dataclass
class Running:
    """A custody-signer process and its ports."""

    process: subprocess.Popen[str]
    server: str
    operators: str

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)


@dataclass(frozen=True)
class Site:
    """Three signers on their tokens, their policy, certificates and files."""

    folder: Path
    deployment: bytes
    wallets: dict[str, str]
    leaves: dict[str, Leaf]
    journal: ServerJournal

    def config(self, signer: str) -> Path:
        return self.folder / signer / "signer.toml"

    def start(self, signer: str, dies_at: str = "") -> Running:
        """Run a signer and wait for its ports; `dies_at` is a step at which it kills itself by SIGKILL."""
        errors = (self.folder / signer / "log").open("a")
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", DIES_AT, "run", "--config", str(self.config(signer))],
            env={
                **os.environ,
                "SOFTHSM2_CONF": str(self.folder / signer / "softhsm2.conf"),
                "DIES_AT": dies_at,
            },
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        errors.close()
        assert process.stdout is not None
        line = process.stdout.readline()
        process.stdout.close()
        assert line, (self.folder / signer / "log").read_text()
        ports = json.loads(line)["ports"]
        return Running(process, f"127.0.0.1:{ports['server']}", f"127.0.0.1:{ports['operators']}")

    def credentials(self, name: str) -> grpc.ChannelCredentials:
        leaf = self.leaves[name]
        return channel_credentials(leaf.certificate, leaf.key, leaf.ca)

    def client(self, running: Running, signer: str, principal: str = "server") -> GrpcSignerClient:
        return GrpcSignerClient(
            signer, running.server, self.credentials(principal), self.deployment, Heads(self.journal), 10_000
        )

    def sweep(self, number: int) -> StatementAuthority:
        """A sweep from cold to hot that a quorum approved just now."""
        leg = statements.SweepLeg(
            "cold-eth-1",
            "hot-eth-1",
            self.wallets["hot-1"],
            ETH,
            ETHER,
            ETH,
            TERMS.gas_limit * TERMS.max_fee_per_gas,
        )
        statement = statements.Statement(
            kind=statements.ProposalKind.SWEEP,
            payload=statements.SweepBody((leg,)),
            policy_hash=self.deployment,
            governance_sequence=1,
            governance_hash=self.deployment,
            signer_epoch=1,
            proposer="dee",
            not_before_unix_ms=0,
            expires_unix_ms=time.time_ns() // 1_000_000 + 3_600_000,
            nonce=number.to_bytes(16, "big"),
        )
        body = statements.encode(statement)

        def signed(operator: str, signed_type: SignedType) -> SignedApproval:
            key = EdKey(operator)
            return SignedApproval(operator, key.key_id, key.sign(signed_type, self.deployment, body))

        approvals = tuple(signed(operator, SignedType.APPROVE) for operator in ("ada", "bo"))
        return StatementAuthority(body, signed("dee", SignedType.PROPOSE), approvals)

    def intent(self, signer: str, **changes: object) -> Authority:
        """A withdrawal that this hot signer pays, signed."""
        hot = [wallet for wallet, kind in SIGNERS.values() if kind == "HOT"]
        wanted = SIGNERS[signer][0]
        start = int(str(changes.pop("start", 0)))
        reference = next(
            name
            for name in (f"p-{start}-{n}" for n in range(100))
            if statements.route("backend", name, hot) == wanted
        )
        intent = statements.WithdrawalIntent(
            initiator="backend",
            reference=reference,
            attempt=1,
            asset=ETH,
            amount=ETHER,
            address=CUSTOMER_ADDRESS,
            memo="",
            pool="customers",
            customer="c-1",
            limit_class="",
            fee_mode=statements.FeeMode.HOUSE,
            max_network_fee=None,
            service_fee=0,
            submit_before_unix_ms=4_000_000_000_000,
            pay_before_unix_ms=4_000_000_000_000,
            routing_sequence=1,
        )
        body = statements.encode(replace(intent, **changes))  # type: ignore[arg-type]
        key = EdKey("backend")
        return Authority(body, (KeySig(key.key_id, key.sign(SignedType.INTENT, self.deployment, body)),))
