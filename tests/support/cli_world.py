"""An operator's machine and what it talks to: a server and signers of the real protos, played in this process.

The fakes keep what they were sent and answer what a test put in: an honest answer unless it says otherwise.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from custody import ledger, statements
from custody.api.signed.v1 import statement_pb2
from custody.api.signer.v1 import operator_pb2_grpc
from custody.api.v1 import (
    admin_pb2,
    common_pb2,
    proposal_pb2,
)
from custody.cli.main import app
from custody.rpc.tls import server_credentials
from custody.statements import ProposalKind, Statement, SweepBody, SweepLeg
from custody.testing.certificates import Authority, Leaf
from support.cli_fakes import FakeServer, FakeSigner, add_all
from support.policy_builder import ETH, ETHER, PolicyBuilder, SshKey

NOW_MS = 1_800_000_000_000
"""The operator's clock, where a test holds it."""


def serve(leaf: Leaf, add: Callable[[grpc.Server], None]) -> tuple[grpc.Server, int]:
    """A gRPC server with mutual TLS on a free port."""
    server = grpc.server(futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    add(server)
    port = server.add_secure_port("127.0.0.1:0", server_credentials(leaf.certificate, leaf.key, leaf.ca))
    server.start()
    return server, port


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one object on standard output."""
        (line,) = self.out.splitlines()
        return json.loads(line)


class World:
    """Operator ada's machine, a server and two signers."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.builder = PolicyBuilder()
        first, _second, third = self.builder.document["signers"]  # one signer for both hot wallets
        self.builder.document["signers"] = [{**first, "wallets": ["hot-eth-1", "hot-eth-2"]}, third]
        self.builder.wallet("hot-eth-2")["signer"] = first["id"]
        self.policy = self.builder.policy()
        self.deployment = self.policy.hash
        self.authority = Authority(directory / "tls")
        leaf = self.authority.leaf("server", "main")
        self.server = FakeServer(
            status=admin_pb2.StatusResponse(
                deployment=self.deployment.hex(), governance_sequence=1, governance_hash=self.deployment
            )
        )
        self._running = [serve(leaf, lambda server: add_all(self.server, server))]
        self.server_address = f"127.0.0.1:{self._running[0][1]}"
        self.signers = [FakeSigner(f"signer-{name}", self.deployment) for name in ("hot-eth-1", "cold-eth-1")]
        addresses = []
        for signer in self.signers:
            leaf = self.authority.leaf("signer", signer.id)
            add = functools.partial(operator_pb2_grpc.add_SignerOperatorServiceServicer_to_server, signer)
            self._running.append(serve(leaf, add))
            addresses.append(f"127.0.0.1:{self._running[-1][1]}")
        self.signer_addresses = addresses
        (directory / "policy.toml").write_bytes(self.policy.raw)
        self.state = directory / "state.json"
        self.operators = {name: self._enrol(name) for name in self.builder.operators}

    def _enrol(self, name: str) -> Path:
        """The operator's files; gives their cli.toml."""
        form = (Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        key = self.key(name)
        key.write_bytes(SshKey(name).private.private_bytes(*form))
        key.chmod(0o600)
        key.with_suffix(".pub").write_text(SshKey(name).line + "\n")
        self.authority.leaf("operator", name)
        return self.write_config(name)

    def write_config(
        self, name: str = "ada", server: str = "", signers: list[str] | None = None, extra: str = ""
    ) -> Path:
        """cli.toml, with other addresses."""
        links = "".join(
            f'[[signers]]\nid = "{signer.id}"\naddress = "{address}"\ntimeout_ms = 1000\n'
            for signer, address in zip(self.signers, signers or self.signer_addresses, strict=True)
        )
        path = self.directory / f"cli-{name}.toml"
        path.write_text(
            f'operator = "{name}"\nssh_key = "ssh-{name}"\nstate = "state.json"\n{extra}\n'
            f'[server]\naddress = "{server or self.server_address}"\ntimeout_ms = 2000\n'
            f'[tls]\ncertificate = "tls/operator-{name}.pem"\nkey = "tls/operator-{name}.key"\nca = "tls/ca.pem"\n'
            f'[deployment]\ngenesis = "policy.toml"\ngenesis_hash = "{self.deployment.hex()}"\n{links}'
        )
        return path

    def key(self, name: str) -> Path:
        """An operator's SSH private key."""
        return self.directory / f"ssh-{name}"

    def run(self, *arguments: str, operator: str = "ada", given: str | None = None) -> Ran:
        """Run the command in this process."""
        args = [*arguments, "--config", str(self.operators[operator])]
        done = CliRunner().invoke(app, args, input=given, env={"COLUMNS": "200", "CUSTODY_DEBUG": "1"})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    def statement(self, **changes: Any) -> Statement:
        """A sound sweep of two legs that bo proposed, changed."""
        address = self.policy.wallet("hot-eth-1").address
        leg = SweepLeg("cold-eth-1", "hot-eth-1", address, ETH, 20 * ETHER, ETH, ETHER // 100)
        fields: dict[str, Any] = {
            "kind": ProposalKind.SWEEP,
            "payload": SweepBody((leg,)),
            "policy_hash": self.deployment,
            "governance_sequence": 1,
            "governance_hash": self.deployment,
            "signer_epoch": 1,
            "proposer": "bo",
            "not_before_unix_ms": 0,
            "expires_unix_ms": NOW_MS + 3_600_000,
            "nonce": b"n" * 16,
        }
        return Statement(**{**fields, **changes})

    def put(self, statement: Statement | bytes, proposal_id: str = "P1", /, **more: Any) -> bytes:
        """Have the server show a proposal; gives the statement's bytes."""
        body = statement if isinstance(statement, bytes) else statements.encode(statement)
        fields: dict[str, Any] = {
            "proposal_id": proposal_id,
            "statement_bytes": body,
            "statement": statement_pb2.Statement.FromString(body)
            if not isinstance(statement, bytes)
            else None,
            "state": proposal_pb2.PROPOSAL_STATE_OPEN,
            "quorum": [
                proposal_pb2.QuorumGroup(
                    name="treasury", needed=2, counted=0, can_still_approve=["ada", "cy"]
                )
            ],
        }
        self.server.proposals[proposal_id] = proposal_pb2.Proposal(**{**fields, **more})
        return body

    def stop_server(self) -> None:
        """The server dies."""
        self._running[0][0].stop(0).wait()

    def close(self) -> None:
        """End everything."""
        for server, _ in self._running:
            server.stop(0).wait()


def id_of(initiator: str, reference: str, attempt: int = 1) -> str:
    """A withdrawal's id, accepted at the beginning of time."""
    return ledger.ulid_text(
        bytes(6) + statements.tagged_hash("withdrawal", initiator, reference, attempt)[:10]
    )


def cursor(sequence: int) -> common_pb2.Cursor:
    """A place in the journal."""
    return common_pb2.Cursor(partition="main", sequence=sequence)


def environment(**more: str) -> dict[str, str]:
    """For subprocesses: this process's, and more."""
    return {**os.environ, **more}
