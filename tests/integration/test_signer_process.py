"""custody-signer as it is run: the ceremony by its commands, then gRPC over mutual TLS, kills and restarts."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

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
from custody.ports import SignedTransaction
from custody.statements import HaltBody, SignedType, TombstoneBody
from custody.testing.certificates import Authority as Certificates
from custody.testing.hsm_token import make_token
from support.keys import EdKey
from support.signer_site import PIN, Running, Site, command
from support.signer_world import (
    CUSTOMER_ADDRESS,
    ETHER,
    NETWORK,
    SALT,
    SIGNERS,
    TERMS,
    ServerJournal,
    policy_text,
)

STEPS = [
    f"{when} {step}"
    for step in ("SIGNING_INTENDED", "TOKEN", "SIGNATURE_MADE")
    for when in ("before", "after")
]


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
            calls: list[tuple[Any, object]] = [
                (stub.SignPayout, signer_pb2.SignPayoutRequest()),
                (stub.GetStatus, signer_pb2.GetStatusRequest()),
            ]
            for method, request in calls:
                with pytest.raises(grpc.RpcError) as refused:
                    method(request, timeout=10)
                assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    for name, allowed in (("server", False), ("backend", False), ("auditor", True), ("ada", True)):
        with grpc.secure_channel(hot.operators, site.credentials(name)) as channel:
            operators = operator_pb2_grpc.SignerOperatorServiceStub(channel)
            if allowed:
                assert operators.Status(operator_pb2.StatusRequest(), timeout=10).status.signer == "hot-1"
                health: Any = health_pb2_grpc.HealthStub(channel)
                check = health.Check(health_pb2.HealthCheckRequest(), timeout=10)
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
        for max_fee in ("007", "9" * 39, ""):
            request = signer_pb2.SignPayoutRequest(
                context=signer_pb2.RequestContext(deployment=site.deployment, journal_hash=bytes(32)),
                evm=signer_pb2.EvmTerms(
                    gas_limit=21_000, max_priority_fee_per_gas="1", max_fee_per_gas=max_fee
                ),
            )
            with pytest.raises(grpc.RpcError) as refused:
                stub.SignPayout(request, timeout=10)
            assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert "max_fee_per_gas" in _reason(refused.value).metadata["field"]


def _reason(error: Any) -> error_details_pb2.ErrorInfo:
    info = error_details_pb2.ErrorInfo()
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
