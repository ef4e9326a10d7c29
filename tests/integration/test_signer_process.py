"""custody-signer as it is run: the ceremony by its commands, then gRPC over mutual TLS, kills and restarts."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from custody import chain, crypto, statements
from custody.adapters.signer_client import GrpcSignerClient
from custody.api.signer.v1 import operator_pb2, operator_pb2_grpc, signer_pb2, signer_pb2_grpc
from custody.api.v1 import common_pb2
from custody.errors import Denied, Unavailable
from custody.model.policy import parse_policy
from custody.model.quorum import SignedApproval
from custody.ports import Authority, Head, KeySig, RowFields, SignedTransaction, StatementAuthority
from custody.rpc.tls import channel_credentials
from custody.statements import HaltBody, SignedType, TombstoneBody
from custody.testing.certificates import Authority as Certificates
from custody.testing.certificates import Leaf
from custody.testing.hsm_token import make_token
from support.keys import EdKey
from support.signer_world import (
    CUSTOMER_ADDRESS,
    ETH,
    ETHER,
    NETWORK,
    SALT,
    SIGNERS,
    TERMS,
    ServerJournal,
    policy_text,
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
STEPS = [
    f"{when} {step}"
    for step in ("SIGNING_INTENDED", "TOKEN", "SIGNATURE_MADE")
    for when in ("before", "after")
]


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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The ceremony: init, prove, the policy, then the rest of each file."""
    folder = tmp_path_factory.mktemp("site")
    proofs = {}
    for signer, (wallet, kind) in SIGNERS.items():
        home = folder / signer
        home.mkdir()
        token = make_token(home, signer, PIN, "so-pin-11")
        (home / "pin").write_text(PIN + "\n")
        (home / "signer.toml").write_text(
            f'[signer]\nid = "{signer}"\nstore = "store"\n'
            f'[hsm]\nmodule = "{token.module_path}"\ntoken = "{signer}"\npin = "file:pin"\n'
        )
        config = ["--config", str(home / "signer.toml"), "--keys", wallet]
        made = json.loads(command(["init", *config], home).stdout)
        entry = ["--salt", SALT.hex(), "--kind", kind, "--network", NETWORK]
        proofs[signer] = json.loads(command(["prove", *config, *entry], home).stdout)
        assert proofs[signer]["wallets"][wallet]["public"] == made["wallets"][wallet]["address"]
    raw = policy_text(proofs).encode()
    policy = parse_policy(raw)
    (folder / "policy.toml").write_bytes(raw)
    certificates = Certificates(folder / "tls")
    leaves = {"server": certificates.leaf("server", "main")}
    leaves["ada"] = certificates.leaf("operator", "ada")
    leaves["auditor"] = certificates.leaf("auditor", "kim")
    leaves["backend"] = certificates.leaf("initiator", "backend")
    leaves["foreign"] = Certificates(folder / "foreign").leaf("server", "main")
    for signer in SIGNERS:
        leaf = certificates.leaf("signer", signer)
        with (folder / signer / "signer.toml").open("a") as file:
            file.write(
                f'[deployment]\ngenesis = "../policy.toml"\ngenesis_hash = "{policy.hash.hex()}"\n'
                '[listen]\nserver = "127.0.0.1:0"\noperators = "127.0.0.1:0"\n'
                f'[tls]\ncertificate = "{leaf.certificate}"\nkey = "{leaf.key}"\nclient_ca = "{leaf.ca}"\n'
            )
    journal = ServerJournal(policy.hash)
    journal.grow(3)
    wallets = {signer: policy.wallet(wallet).address for signer, (wallet, _) in SIGNERS.items()}
    return Site(folder, policy.hash, wallets, leaves, journal)


@pytest.fixture
def hot(site: Site) -> Iterator[Running]:
    running = site.start("hot-1")
    yield running
    running.kill()


def test_a_payout_end_to_end_then_killed_and_asked_again(site: Site, hot: Running) -> None:
    client = site.client(hot, "hot-1")
    signed = client.sign_payout("hot-eth-1", site.intent("hot-1"), TERMS)
    effects = chain.effects(signed.transaction)
    assert (effects.sender, effects.to, effects.amount) == (site.wallets["hot-1"], CUSTOMER_ADDRESS, ETHER)
    assert signed.transaction_hash == chain.transaction_hash(signed.transaction)
    client.close()
    hot.kill()
    again = site.start("hot-1")
    try:
        client = site.client(again, "hot-1")
        assert client.sign_payout("hot-eth-1", site.intent("hot-1"), TERMS).transaction == signed.transaction
        status = client.status()
        assert status.hsm_calls == 0
        assert status.state == "active"
        assert status.journal_sequence == len(site.journal.rows)
        with pytest.raises(Denied) as refused:
            client.sign_payout("hot-eth-1", site.intent("hot-1"), replace(TERMS, nonce=1))
        assert refused.value.tag == "intent.other_conflict"
        client.close()
    finally:
        again.kill()


@pytest.mark.parametrize("payment", ["payout", "sweep"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_step(site: Site, payment: str, step: str) -> None:
    """Whatever the step, asking again gives one transaction of the same effects, under the same conflict key."""
    signer = "hot-2" if payment == "payout" else "cold-1"
    number = 100 + STEPS.index(step)
    terms = replace(TERMS, nonce=number)
    if payment == "payout":
        intent = site.intent(signer, start=number)

        def ask(client: GrpcSignerClient) -> SignedTransaction:
            return client.sign_payout("hot-eth-2", intent, terms)
    else:
        statement = site.sweep(number)

        def ask(client: GrpcSignerClient) -> SignedTransaction:
            return client.sign_sweep(statement, 0, terms)

    running = site.start(signer, step)
    try:
        client = site.client(running, signer)
        with pytest.raises(Unavailable):
            ask(client)
        client.close()
        assert running.process.wait(10) == -signal.SIGKILL
    finally:
        running.kill()
    running = site.start(signer)
    try:
        client = site.client(running, signer)
        first, second = ask(client), ask(client)
        calls = client.status().hsm_calls
        client.close()
    finally:
        running.kill()
    assert first.transaction == second.transaction
    assert calls == (0 if step == "after SIGNATURE_MADE" else 1)
    assert chain.effects(first.transaction).conflict_key == f"{NETWORK}:{site.wallets[signer]}:{number}"
    log = sqlite3.connect(site.folder / signer / "store" / "journal.db")
    try:
        (durable,) = log.execute(
            "SELECT count(*) FROM rows WHERE kind = 102 AND instr(record, ?) > 0",
            (f"{site.wallets[signer]}:{number}".encode(),),
        ).fetchone()
    finally:
        log.close()
    assert durable == 1


def test_tombstones_keys_and_rows_that_a_client_did_not_send(site: Site, hot: Running) -> None:
    client = site.client(hot, "hot-1")
    client.status()
    site.journal.grow(4)
    authority = site.intent("hot-1", start=1)
    promise = client.tombstone(authority)
    body = statements.parse_tombstone(promise.body)
    assert isinstance(body, TombstoneBody)
    keys = client.keys()
    scheme, public = keys["audit"]
    message = statements.signed_message(SignedType.TOMBSTONE, site.deployment, promise.body)
    crypto.verify(crypto.Scheme(scheme), public, message, promise.signature)
    assert chain.format_address(NETWORK, keys["hot-eth-1"][1]) == site.wallets["hot-1"]
    with pytest.raises(Denied) as refused:
        client.sign_payout("hot-eth-1", authority, replace(TERMS, nonce=9))
    assert refused.value.tag == "intent.tombstoned"
    client.close()


def test_who_may_call_what(site: Site, hot: Running) -> None:
    for name in ("ada", "auditor", "backend"):
        with grpc.secure_channel(hot.server, site.credentials(name)) as channel:
            stub = signer_pb2_grpc.SignerServiceStub(channel)
            for method, request in (
                (stub.SignPayout, signer_pb2.SignPayoutRequest()),
                (stub.GetStatus, signer_pb2.GetStatusRequest()),
            ):
                with pytest.raises(grpc.RpcError) as refused:
                    method(request, timeout=10)
                assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    for name, allowed in (("server", False), ("backend", False), ("auditor", True), ("ada", True)):
        with grpc.secure_channel(hot.operators, site.credentials(name)) as channel:
            operators = operator_pb2_grpc.SignerOperatorServiceStub(channel)
            if allowed:
                assert operators.Status(operator_pb2.StatusRequest(), timeout=10).status.signer == "hot-1"
                check = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
                assert check.status == health_pb2.HealthCheckResponse.SERVING
            else:
                with pytest.raises(grpc.RpcError) as refused:
                    operators.Status(operator_pb2.StatusRequest(), timeout=10)
                assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    with grpc.secure_channel(hot.operators, site.credentials("auditor")) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            operator_pb2_grpc.SignerOperatorServiceStub(channel).Halt(operator_pb2.HaltRequest(), timeout=10)
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    with pytest.raises(Unavailable):
        site.client(hot, "hot-1", "foreign").status()


def test_an_operator_halts_past_the_server(site: Site) -> None:
    running = site.start("hot-2")
    try:
        _halt_past_the_server(site, running)
    finally:
        running.kill()


def _halt_past_the_server(site: Site, running: Running) -> None:
    body = statements.encode(HaltBody("ada", ("customer:c-drill",), "a drill", 1, 1))
    key = EdKey("ada")
    signature = common_pb2.KeySignature(
        key_id=key.key_id, signature=key.sign(SignedType.HALT, site.deployment, body)
    )
    with grpc.secure_channel(running.operators, site.credentials("ada")) as channel:
        stub = operator_pb2_grpc.SignerOperatorServiceStub(channel)
        answer = stub.Halt(operator_pb2.HaltRequest(halt=body, signature=signature), timeout=10)
        status = stub.Status(operator_pb2.StatusRequest(), timeout=10).status
        assert status.state == signer_pb2.SIGNER_STATE_HALTED
        assert [halt.halt_id for halt in status.halts] == [answer.halt_id]
    client = site.client(running, "hot-2")
    with pytest.raises(Denied) as refused:
        client.sign_payout("hot-eth-2", site.intent("hot-2", customer="c-drill"), TERMS)
    assert refused.value.tag == "halt.customer"
    client.close()


def test_malformed_requests_name_their_field(site: Site, hot: Running) -> None:
    with grpc.secure_channel(hot.server, site.credentials("server")) as channel:
        stub = signer_pb2_grpc.SignerServiceStub(channel)
        for terms in ({"max_fee_per_gas": "007"}, {"max_fee_per_gas": "9" * 39}, {"max_fee_per_gas": ""}):
            request = signer_pb2.SignPayoutRequest(
                context=signer_pb2.RequestContext(deployment=site.deployment, journal_hash=bytes(32)),
                evm=signer_pb2.EvmTerms(**{"gas_limit": 21_000, "max_priority_fee_per_gas": "1", **terms}),
            )
            with pytest.raises(grpc.RpcError) as refused:
                stub.SignPayout(request, timeout=10)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "max_fee_per_gas" in _reason(refused.value).metadata["field"]


def _reason(error: grpc.RpcError) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
    assert isinstance(error, grpc.Call)
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            assert status_pb2.Status.FromString(value).details[0].Unpack(info)
    return info


def test_a_second_process_on_the_same_store_and_a_graceful_end(site: Site, hot: Running) -> None:
    second = command(["run", "--config", str(site.config("hot-1"))], site.folder / "hot-1")
    assert second.returncode == 2
    assert second.stderr.count("\n") == 1
    assert "in use" in second.stderr
    hot.process.send_signal(signal.SIGTERM)
    assert hot.process.wait(20) == 0


def test_no_secret_is_logged(site: Site, hot: Running) -> None:
    client = site.client(hot, "hot-1")
    with pytest.raises(Denied):
        large = site.intent("hot-1", start=9, customer="c-secret-name", amount=6 * ETHER)
        client.sign_payout("hot-eth-1", large, TERMS)
    client.close()
    hot.process.send_signal(signal.SIGTERM)
    hot.process.wait(20)
    logged = (site.folder / "hot-1" / "log").read_text()
    assert "refused" in logged
    for secret in (PIN, "c-secret-name", CUSTOMER_ADDRESS, "PRIVATE KEY"):
        assert secret not in logged
    for line in logged.splitlines():
        json.loads(line)


# What cannot start says so in one line


def _fails(site: Site, arguments: list[str], says: str) -> None:
    done = command(arguments, site.folder / "cold-1")
    assert done.returncode == 2, done
    assert done.stderr.count("\n") == 1, done.stderr
    assert says in done.stderr
    assert not done.stdout


def _changed(site: Site, tmp_path: Path, old: str, new: str) -> Path:
    text = site.config("cold-1").read_text()
    assert old in text
    home = site.folder / "cold-1"
    text = text.replace('"file:pin"', f'"file:{home / "pin"}"').replace('"store"', f'"{home / "store"}"')
    changed = tmp_path / "signer.toml"
    changed.write_text(text.replace('"../policy', f'"{site.folder}/policy').replace(old, new))
    return changed


def test_check_config(site: Site) -> None:
    done = command(["check-config", "--config", str(site.config("cold-1"))], site.folder / "cold-1")
    assert json.loads(done.stdout) == {"signer": "cold-1", "deployment": site.deployment.hex(), "ok": True}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("file:", "env:CUSTODY_NOT_SET_", "hsm.pin"),
        ("libsofthsm2.so", "libsofthsm9.so", "libsofthsm9.so"),
        ('token = "cold-1"', 'token = "gone"', "gone"),
        ('token = "cold-1"', 'token = "cold-1"\ncolour = "red"', "hsm.colour"),
        ('id = "cold-1"', 'id = "cold-9"', "signer.id"),
        ('id = "cold-1"', 'id = "hot-1"', "hot-eth-1"),
        ('genesis_hash = "', 'genesis_hash = "ff', "genesis_hash"),
        ("policy.toml", "nothing.toml", "deployment.genesis"),
        ("[listen]", "[lauschen]", "lauschen"),
    ],
)
def test_what_cannot_start(site: Site, tmp_path: Path, old: str, new: str, says: str) -> None:
    config = _changed(site, tmp_path, old, new)
    _fails(site, ["check-config", "--config", str(config)], says)
    _fails(site, ["run", "--config", str(config)], says)


def test_a_wrong_pin_and_another_policy(site: Site, tmp_path: Path) -> None:
    (tmp_path / "pin").write_text("wrong")
    wrong = _changed(site, tmp_path, "[hsm]", "[hsm]")
    wrong.write_text(wrong.read_text().replace(str(site.folder / "cold-1" / "pin"), "pin"))
    _fails(site, ["run", "--config", str(wrong)], "wrong PIN")
    altered = tmp_path / "policy.toml"
    altered.write_bytes((site.folder / "policy.toml").read_bytes() + b"\n")
    config = _changed(site, tmp_path, "policy.toml", "policy.toml")
    config.write_text(config.read_text().replace(f'"{site.folder}/policy.toml"', f'"{altered}"'))
    _fails(site, ["run", "--config", str(config)], "genesis_hash")


def test_init_and_prove_refuse_what_was_made(site: Site, tmp_path: Path) -> None:
    config = ["--config", str(site.config("cold-1")), "--keys", "cold-eth-1"]
    _fails(site, ["init", *config], "init.store_exists")
    other = _changed(site, tmp_path, 'id = "cold-1"', 'id = "cold-1"')
    other.write_text(other.read_text().replace(str(site.folder / "cold-1" / "store"), "elsewhere"))
    _fails(site, ["init", "--config", str(other), "--keys", "cold-eth-1"], "init.token_used")
    entry = ["--salt", SALT.hex(), "--kind", "COLD", "--network", NETWORK]
    _fails(site, ["prove", "--config", str(other), "--keys", "cold-eth-1", *entry], "prove.no_store")
    _fails(site, ["prove", *config, *entry[:1], "zz", *entry[2:]], "salt")
    site.start("cold-1").kill()
    _fails(site, ["prove", *config, *entry], "prove.started")
