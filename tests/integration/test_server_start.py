"""The server as it is started: what is wrong is said in one line, and what is halted stays so."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from custody import statements
from custody.api.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    common_pb2,
    withdrawal_pb2_grpc,
)
from custody.api.v1 import withdrawal_pb2 as pb
from custody.statements import HaltBody, SignedType
from support.policy_builder import PolicyBuilder, SshKey
from support.refusals import key_of, refusal
from support.server_world import ServerWorld


def test_a_halt_by_one_operator_stops_intake_and_is_shown(tmp_path: Path) -> None:
    world = ServerWorld(tmp_path)
    world.open_wallets()
    world.start()
    try:
        admin = admin_pb2_grpc.AdminServiceStub(world.channel("operator"))
        body = statements.encode(HaltBody("ada", ("intake",), "drill", time.time_ns() // 1_000_000, 1))
        key = SshKey("ada")
        wrong = common_pb2.KeySignature(
            key_id=key.key_id, signature=key.sign(SignedType.SUSPEND, world.policy.hash, body)
        )
        code, reason, _, _ = refusal(admin.Halt, admin_pb2.HaltRequest(halt=body, signature=wrong))
        assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "approval.bad_signature")
        signature = common_pb2.KeySignature(
            key_id=key.key_id, signature=key.sign(SignedType.HALT, world.policy.hash, body)
        )
        halt_id = admin.Halt(admin_pb2.HaltRequest(halt=body, signature=signature), timeout=10).halt_id
        stub = withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel())
        for restart in (False, True):
            if restart:
                world.kill()
                world.start()
                stub = withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel())
            result = stub.SubmitWithdrawals(world.intents.request(1), timeout=10).results[0]
            assert (result.outcome, result.tag) == (pb.OUTCOME_BUSY, "halt.intake")
        status = admin_pb2_grpc.AdminServiceStub(world.channel("operator")).Status(
            admin_pb2.StatusRequest(), timeout=10
        )
        assert [(h.halt_id, list(h.scopes), h.by, h.reason) for h in status.halts] == [
            (halt_id, ["intake"], "ada", "drill")
        ]
    finally:
        world.stop()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "custody.server", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_check_config_says_what_is_wrong_in_one_line(tmp_path: Path) -> None:
    world = ServerWorld(tmp_path)
    good = world.config.read_text()
    assert run("check-config", "--config", str(world.config)).returncode == 0
    for old, new, words in (
        ("[log]", "", ""),
        ('address = "127.0.0.1:0"', 'adress = "127.0.0.1:0"', "listen.adress: is not a setting"),
        ('address = "127.0.0.1:0"', "", "listen.address: is missing"),
        ('address = "127.0.0.1:0"', 'address = "nowhere"', "listen.address: must be HOST:PORT"),
        (world.policy.hash.hex(), "00" * 32, "deployment.genesis_hash: is not that of"),
        ('"policy.toml"', '"other.toml"', "deployment.genesis"),
        ("tls/ca.pem", "tls/none.pem", "none.pem: cannot be read"),
        ("tls/server-main.key", "tls/ca.pem", "holds no PEM PRIVATE KEY"),
        ("[tls]", '[[signers]]\nid = "x"\naddress = "a:1"\n[tls]', "signers[0].id: the policy has no signer"),
        ("[tls]", '[[nodes]]\nnetwork = "eip155:5"\nurl = "http://a"\n[tls]', "nodes[0].network"),
        ("[tls]", "[limits]\nthreads = 1\n[tls]", "limits.threads: must be from 4 to 256"),
    ):
        if not words:
            continue
        world.config.write_text(good.replace(old, new))
        ran = run("check-config", "--config", str(world.config))
        assert (ran.returncode, ran.stdout) == (2, ""), ran.stderr
        assert ran.stderr.startswith("custody-server: ")
        assert words in ran.stderr
        assert ran.stderr.count("\n") == 1
    world.config.write_text(good)


def test_a_signer_or_node_that_is_down_at_the_start_is_said_in_one_line_each(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    extra = f'[[nodes]]\nnetwork = "eip155:31337"\nurl = "http://127.0.0.1:{free}"\n'
    signers = [signer.id for signer in PolicyBuilder().policy().signers]
    for signer in signers:
        extra += f'[[signers]]\nid = "{signer}"\naddress = "127.0.0.1:{free}"\ntimeout_ms = 1000\n'
    world = ServerWorld(tmp_path, extra=extra)
    world.open_wallets()
    world.start()
    try:
        said = [line for line in world.log().splitlines() if line.startswith("custody-server: ")]
        assert len(said) == len(signers) + 1
        for signer, line in zip(signers, said, strict=False):
            assert f"signer {signer}" in line
            assert f"start custody-signer {signer}" in line
        assert "node eip155:31337" in said[-1]
        health: Any = health_pb2_grpc.HealthStub(world.channel())
        deadline = time.monotonic() + 10
        wanted = health_pb2.HealthCheckResponse.NOT_SERVING
        while health.Check(health_pb2.HealthCheckRequest(), timeout=5).status != wanted:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        status = admin_pb2_grpc.AdminServiceStub(world.channel("operator")).Status(
            admin_pb2.StatusRequest(), timeout=10
        )
        down = {part.name: part.reason for part in status.parts if not part.serving}
        assert {"signer/signer-hot-eth-1", "node/eip155:31337"} <= down.keys()
        assert all(down.values())
        stub = withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel())
        results = stub.SubmitWithdrawals(world.intents.request(4), timeout=10).results
        assert {result.outcome for result in results} == {pb.OUTCOME_ACCEPTED}
        found = [stub.GetWithdrawal(key_of(r.withdrawal_id), timeout=10).withdrawal for r in results]
        kinds = {blocker.kind for each in found for blocker in each.blockers}
        assert pb.BLOCKER_KIND_NODE_DOWN in kinds
    finally:
        world.stop()
