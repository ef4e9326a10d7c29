"""A real custody-server in its own process, over mutual TLS, with wallets opened in its journal beforehand."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from custody import statements
from custody.adapters.sqlite_journal import SqliteJournal
from custody.adapters.system_clock import SystemClock
from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.api.v1 import common_pb2, withdrawal_pb2
from custody.crypto import Keyring
from custody.ledger import Ledger
from custody.model.control import ControlState
from custody.model.policy import Policy
from custody.ports import Clock, Journal
from custody.server.bootstrap import make_keyring
from custody.services.commands import Decision, Draft, State
from custody.services.writer import Writer
from custody.statements import FeeMode, SignedType, WithdrawalIntent
from custody.testing.certificates import Authority
from support.keys import EdKey
from support.policy_builder import ETH, ETHER, PolicyBuilder

HOUR_MS = 3_600_000
OPENED = 1_000 * ETHER
ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def unexpected(error: BaseException) -> None:
    raise AssertionError("the writer failed") from error


def make_writer(
    policy: Policy,
    journal: Journal,
    clock: Clock | None = None,
    on_fatal: Any = unexpected,
    keyring: Keyring | None = None,
    **more: Any,
) -> Writer:
    """A writer over a journal, not started."""
    return Writer(
        journal,
        Ledger(),
        ControlState(policy),
        clock or SystemClock(),
        keyring or make_keyring(policy),
        on_fatal,
        genesis=policy.raw,
        version="test",
        **more,
    )


def open_wallets(writer: Writer, policy: Policy, asset: str = ETH, amount: int = OPENED) -> None:
    """Bring every wallet's balance in, as a quorum's OPENING would; the house gets a tenth of the first."""

    def command(wallet: str, units: int, pool: str) -> Any:
        def decide(state: State) -> Decision[None]:
            opened = governance_pb2.WalletOpened(
                proposal_id="test", wallet=wallet, asset=asset, amount=str(units), pool=pool
            )
            fact = state.ledger.decide_open(wallet, asset, units, pool)
            return Decision((Draft(record_pb2.RECORD_KIND_WALLET_OPENED, opened, (fact,)),), None)

        return decide

    for index, wallet in enumerate(policy.wallets):
        writer.execute(command(wallet.id, amount, policy.house_pool if index == 0 else "customers"))


@dataclass
class Intents:
    """Makes signed items of one initiator."""

    policy: Policy
    initiator: str = "backend-eu"
    customers: int = 50
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def body(self, **changes: Any) -> bytes:
        """A WithdrawalIntent's bytes."""
        number = next(self._numbers)
        now_ms = time.time_ns() // 1_000_000
        values: dict[str, Any] = {
            "initiator": self.initiator,
            "reference": f"w-{os.getpid()}-{number}",
            "attempt": 1,
            "asset": ETH,
            "amount": 10**12 + number,
            "address": ADDRESS,
            "memo": "",
            "pool": "customers",
            "customer": f"c-{number % self.customers}",
            "limit_class": "retail",
            "fee_mode": FeeMode.HOUSE,
            "max_network_fee": None,
            "service_fee": 0,
            "submit_before_unix_ms": now_ms + HOUR_MS,
            "pay_before_unix_ms": now_ms + 24 * HOUR_MS,
            "routing_sequence": 1,
        }
        return statements.encode(WithdrawalIntent(**(values | changes)))

    def item(self, body: bytes | None = None, **changes: Any) -> withdrawal_pb2.SubmitItem:
        """An item with its own key's signature."""
        key = EdKey(self.initiator)
        body = self.body(**changes) if body is None else body
        signature = key.sign(SignedType.INTENT, self.policy.hash, body)
        return withdrawal_pb2.SubmitItem(
            intent=body, signatures=[common_pb2.KeySignature(key_id=key.key_id, signature=signature)]
        )

    def request(self, count: int, **changes: Any) -> withdrawal_pb2.SubmitWithdrawalsRequest:
        """A request of new items."""
        items = [self.item(**changes) for _ in range(count)]
        return withdrawal_pb2.SubmitWithdrawalsRequest(request_id="test-request", items=items)


class ServerWorld:
    """One directory with everything that a server needs, and the process when it runs."""

    def __init__(self, directory: Path, policy: PolicyBuilder | None = None, extra: str = "") -> None:
        self.directory = directory
        self.policy = (policy or PolicyBuilder()).policy()
        self.intents = Intents(self.policy)
        self.authority = Authority(directory / "tls")
        self.leaves = {
            "server": self.authority.leaf("server", "main"),
            "initiator": self.authority.leaf("initiator", "backend-eu"),
            "operator": self.authority.leaf("operator", "ada"),
            "auditor": self.authority.leaf("auditor", "eve"),
        }
        (directory / "policy.toml").write_bytes(self.policy.raw)
        self.config = directory / "server.toml"
        self.config.write_text(
            f"""
[deployment]
genesis = "policy.toml"
genesis_hash = "{self.policy.hash.hex()}"

[listen]
address = "127.0.0.1:0"

[tls]
certificate = "tls/server-main.pem"
key = "tls/server-main.key"
client_ca = "tls/ca.pem"

[journal]
path = "data/journal.db"

[metadata]
path = "data/metadata.db"
{extra}
"""
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self._channels: list[grpc.Channel] = []

    def journal(self) -> SqliteJournal:
        """The stopped server's journal."""
        return SqliteJournal(self.directory / "data" / "journal.db", "server/main", self.policy.hash)

    def open_wallets(self) -> None:
        """Open every wallet, in this process."""
        journal = self.journal()
        writer = make_writer(self.policy, journal)
        writer.start()
        try:
            open_wallets(writer, self.policy)
        finally:
            writer.stop()
            journal.close()

    def start(self) -> None:
        """Start the process and wait until it listens."""
        log = (self.directory / "server.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "custody.server", "run", "--config", str(self.config)],
            stdout=subprocess.PIPE,
            stderr=log,
        )
        log.close()
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        if not line.startswith("custody-server: listening on port "):
            self.stop()
            raise AssertionError(f"it did not start: {line!r}\n{self.log()[-4000:]}")
        self.port = int(line.rsplit(" ", 1)[1])

    def log(self) -> str:
        """All that was logged."""
        return (self.directory / "server.log").read_text()

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM, and the exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        for channel in self._channels:
            channel.close()
        self._channels.clear()
        if self.process is None:
            return 0
        self.process.send_signal(number)
        status = self.process.wait(timeout=30)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None
        return status

    def channel(self, who: str = "initiator") -> grpc.Channel:
        """A connection with a principal's certificate."""
        leaf = self.leaves[who]
        credentials = grpc.ssl_channel_credentials(
            leaf.ca.read_bytes(), leaf.key.read_bytes(), leaf.certificate.read_bytes()
        )
        options = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
        channel = grpc.secure_channel(f"127.0.0.1:{self.port}", credentials, options=options)
        self._channels.append(channel)
        return channel

    def state_hashes(self) -> dict[str, str]:
        """What `custody-server check-journal` prints of the stopped server."""
        ran = subprocess.run(
            [sys.executable, "-m", "custody.server", "check-journal", "--config", str(self.config)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return dict(line.split(" ", 1) for line in ran.stdout.splitlines())


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
