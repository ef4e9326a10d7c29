"""The backend's client against a server that loses replies, is busy and lies: nothing is signed twice, nothing lost."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from custody import crypto, statements
from custody.api.v1 import withdrawal_pb2
from custody.client import (
    CancelOutcome,
    Client,
    Draft,
    FileKey,
    NotEntitled,
    Outcome,
    OutcomeUnknown,
    Remedy,
    SignedWithdrawal,
    State,
    cosign,
)
from custody.errors import ConfigError, Denied, Failed, InvariantBroken, Malformed, NotFound, Unavailable
from custody.rpc.principal import Forbidden
from custody.statements import SignedType
from support.cli_world import id_of
from support.client_world import DEPLOYMENT, ETH, TO, Backend


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    made = Backend(tmp_path, batch_items=3, timeout_ms=2_000)
    yield made
    made.close()


def _drafts(count: int) -> list[Draft]:
    return [Draft(f"ref-{index}", ETH, 10**18 + index, TO) for index in range(count)]


def test_a_withdrawal_is_signed_as_the_policy_will_verify_it(backend: Backend) -> None:
    outcome = backend.client.withdraw(reference="ref-1", asset=ETH, amount="1000", address=TO, customer="c-9")
    assert (outcome.outcome, outcome.withdrawal_id, outcome.taken) == (
        Outcome.ACCEPTED,
        id_of("backend-eu", "ref-1"),
        True,
    )
    ((item,),) = [request.items for request in backend.fake.requests]
    intent = statements.parse_intent(item.intent)
    assert (intent.initiator, intent.amount, intent.customer, intent.attempt) == (
        "backend-eu",
        1000,
        "c-9",
        1,
    )
    assert (intent.pool, intent.routing_sequence) == ("customers", 1)
    assert intent.submit_before_unix_ms < intent.pay_before_unix_ms
    (signature,) = item.signatures
    public = FileKey(backend.private).public
    message = statements.signed_message(SignedType.INTENT, DEPLOYMENT, item.intent)
    crypto.verify(crypto.Scheme.ED25519, public, message, signature.signature)
    assert signature.key_id == crypto.key_id(crypto.Scheme.ED25519, public)


def test_a_lost_reply_is_answered_by_the_same_bytes(backend: Backend) -> None:
    backend.fake.script = ["lost", "down", "lost"]
    outcomes = backend.client.submit(_drafts(2))
    assert [one.outcome for one in outcomes] == [Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert all(one.taken for one in outcomes)
    assert len(backend.fake.requests) == 4
    assert len({request.SerializeToString() for request in backend.fake.requests}) == 1


def test_waits_double_and_end(backend: Backend) -> None:
    backend.fake.script = ["down"] * 99
    with pytest.raises(OutcomeUnknown):
        backend.client.submit(_drafts(1))
    assert backend.slept == [0.1, 0.2, 0.4, 0.8]  # another 1.6 s would go beyond the budget of 2 s


def test_what_is_unanswered_is_handed_back_to_be_sent_again(backend: Backend) -> None:
    signed = [backend.client.sign(draft) for draft in _drafts(8)]
    backend.fake.script = ["", "lost", *["down"] * 99]
    with pytest.raises(OutcomeUnknown) as lost:
        backend.client.send(signed)
    assert sorted(lost.value.answered) == [0, 1, 2]
    assert lost.value.unanswered == tuple(signed[3:])
    assert isinstance(lost.value, Unavailable)
    backend.fake.script = []
    again = backend.client.send(lost.value.unanswered)
    assert [one.reference for one in again] == [f"ref-{index}" for index in range(3, 8)]
    assert all(one.taken for one in again)


def test_busy_items_alone_are_sent_again(backend: Backend) -> None:
    backend.fake.script = ["busy"]
    outcomes = backend.client.submit(_drafts(3))
    assert [one.outcome for one in outcomes[::2]] == [Outcome.ACCEPTED] * 2
    assert outcomes[1].reference == "ref-1" and outcomes[1].taken
    assert [len(request.items) for request in backend.fake.requests] == [3, 1]
    assert backend.fake.requests[1].items[0] == backend.fake.requests[0].items[1]


def test_busy_for_ever_is_the_answer(backend: Backend) -> None:
    backend.fake.script = ["busy", *["full"] * 99]
    signed = [backend.client.sign(draft) for draft in _drafts(2)]
    assert [one.outcome for one in backend.client.send(signed)] == [Outcome.ACCEPTED, Outcome.BUSY]
    backend.fake.script = ["busy", *["down"] * 99]
    with pytest.raises(OutcomeUnknown) as lost:
        backend.client.send([backend.client.sign(Draft(f"b-{i}", ETH, 1, TO)) for i in range(2)])
    assert sorted(lost.value.answered) == [0] and len(lost.value.unanswered) == 1


def test_batches_keep_the_order(backend: Backend) -> None:
    outcomes = backend.client.submit(_drafts(10))
    assert [len(request.items) for request in backend.fake.requests] == [3, 3, 3, 1]
    assert [one.reference for one in outcomes] == [f"ref-{index}" for index in range(10)]
    assert backend.client.submit([]) == []


def test_a_definite_refusal_is_not_repeated(backend: Backend) -> None:
    backend.fake.script = [Forbidden("initiator/x may not")]
    with pytest.raises(NotEntitled):
        backend.client.submit(_drafts(1))
    assert len(backend.fake.requests) == 1 and backend.slept == []


def test_a_refusal_after_a_lost_reply_does_not_hide_what_may_be_taken(backend: Backend) -> None:
    backend.fake.script = ["lost", Forbidden("no longer")]
    with pytest.raises(OutcomeUnknown) as unknown:
        backend.client.submit(_drafts(1))
    assert [item.reference for item in unknown.value.unanswered] == ["ref-0"]


def test_another_body_under_the_same_reference_is_refused_for_ever(backend: Backend) -> None:
    backend.client.withdraw(reference="ref-1", asset=ETH, amount=1, address=TO)
    outcome = backend.client.withdraw(reference="ref-1", asset=ETH, amount=2, address=TO)
    assert (outcome.outcome, outcome.tag, outcome.remedy, outcome.taken) == (
        Outcome.REJECTED,
        "id.reused",
        Remedy.NEVER,
        False,
    )


@pytest.mark.parametrize("amount", [1.5, True, "1.5", "-1", "+1", "01", "", " 1", "1e3", "٣", "9" * 40, None])
def test_an_amount_that_is_not_base_units_is_never_signed(backend: Backend, amount: object) -> None:
    with pytest.raises(Malformed, match="amount"):
        backend.client.sign(Draft("r", ETH, amount, TO))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": 2**128},
        {"address": ""},
        {"reference": ""},
        {"reference": "two words"},
        {"asset": "ETH"},
        {"attempt": 0},
        {"customer": "x" * 65},
    ],
)
def test_an_intent_without_its_form_is_never_signed(backend: Backend, changes: dict[str, object]) -> None:
    with pytest.raises(Malformed):
        backend.client.sign(replace(Draft("r", ETH, 1, TO), **changes))  # type: ignore[arg-type]


def test_a_co_signature_is_over_the_same_bytes(backend: Backend) -> None:
    signed = backend.client.sign(Draft("r", ETH, 1, TO))
    risk = FileKey(Ed25519PrivateKey.generate())
    both = backend.client.cosign(signed, risk)
    assert both.intent == signed.intent and len(both.signatures) == 2
    message = statements.signed_message(SignedType.INTENT, DEPLOYMENT, signed.intent)
    crypto.verify(risk.scheme, risk.public, message, both.signatures[1][1])
    assert cosign(both, DEPLOYMENT, risk) == both
    with pytest.raises(Malformed):
        cosign(replace(signed, intent=signed.intent + b"\x00"), DEPLOYMENT, risk)


def test_a_packed_withdrawal_is_the_same_after_a_restart(backend: Backend) -> None:
    draft = Draft("r", ETH, 1, TO, priority="EXPEDITED", metadata={"ticket": "7"})
    signed = backend.client.sign(draft)
    assert SignedWithdrawal.unpack(signed.pack()) == signed
    with pytest.raises(Malformed):
        SignedWithdrawal.unpack(b"\xff\xff")


@pytest.mark.parametrize("curve", [None, ec.SECP256R1(), ec.SECP256K1()])
def test_keys_of_every_kind_sign_what_rust_verifies(curve: ec.EllipticCurve | None) -> None:
    key = FileKey(Ed25519PrivateKey.generate() if curve is None else ec.generate_private_key(curve))
    for number in range(20):  # both halves of s
        message = bytes([number]) * 40
        crypto.verify(
            key.scheme, key.public, statements.signing_input(key.scheme, message), key.sign(message)
        )


def test_a_key_shows_nothing_of_itself() -> None:
    key = FileKey(Ed25519PrivateKey.generate())
    assert repr(key) == f"FileKey({key.key_id})"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(ConfigError):
        FileKey(ec.generate_private_key(ec.SECP384R1()))


def test_what_was_asked_for_is_read_from_the_signed_bytes(backend: Backend) -> None:
    backend.client.withdraw(reference="ref-1", asset=ETH, amount=77, address=TO)
    known = backend.client.get(reference="ref-1")
    assert (known.intent.amount, known.reference, known.state) == (77, "ref-1", State.FINAL)
    assert known.state.is_end
    with pytest.raises(NotFound):
        backend.client.get(reference="nothing")


def test_a_server_that_shows_another_withdrawal_gets_no_cancellation(backend: Backend) -> None:
    backend.client.submit(_drafts(2))
    backend.fake.known["ref-0"] = backend.fake.known["ref-1"]
    for wrong in ({"reference": "ref-0"}, {"withdrawal_id": id_of("backend-eu", "ref-0")}):
        with pytest.raises(Failed):
            backend.client.cancel(None, **wrong)  # type: ignore[arg-type]
    with pytest.raises(Failed):
        backend.client.batch_get(references=["ref-0"])
    assert not [
        call for call in backend.fake.calls if isinstance(call, withdrawal_pb2.CancelWithdrawalsRequest)
    ]


def test_reads_are_repeated(backend: Backend) -> None:
    backend.client.withdraw(reference="ref-1", asset=ETH, amount=77, address=TO)
    backend.fake.script = ["down", "down"]
    assert backend.client.get(reference="ref-1").reference == "ref-1"
    backend.fake.script = [Denied("some.rule", "why")]
    with pytest.raises(Denied) as refused:
        backend.client.get(reference="ref-1")
    assert (refused.value.tag, refused.value.detail) == ("some.rule", "why")


def test_many_are_read_and_listed(backend: Backend) -> None:
    backend.client.submit(_drafts(5))
    found = backend.client.batch_get(references=["ref-4", "nothing", "ref-0"])
    assert [one and one.reference for one in found] == ["ref-4", None, "ref-0"]
    assert [one.reference for one in backend.client.list_all(page_size=2)] == [f"ref-{i}" for i in range(5)]
    page = backend.client.list(states=[State.QUEUED], page_size=2)
    assert len(page.items) == 2 and page.next_page_token == "2"
    assert list(backend.fake.calls[-1].states) == [withdrawal_pb2.WITHDRAWAL_STATE_QUEUED]


def test_a_cancellation_names_exactly_one_intent(backend: Backend) -> None:
    signed = backend.client.sign(Draft("ref-1", ETH, 1, TO))
    backend.client.send([signed])
    for given_ in ({"withdrawal": signed}, {"reference": "ref-1"}):
        assert backend.client.cancel(**given_).outcome is CancelOutcome.CANCELLED
        (item,) = backend.fake.calls[-1].items
        cancel = statements.parse_cancel(item.cancel)
        assert cancel.intent_sha256 == hashlib.sha256(signed.intent).digest()
        key = FileKey(backend.private)
        message = statements.signed_message(SignedType.CANCEL, DEPLOYMENT, item.cancel)
        crypto.verify(key.scheme, key.public, message, item.signature.signature)
    assert backend.client.cancel(reference="nothing").outcome is CancelOutcome.NOT_FOUND


def test_an_explanation(backend: Backend) -> None:
    told = backend.client.explain(Draft("ref-1", ETH, 1, TO))
    assert (told.outcome, told.tag, told.earliest_pass_ms) == (
        Outcome.REJECTED,
        "limit.daily",
        1_800_000_000_123,
    )
    assert statements.parse_intent(backend.fake.calls[-1].intent).reference == "ref-1"
    assert [(rule.tag, rule.verdict, rule.decides) for rule in told.rules] == [("id.reused", "PASSES", False)]
    daily, newer = told.limits
    assert (daily.limit_id, daily.action, daily.failing, daily.decides) == ("daily", "DENY", "COUNT", True)
    assert daily.window_ms == 86_400_000 and daily.counted is not None
    assert (daily.counted.count_bound, daily.counted.count_left) == (3, 0), "a zero is none left"
    assert (daily.counted.amount, daily.counted.amount_bound) == (None, None), "and absent is no bound"
    assert (newer.verdict, newer.window_ms, newer.counted) == ("UNKNOWN", None, None)


def test_what_is_newer_than_this_client_is_unknown_and_no_end() -> None:
    from custody.client.results import withdrawal

    intent = statements.encode(
        statements.WithdrawalIntent(
            "b", "r", 1, ETH, 1, TO, "", "p", "c", "", statements.FeeMode.HOUSE, None, 0, 1, 1, 1
        )
    )
    message = withdrawal_pb2.Withdrawal(withdrawal_id=id_of("b", "r"), intent_bytes=intent)
    message.MergeFromString(b"\x20\x63")  # a state of the future
    known = withdrawal(message)
    assert known.state is State.UNKNOWN and not known.state.is_end


def test_the_configuration_is_checked(backend: Backend) -> None:
    text = backend.path.read_text()
    for bad in (
        text.replace("[key]", "[keys]"),
        text.replace('initiator = "backend-eu"', 'initiator = "Backend"'),
        text.replace("127.0.0.1:", "http://127.0.0.1:"),
        text.replace("[deployment]\n", '[deployment]\ngenesis = "client.toml"\n'),
        text.replace("signing.pem", "none.pem"),
        text.replace("signing.pem", "client.toml"),
    ):
        backend.path.write_text(bad)
        with pytest.raises(ConfigError):
            Client.from_config(backend.path)


def test_a_client_without_a_key_reads_and_sends_what_others_signed(backend: Backend) -> None:
    signed = backend.client.sign(Draft("ref-1", ETH, 1, TO))
    backend.path.write_text(backend.path.read_text().replace('[key]\npath = "signing.pem"\n', ""))
    with Client.from_config(backend.path) as reader:
        assert reader.send([signed])[0].taken
        assert reader.get(reference="ref-1").intent_bytes == signed.intent
        with pytest.raises(ConfigError, match="no key"):
            reader.sign(Draft("ref-2", ETH, 1, TO))


def test_what_broke_at_the_server_may_have_been_taken(backend: Backend) -> None:
    backend.fake.script = [InvariantBroken("it stops after the append")]
    with pytest.raises(OutcomeUnknown) as unknown:
        backend.client.submit(_drafts(2))
    assert [item.reference for item in unknown.value.unanswered] == ["ref-0", "ref-1"]


def test_answers_in_another_order_are_no_answers(backend: Backend) -> None:
    honest = backend.fake._answer
    names = ["ref-1", "ref-0"]

    def swapped(item: withdrawal_pb2.SubmitItem) -> withdrawal_pb2.SubmitResult:
        result = honest(item)
        result.reference = names.pop(0)
        return result

    backend.fake._answer = swapped  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown, match="in the place of"):
        backend.client.submit(_drafts(2))
