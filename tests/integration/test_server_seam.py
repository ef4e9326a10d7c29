"""The server's edge as a client meets it: a real process, mutual TLS, every service's manners."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from custody import statements
from custody.api.v1 import (
    admin_pb2,
    admin_pb2_grpc,
    proposal_pb2,
    proposal_pb2_grpc,
    withdrawal_pb2_grpc,
)
from custody.api.v1 import withdrawal_pb2 as pb
from custody.testing.certificates import Authority
from support.policy_builder import ETHER
from support.refusals import key_of, refusal
from support.server_world import ServerWorld

SECRET_WORDS = "mind-the-gap-between-platform-and-train"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerWorld]:
    made = ServerWorld(tmp_path_factory.mktemp("server"))
    made.open_wallets()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def withdrawals(world: ServerWorld) -> withdrawal_pb2_grpc.WithdrawalServiceStub:
    return withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel())


def test_a_withdrawal_is_taken_and_found_again(
    world: ServerWorld, withdrawals: withdrawal_pb2_grpc.WithdrawalServiceStub
) -> None:
    item = world.intents.item(amount=12_345)
    item.metadata["note"] = SECRET_WORDS
    item.priority = pb.PRIORITY_EXPEDITED
    answer = withdrawals.SubmitWithdrawals(pb.SubmitWithdrawalsRequest(items=[item]), timeout=10)
    (result,) = answer.results
    assert result.outcome == pb.OUTCOME_ACCEPTED
    assert result.state == pb.WITHDRAWAL_STATE_QUEUED
    for key in (key_of(result.withdrawal_id), key_of(reference=result.reference)):
        found = withdrawals.GetWithdrawal(key, timeout=10).withdrawal
        assert found.withdrawal_id == result.withdrawal_id
        assert found.intent_bytes == item.intent
        assert found.intent.SerializeToString(deterministic=True) == item.intent
        assert found.metadata == {"note": SECRET_WORDS}
        assert found.priority == pb.PRIORITY_EXPEDITED
        assert (found.net_amount, found.state) == ("12345", pb.WITHDRAWAL_STATE_QUEUED)
        assert found.queue_position >= 1
        assert found.as_of.sequence >= answer.as_of[0].sequence
    again = withdrawals.SubmitWithdrawals(pb.SubmitWithdrawalsRequest(items=[item]), timeout=10)
    assert again.results[0].outcome == pb.OUTCOME_DUPLICATE
    assert again.results[0].withdrawal_id == result.withdrawal_id


def test_lists_are_paged_newest_first_and_filtered(
    world: ServerWorld, withdrawals: withdrawal_pb2_grpc.WithdrawalServiceStub
) -> None:
    references = []
    for _ in range(7):
        result = withdrawals.SubmitWithdrawals(
            world.intents.request(1, customer="pager"), timeout=10
        ).results[0]
        references.append(result.reference)
        time.sleep(0.002)  # ids are in order of milliseconds
    seen: list[str] = []
    token = ""
    for size in (3, 3, 3):
        page = withdrawals.ListWithdrawals(
            pb.ListWithdrawalsRequest(page_size=size, page_token=token, customer="pager"), timeout=10
        )
        seen += [found.intent.reference for found in page.withdrawals]
        token = page.next_page_token
    assert token == ""
    assert seen == references[::-1]
    for states, count in (([pb.WITHDRAWAL_STATE_QUEUED], 7), ([pb.WITHDRAWAL_STATE_FINAL], 0)):
        listed = withdrawals.ListWithdrawals(
            pb.ListWithdrawalsRequest(customer="pager", states=states), timeout=10
        )
        assert len(listed.withdrawals) == count


def test_a_batch_is_read_in_the_order_asked_with_gaps_for_the_unknown(
    world: ServerWorld, withdrawals: withdrawal_pb2_grpc.WithdrawalServiceStub
) -> None:
    results = withdrawals.SubmitWithdrawals(world.intents.request(2), timeout=10).results
    keys = [
        pb.WithdrawalKey(withdrawal_id=results[1].withdrawal_id),
        pb.WithdrawalKey(reference="nobody"),
        pb.WithdrawalKey(reference=results[0].reference),
    ]
    found = withdrawals.BatchGetWithdrawals(pb.BatchGetWithdrawalsRequest(keys=keys), timeout=10).withdrawals
    assert [each.withdrawal_id for each in found] == [results[1].withdrawal_id, "", results[0].withdrawal_id]


def test_reads_wait_for_the_cursor_asked_for_and_no_longer_than_the_deadline(
    world: ServerWorld, withdrawals: withdrawal_pb2_grpc.WithdrawalServiceStub
) -> None:
    answer = withdrawals.SubmitWithdrawals(world.intents.request(1), timeout=10)
    request = key_of(answer.results[0].withdrawal_id)
    request.min_cursor.sequence = answer.as_of[0].sequence + 1
    code, _, _, _ = refusal(withdrawals.GetWithdrawal, request, timeout=0.5)
    assert code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    later = threading.Timer(0.3, lambda: withdrawals.SubmitWithdrawals(world.intents.request(1), timeout=10))
    later.start()
    assert (
        withdrawals.GetWithdrawal(request, timeout=10).withdrawal.as_of.sequence
        >= request.min_cursor.sequence
    )
    later.join()
    request.min_cursor.partition = "other"
    assert refusal(withdrawals.GetWithdrawal, request)[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_explaining_says_the_rule_and_changes_nothing(
    world: ServerWorld, withdrawals: withdrawal_pb2_grpc.WithdrawalServiceStub
) -> None:
    huge = world.intents.body(amount=9_000 * ETHER)
    explained = withdrawals.ExplainWithdrawal(pb.ExplainWithdrawalRequest(intent=huge), timeout=10)
    assert explained.outcome == pb.OUTCOME_REJECTED
    assert explained.tag == "ledger.insufficient_funds"
    good = world.intents.body()
    explained = withdrawals.ExplainWithdrawal(pb.ExplainWithdrawalRequest(intent=good), timeout=10)
    assert explained.outcome == pb.OUTCOME_ACCEPTED
    reference = statements.parse_intent(good).reference
    assert refusal(withdrawals.GetWithdrawal, key_of(reference=reference))[0] is grpc.StatusCode.NOT_FOUND
    result = withdrawals.SubmitWithdrawals(world.intents.request(1), timeout=10).results[0]
    known = pb.ExplainWithdrawalRequest(key=pb.WithdrawalKey(reference=result.reference))
    answer = withdrawals.ExplainWithdrawal(known, timeout=10)
    assert (answer.outcome, answer.withdrawal_id) == (pb.OUTCOME_ACCEPTED, result.withdrawal_id)


def test_each_rule_and_limit_is_told_to_whom_it_concerns(
    world: ServerWorld, withdrawals: withdrawal_pb2_grpc.WithdrawalServiceStub
) -> None:
    body = world.intents.body(memo="m", amount=5)
    people = withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel("auditor"))
    request = pb.ExplainWithdrawalRequest(intent=body)
    mine, all_ = (stub.ExplainWithdrawal(request, timeout=10) for stub in (withdrawals, people))
    for said in (mine, all_):
        assert (said.outcome, said.tag) == (pb.OUTCOME_INVALID, "intent.memo")
        failing = [rule.tag for rule in said.rules if rule.verdict == pb.VERDICT_FAILS]
        assert failing == ["intent.memo"] == [rule.tag for rule in said.rules if rule.decides]
        assert said.hold.amount == "5"
    assert list(mine.rules) == list(all_.rules), "the policy has one initiator: it is told what people are"
    assert [limit.limit_id for limit in all_.limits] == sorted(rule.id for rule in world.policy.limits)
    for rule, limit in zip(sorted(world.policy.limits, key=lambda rule: rule.id), all_.limits, strict=True):
        assert limit.verdict == pb.VERDICT_PASSES
        assert limit.counted.amount_bound == ("" if rule.amount is None else str(rule.amount))
    other = statements.encode(dataclasses.replace(statements.parse_intent(body), initiator="backend-us"))
    said = withdrawals.ExplainWithdrawal(pb.ExplainWithdrawalRequest(intent=other), timeout=10)
    assert (said.outcome, said.tag, len(said.limits)) == (pb.OUTCOME_INVALID, "intent.initiator", 0)
    assert not said.HasField("pool_available")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (pb.SubmitWithdrawalsRequest(), "items"),
        (pb.SubmitWithdrawalsRequest(request_id="x" * 65, items=[pb.SubmitItem()]), "request_id"),
        (pb.SubmitWithdrawalsRequest(items=[pb.SubmitItem()] * 8_191), "items"),
    ],
)
def test_a_request_out_of_bounds_is_an_invalid_argument_that_names_the_field(
    withdrawals: withdrawal_pb2_grpc.WithdrawalServiceStub, request_: pb.SubmitWithdrawalsRequest, field: str
) -> None:
    code, reason, metadata, fields = refusal(withdrawals.SubmitWithdrawals, request_)
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "request.malformed")
    assert metadata["field"] == field
    assert fields == [field]


def test_bytes_that_are_no_request_are_an_invalid_argument(world: ServerWorld) -> None:
    call: Any = world.channel().unary_unary("/custody.api.v1.WithdrawalService/SubmitWithdrawals")
    assert refusal(call, b"\xff\xff\xff")[:2] == (grpc.StatusCode.INVALID_ARGUMENT, "request.malformed")


def test_a_message_above_the_bound_is_refused_before_it_is_read(world: ServerWorld) -> None:
    call: Any = world.channel().unary_unary("/custody.api.v1.WithdrawalService/SubmitWithdrawals")
    assert refusal(call, bytes(17 << 20))[0] is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_an_unknown_withdrawal_is_not_found_and_a_bad_id_is_malformed(
    withdrawals: withdrawal_pb2_grpc.WithdrawalServiceStub,
) -> None:
    assert refusal(withdrawals.GetWithdrawal, key_of(reference="nobody"))[:2] == (
        grpc.StatusCode.NOT_FOUND,
        "not_found",
    )
    assert refusal(withdrawals.GetWithdrawal, key_of("no-ulid"))[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal(withdrawals.GetWithdrawal, key_of())[0] is grpc.StatusCode.INVALID_ARGUMENT


def test_estimates_are_not_answered_yet(withdrawals: withdrawal_pb2_grpc.WithdrawalServiceStub) -> None:
    code, reason, _, _ = refusal(withdrawals.EstimateFee, pb.EstimateFeeRequest())
    assert (code, reason) == (grpc.StatusCode.UNIMPLEMENTED, "not_implemented")


def test_another_initiator_sees_nothing_of_it(
    world: ServerWorld, withdrawals: withdrawal_pb2_grpc.WithdrawalServiceStub
) -> None:
    result = withdrawals.SubmitWithdrawals(world.intents.request(1), timeout=10).results[0]
    world.leaves["stranger"] = world.authority.leaf("initiator", "stranger")
    stranger = withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel("stranger"))
    for key in (key_of(result.withdrawal_id), key_of(reference=result.reference, initiator="backend-eu")):
        assert refusal(stranger.GetWithdrawal, key)[0] is grpc.StatusCode.NOT_FOUND
    assert not stranger.ListWithdrawals(pb.ListWithdrawalsRequest(), timeout=10).withdrawals
    assert refusal(stranger.ListWithdrawals, pb.ListWithdrawalsRequest(initiator="backend-eu"))[0] is (
        grpc.StatusCode.NOT_FOUND
    )
    answer = stranger.SubmitWithdrawals(world.intents.request(1), timeout=10)
    assert answer.results[0].tag == "intent.initiator"
    operator = withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel("operator"))
    assert operator.GetWithdrawal(key_of(result.withdrawal_id), timeout=10).withdrawal.withdrawal_id


@pytest.mark.parametrize(
    ("who", "method"),
    [
        ("operator", "/custody.api.v1.WithdrawalService/SubmitWithdrawals"),
        ("auditor", "/custody.api.v1.AdminService/Halt"),
        ("initiator", "/custody.api.v1.AdminService/Status"),
        ("initiator", "/custody.api.v1.ProposalService/Approve"),
        ("server", "/grpc.health.v1.Health/Check"),
        ("server", "/custody.api.v1.WithdrawalService/SubmitWithdrawals"),
    ],
)
def test_who_is_not_entitled_is_denied_before_anything_is_read(
    world: ServerWorld, who: str, method: str
) -> None:
    code, reason, _, _ = refusal(world.channel(who).unary_unary(method), b"")
    if "Proposal" in method and code is grpc.StatusCode.UNIMPLEMENTED:
        pytest.skip("the service is not registered")
    assert (code, reason) == (grpc.StatusCode.PERMISSION_DENIED, "caller.not_entitled")


@pytest.mark.parametrize("spiffe", [(), ("spiffe://custody/operator/ada", "spiffe://custody/operator/bo")])
def test_a_certificate_that_does_not_say_who_is_nobody(world: ServerWorld, spiffe: tuple[str, ...]) -> None:
    world.leaves["nobody"] = world.authority.leaf("operator", f"nobody-{len(spiffe)}", spiffe=spiffe)
    stub = admin_pb2_grpc.AdminServiceStub(world.channel("nobody"))
    assert refusal(stub.WhoAmI, admin_pb2.WhoAmIRequest())[0] is grpc.StatusCode.UNAUTHENTICATED


def test_without_a_certificate_of_the_authority_there_is_no_connection(
    world: ServerWorld, tmp_path: Path
) -> None:
    foreign = Authority(tmp_path / "foreign").leaf("initiator", "backend-eu")
    ca = world.leaves["initiator"].ca.read_bytes()
    for credentials in (
        grpc.ssl_channel_credentials(ca, foreign.key.read_bytes(), foreign.certificate.read_bytes()),
        grpc.ssl_channel_credentials(ca),
    ):
        with grpc.secure_channel(f"127.0.0.1:{world.port}", credentials) as channel:
            stub = withdrawal_pb2_grpc.WithdrawalServiceStub(channel)
            code = refusal(stub.GetWithdrawal, key_of(reference="x"), timeout=5)[0]
            assert code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    for reason in ("CERTIFICATE_VERIFY_FAILED", "PEER_DID_NOT_RETURN_A_CERTIFICATE"):
        assert reason in world.log(), "the operator of the server finds out why, as docs/errors.md says"
    with grpc.insecure_channel(f"127.0.0.1:{world.port}") as channel:
        stub = withdrawal_pb2_grpc.WithdrawalServiceStub(channel)
        assert refusal(stub.GetWithdrawal, key_of(reference="x"), timeout=5)[0] is grpc.StatusCode.UNAVAILABLE


def test_a_second_server_cannot_take_the_port(world: ServerWorld) -> None:
    with pytest.raises(OSError), socket.create_server(("127.0.0.1", world.port), reuse_port=True):
        pass


def test_health_serves_and_names_what_it_knows(world: ServerWorld) -> None:
    stub: Any = health_pb2_grpc.HealthStub(world.channel())
    for service in ("", "custody.api.v1.WithdrawalService", "custody.api.v1.EventService"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert refusal(stub.Check, health_pb2.HealthCheckRequest(service="other"))[0] is grpc.StatusCode.NOT_FOUND
    watch = stub.Watch(health_pb2.HealthCheckRequest(), timeout=10)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


def test_reflection_lists_the_services_and_their_files(world: ServerWorld) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(world.channel())
    requests = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="custody.api.v1.WithdrawalService"),
    ]
    listed, file = list(stub.ServerReflectionInfo(iter(requests), timeout=10))
    names = {service.name for service in listed.list_services_response.service}
    assert {
        "custody.api.v1.WithdrawalService",
        "custody.api.v1.EventService",
        "grpc.health.v1.Health",
    } <= names
    assert file.file_descriptor_response.file_descriptor_proto


def test_who_am_i_and_status(world: ServerWorld) -> None:
    stub = admin_pb2_grpc.AdminServiceStub(world.channel("operator"))
    me = stub.WhoAmI(admin_pb2.WhoAmIRequest(), timeout=10)
    assert (me.principal, list(me.roles)) == ("ada", ["operator"])
    assert "custody.api.v1.AdminService.Halt" in me.methods
    status = stub.Status(admin_pb2.StatusRequest(), timeout=10)
    assert status.deployment == status.policy_hash == world.policy.hash.hex()
    assert (status.governance_sequence, status.signer_epoch, status.epoch) == (1, 1, 2)
    assert {part.name: part.serving for part in status.parts} == {"journal": True, "writer": True}
    assert len(status.journal_hash) == 32


def test_the_log_is_json_with_ids_and_holds_no_private_word(world: ServerWorld) -> None:
    stub = withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel())
    item = world.intents.item(customer="c-hush-hush")
    item.metadata["note"] = SECRET_WORDS
    stub.SubmitWithdrawals(pb.SubmitWithdrawalsRequest(request_id="trace-me", items=[item]), timeout=10)
    refusal(stub.GetWithdrawal, key_of(reference="nobody"))
    refusal(world.channel("auditor").unary_unary("/custody.api.v1.AdminService/Halt"), b"")
    log = world.log()
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    # A refused handshake is known to gRPC's core alone, which says why in lines of its own.
    others = [line for line in log.splitlines() if not line.startswith("{")]
    assert [line for line in others if "ssl_transport_security" not in line and "handshake" not in line] == []
    refused = [line for line in lines if line["event"] == "refused"]
    assert refused
    for line in refused:
        assert {"method", "request_id", "tag", "timestamp", "level"} <= line.keys()
    assert any(line.get("principal") == "auditor/eve" for line in refused)
    private = (world.authority._directory / "server-main.key").read_text().splitlines()[1]
    for secret in (SECRET_WORDS, "c-hush-hush", private, item.signatures[0].signature.hex()):
        assert secret not in log


def test_metadata_and_customer_are_not_in_the_journal_in_clear(world: ServerWorld) -> None:
    stub = withdrawal_pb2_grpc.WithdrawalServiceStub(world.channel())
    item = world.intents.item()
    item.metadata["note"] = SECRET_WORDS
    stub.SubmitWithdrawals(pb.SubmitWithdrawalsRequest(items=[item]), timeout=10)
    data = world.directory / "data"
    for name in ("journal.db", "journal.db-wal"):
        assert SECRET_WORDS.encode() not in (data / name).read_bytes()
    assert any(SECRET_WORDS.encode() in path.read_bytes() for path in data.glob("metadata.db*"))


def test_a_proposal_service_is_there(world: ServerWorld) -> None:
    stub = proposal_pb2_grpc.ProposalServiceStub(world.channel("operator"))
    code, reason, _, _ = refusal(stub.GetProposal, proposal_pb2.GetProposalRequest(proposal_id="none"))
    if reason == "":
        pytest.skip("the service is not registered")
    assert code is grpc.StatusCode.NOT_FOUND
