"""The batch path from Python: answers in the clients' words, records, replay, staleness, explanations."""

from __future__ import annotations

import threading

import pytest

from custody import statements
from custody.api.journal.v1 import record_pb2, withdrawal_pb2
from custody.api.v1 import withdrawal_pb2 as api
from custody.errors import Malformed
from custody.ledger import Ledger, prepare
from support.ledger_backend import ETH, NOW_MS, Backend, limit, results

OPENED = (("hot-1", 1_000, "customers"), ("hot-1", 100, "house"))


@pytest.fixture
def backend() -> Backend:
    return Backend([limit("day", "deny", 500, ["asset", "customer"])])


def test_each_item_is_answered_in_its_place(backend: Backend) -> None:
    ledger = backend.ledger(*OPENED)
    spoiled = backend.item(backend.intent("bad", 1))
    spoiled.signatures[0].signature = bytes(64)
    items = [
        backend.item(backend.intent("a", 10), metadata={"note": "hello"}),
        spoiled,
        backend.item(backend.intent("large", 501)),
        backend.item(backend.intent("a", 10)),
        api.SubmitItem(intent=b"\xff"),
    ]
    [submitted] = backend.submit(ledger, NOW_MS, items)
    answers = [(r.reference, r.outcome, r.tag) for r in results(submitted)]
    assert answers == [
        ("a", api.OUTCOME_ACCEPTED, ""),
        ("bad", api.OUTCOME_INVALID, "signature.invalid"),
        ("large", api.OUTCOME_REJECTED, "limit.day"),
        ("a", api.OUTCOME_DUPLICATE, ""),
        ("", api.OUTCOME_INVALID, "intent.malformed"),
    ]
    assert submitted.record is not None
    assert statements.record_root(submitted.record) == submitted.root
    header, leaves = statements.unpack_record(submitted.record)
    assert record_pb2.RecordHeader.FromString(header).principal == "backend"
    assert len(leaves) == 2
    [(withdrawal_id, salt, words)] = submitted.metadata
    assert (len(withdrawal_id), len(salt), words) == (16, 32, b'{"note":"hello"}')
    outcome = withdrawal_pb2.IntakeOutcome.FromString(statements.unpack_leaf(leaves[0])[0])
    assert outcome.metadata_hash == statements.tagged_hash("metadata", salt, words)
    assert outcome.withdrawal_id == withdrawal_id


def test_replay_gives_the_same_state(backend: Backend) -> None:
    ledger, replayed = backend.ledger(*OPENED), backend.ledger(*OPENED)
    for n in range(5):
        items = [backend.item(backend.intent(f"r{n}-{m}", 90)) for m in range(3)]
        [submitted] = backend.submit(ledger, NOW_MS + n, items)
        assert submitted.record is not None
        replayed.apply_intake_record(submitted.record, backend.sequence)
    assert replayed.state_hash() == ledger.state_hash()


def test_what_was_prepared_under_other_keys_or_another_policy_is_stale(backend: Backend) -> None:
    ledger = backend.ledger(*OPENED)
    prepared = backend.prepare([backend.item(backend.intent("a", 10))])
    before = ledger.state_hash()
    ledger.set_keyring_version(prepared.keyring_version + 1)
    [submitted] = ledger.submit([prepared], NOW_MS, 1)
    assert submitted.stale and submitted.record is None and ledger.state_hash() == before
    ledger.set_rules(
        backend.rules_of(backend.document | {"policy_hash": "33" * 32}), prepared.keyring_version
    )
    assert ledger.submit([prepared], NOW_MS, 1)[0].stale


def test_the_whole_pool_asked_for_from_many_threads_is_paid_once() -> None:
    backend = Backend()
    ledger = backend.ledger(*OPENED)
    won: list[int] = []

    def client(number: int) -> None:
        for n in range(50):
            item = backend.item(backend.intent(f"r{number}-{n}", 1_000, customer=f"c{number}"))
            submitted = ledger.submit([backend.prepare([item])], NOW_MS, 1)
            won.append(results(submitted[0])[0].outcome)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), won.count(api.OUTCOME_ACCEPTED)) == (400, 1)
    assert ledger.available(ETH, "pool:customers") == 0
    ledger.conservation()


def test_one_reference_from_many_threads_is_one_withdrawal(backend: Backend) -> None:
    ledger = backend.ledger(*OPENED)
    ids: set[str] = set()
    outcomes: list[int] = []

    def client(amount: int) -> None:
        for _ in range(25):
            submitted = ledger.submit(
                [backend.prepare([backend.item(backend.intent("a", amount))])], NOW_MS, 1
            )
            [result] = results(submitted[0])
            outcomes.append(result.outcome)
            ids.add(result.withdrawal_id)

    threads = [threading.Thread(target=client, args=(amount,)) for amount in (10, 10, 10, 11)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(api.OUTCOME_ACCEPTED) == 1
    assert len(ids - {""}) == 1
    assert len(ledger.withdrawals()) == 1


def test_explain_answers_without_changing_anything(backend: Backend) -> None:
    ledger = backend.ledger(*OPENED)
    before = ledger.state_hash()

    def explain(principal: str, amount: int) -> api.ExplainWithdrawalResponse:
        said = ledger.explain(principal, backend.intent("a", amount), NOW_MS, everything=True)
        assert said is not None
        return api.ExplainWithdrawalResponse.FromString(said)

    assert explain("backend", 10).outcome == api.OUTCOME_ACCEPTED
    said = explain("backend", 501)
    assert (said.outcome, said.tag, said.remedy) == (
        api.OUTCOME_REJECTED,
        "limit.day",
        api.REMEDY_NEW_ATTEMPT,
    )
    (day,) = [clause for clause in said.limits if clause.limit_id == "day"]
    assert (day.action, day.verdict, day.failing) == (
        api.LIMIT_ACTION_DENY,
        api.VERDICT_FAILS,
        api.LIMIT_CLAUSE_KIND_AMOUNT,
    )
    assert (day.counted.amount, day.counted.amount_bound, day.counted.amount_left) == ("0", "500", "500")
    assert not day.counted.HasField("count_bound") and day.window.ToMilliseconds() == 3_600_000
    assert not day.HasField("earliest_pass") and not said.HasField("earliest_pass"), "never"
    said = explain("backend", 500)
    (day,) = [clause for clause in said.limits if clause.limit_id == "day"]
    assert (day.verdict, day.earliest_pass.ToMilliseconds()) == (api.VERDICT_PASSES, NOW_MS)
    assert explain("other", 1).tag == "intent.initiator"
    assert ledger.explain("backend", b"", NOW_MS, everything=True, generation=1) is None, "stale"
    assert ledger.state_hash() == before


@pytest.mark.parametrize("request_bytes", [b"", b"\x12\xff", b"\x00"])
def test_a_request_without_form(backend: Backend, request_bytes: bytes) -> None:
    with pytest.raises(Malformed):
        prepare(request_bytes, "backend", backend.rules, backend.keyring, bytes(32))


def test_rules_without_a_house_pool(backend: Backend) -> None:
    with pytest.raises(Malformed, match="house_pool"):
        backend.rules_of(backend.document | {"house_pool": "nobody"})
    with pytest.raises(Malformed, match="unknown field"):
        backend.rules_of(backend.document | {"more": 1})


def test_a_journal_that_does_not_fit_stops_the_ledger(backend: Backend) -> None:
    [submitted] = backend.submit(backend.ledger(*OPENED), NOW_MS, [backend.item(backend.intent("a", 10))])
    assert submitted.record is not None
    empty = Ledger()
    empty.set_rules(backend.rules, backend.keyring.version)
    with pytest.raises(Exception, match="row 1"):
        empty.apply_intake_record(submitted.record, 1)
