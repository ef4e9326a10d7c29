"""The writer: group commit, order, what a failing command changes, and what happens when the journal fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from custody import statements
from custody.adapters.memory_journal import MemoryJournal
from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.api.v1 import withdrawal_pb2 as pb
from custody.errors import Denied, InvariantBroken, JournalError
from custody.ledger import prepare
from custody.ports import Head, Row
from custody.services.commands import Decision, Draft, State
from custody.services.writer import Busy, Writer, WriterStopped
from support.fakes import FakeClock
from support.policy_builder import ETH, ETHER
from support.server_world import OPENED, Intents, make_writer, open_wallets
from support.writer_parts import POLICY, SALT, GatedJournal, halt, in_threads, intake, now_ms, submit


@pytest.fixture
def journal() -> GatedJournal:
    return GatedJournal()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now_ms())


@pytest.fixture
def fatal() -> list[BaseException]:
    return []


@pytest.fixture
def writer(journal: GatedJournal, clock: FakeClock, fatal: list[BaseException]) -> Iterator[Writer]:
    made = make_writer(POLICY, journal, clock, fatal.append)
    made.start()
    open_wallets(made, POLICY)
    yield made
    journal.gate.set()
    made.stop()


def test_an_empty_journal_begins_with_genesis_and_the_first_leader(
    journal: GatedJournal, writer: Writer
) -> None:
    rows = journal.read(0, 2)
    assert [row.kind for row in rows] == [record_pb2.RECORD_KIND_GENESIS, record_pb2.RECORD_KIND_STARTED]
    assert rows[0].epoch == rows[1].epoch == 1
    _, leaves = statements.unpack_record(rows[0].record)
    assert record_pb2.Genesis.FromString(leaves[0]).policy == POLICY.raw


def test_every_start_is_the_next_epoch(journal: GatedJournal, clock: FakeClock) -> None:
    for epoch in (1, 2, 3):
        made = make_writer(POLICY, journal, clock)
        made.start()
        assert made.head.epoch == epoch == made.read(lambda state: state.epoch)
        made.stop()
    assert [row.kind for row in journal.read(0, 10)] == [2, 1, 1, 1]


def test_a_command_is_durable_before_its_reply(journal: GatedJournal, writer: Writer) -> None:
    journal.gate.clear()
    journal.waiting.clear()
    replies: list[str] = []
    thread = threading.Thread(target=lambda: replies.append(writer.execute(halt("a" * 64))))
    thread.start()
    assert journal.waiting.wait(10)
    assert replies == []
    head = writer.head.sequence
    journal.gate.set()
    thread.join(10)
    assert replies == ["a" * 64]
    assert writer.head.sequence == head + 1 == journal.head().sequence


def test_waiting_jobs_become_durable_in_one_append(journal: GatedJournal, writer: Writer) -> None:
    journal.gate.clear()
    journal.waiting.clear()
    first = threading.Thread(target=lambda: writer.execute(halt("0" * 64)))
    first.start()
    assert journal.waiting.wait(10)
    calls: list[Callable[[], Any]] = []
    for number in range(1, 21):
        calls.append(lambda number=number: writer.execute(halt(f"{number:064x}")))  # type: ignore[misc]
    groups = len(journal.groups)
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 10
    while writer._jobs.qsize() < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    journal.gate.set()
    for thread in (first, *threads):
        thread.join(10)
    assert journal.groups[groups:] == [1, 20]


def test_a_command_that_raises_changes_nothing_and_hurts_nobody_beside_it(
    journal: GatedJournal, writer: Writer
) -> None:
    def refuse(state: State) -> Decision[None]:
        raise Denied("test.refused", "no")

    def stumble(state: State) -> Decision[None]:
        raise ZeroDivisionError

    before = writer.read(lambda state: (state.ledger.state_hash(), state.control.state_hash()))
    results = in_threads([lambda: writer.execute(refuse), lambda: writer.execute(stumble)])
    assert [type(result) for result in results] == [Denied, ZeroDivisionError]
    assert writer.read(lambda state: (state.ledger.state_hash(), state.control.state_hash())) == before
    assert writer.execute(halt("b" * 64)) == "b" * 64


def test_a_later_command_of_the_same_group_sees_the_earlier_one(
    journal: GatedJournal, writer: Writer
) -> None:
    journal.gate.clear()
    journal.waiting.clear()
    blocker = threading.Thread(target=lambda: writer.execute(halt("c" * 64)))
    blocker.start()
    assert journal.waiting.wait(10)
    both = [threading.Thread(target=lambda: results.append(_try(writer, "d" * 64))) for _ in range(2)]
    results: list[str] = []
    for thread in both:
        thread.start()
    while writer._jobs.qsize() < 2:
        time.sleep(0.01)
    journal.gate.set()
    for thread in (blocker, *both):
        thread.join(10)
    assert sorted(results) == ["d" * 64, "ledger.exists"]


def _try(writer: Writer, halt_id: str) -> str:
    try:
        return writer.execute(halt(halt_id))
    except Denied as error:
        return error.tag


def test_a_failed_append_answers_nobody_and_ends_the_writer(
    journal: GatedJournal, writer: Writer, fatal: list[BaseException]
) -> None:
    journal.fail = True
    intents = Intents(POLICY)
    results = in_threads([lambda: writer.execute(halt("e" * 64)), lambda: submit(writer, intents.request(3))])
    assert [type(result) for result in results] == [WriterStopped, WriterStopped]
    assert [type(error) for error in fatal] == [JournalError]
    for ask in (
        lambda: writer.read(lambda state: state.epoch),
        lambda: writer.execute(halt("f" * 64)),
        lambda: submit(writer, intents.request(1)),
    ):
        with pytest.raises(WriterStopped):
            ask()
    assert isinstance(writer.failure, JournalError)


def test_a_broken_invariant_in_a_command_ends_the_writer(
    journal: GatedJournal, writer: Writer, fatal: list[BaseException]
) -> None:
    def broken(state: State) -> Decision[None]:
        raise InvariantBroken("the impossible")

    before = journal.head()
    with pytest.raises(WriterStopped):
        writer.execute(broken)
    assert [str(error) for error in fatal] == ["the impossible"]
    assert journal.head() == before


def test_a_draft_that_cannot_be_applied_ends_the_writer_before_it_is_stored(
    journal: GatedJournal, writer: Writer, fatal: list[BaseException]
) -> None:
    def wrong(state: State) -> Decision[None]:
        lifted = governance_pb2.HaltLifted(halt_id="9" * 64)
        return Decision((Draft(record_pb2.RECORD_KIND_HALT_LIFTED, lifted),), None)

    before = journal.head()
    with pytest.raises(WriterStopped):
        writer.execute(wrong)
    assert [type(error) for error in fatal] == [InvariantBroken]
    assert journal.head() == before


def test_the_writers_thread_may_not_ask_itself(writer: Writer) -> None:
    with pytest.raises(InvariantBroken):
        writer.read(lambda state: writer.read(lambda inner: inner.epoch))


def test_submitted_items_are_held_charged_and_stored_as_received(
    journal: GatedJournal, writer: Writer
) -> None:
    intents = Intents(POLICY)
    request = intents.request(5)
    answer = submit(writer, request)
    assert [result.outcome for result in answer.results] == [pb.OUTCOME_ACCEPTED] * 5
    assert answer.as_of[0].sequence == writer.head.sequence
    row = journal.get(writer.head.sequence)
    header_bytes, leaves = statements.unpack_record(row.record)
    header = record_pb2.RecordHeader.FromString(header_bytes)
    assert (header.principal, header.request_id) == ("backend-eu", "test-request")
    assert header.policy_hash == POLICY.hash
    assert [statements.unpack_leaf(leaf)[1] for leaf in leaves] == [item.intent for item in request.items]
    held = writer.read(lambda state: {b.account: b for b in state.ledger.balances() if b.asset == ETH})
    amounts = sum(statements.parse_intent(item.intent).amount for item in request.items)
    assert held["pool:customers"].available == 2 * OPENED - amounts


def test_a_batch_never_half_answers_and_one_bad_item_sinks_nobody(writer: Writer) -> None:
    intents = Intents(POLICY)
    good, resent = intents.item(), intents.item()
    submit(writer, pb.SubmitWithdrawalsRequest(items=[resent]))
    bad = intents.item()
    bad.signatures[0].signature = bytes(64)
    reused = intents.item(reference=statements.parse_intent(resent.intent).reference)
    malformed = pb.SubmitItem(intent=b"\x00", signatures=good.signatures)
    unknown = intents.item(asset="eip155:31337/erc20:0x" + "77" * 20)
    own = intents.item(address=POLICY.wallets[0].address)
    late = intents.item(submit_before_unix_ms=now_ms() - 600_000)
    co_signed = intents.item(amount=11 * ETHER)
    items = [good, resent, bad, reused, malformed, unknown, own, late, co_signed]
    results = submit(writer, pb.SubmitWithdrawalsRequest(items=items)).results
    assert [(pb.Outcome.Name(r.outcome)[8:], r.tag) for r in results] == [
        ("ACCEPTED", ""),
        ("DUPLICATE", ""),
        ("INVALID", "signature.invalid"),
        ("REJECTED", "id.reused"),
        ("INVALID", "intent.malformed"),
        ("INVALID", "asset.unknown"),
        ("INVALID", "destination.forbidden"),
        ("INVALID", "intent.too_late"),
        ("INVALID", "signature.cosign_missing"),
    ]


def test_nothing_is_stored_for_a_request_without_a_valid_item(journal: GatedJournal, writer: Writer) -> None:
    item = Intents(POLICY).item()
    item.signatures[0].signature = bytes(64)
    before = journal.head()
    answer = submit(writer, pb.SubmitWithdrawalsRequest(items=[item]))
    assert answer.results[0].tag == "signature.invalid"
    assert journal.head() == before


def test_a_batch_prepared_before_a_key_was_revoked_is_stale(writer: Writer) -> None:
    request = Intents(POLICY).request(2).SerializeToString()
    rulebook = writer.rulebook
    prepared = prepare(request, "backend-eu", rulebook.rules, rulebook.keyring, SALT)
    rulebook.keyring.revoke(POLICY.initiators[0].keys[0].key_id)
    reply = writer.submit(prepared)
    assert reply.stale
    assert reply.response == b""
    answer = pb.SubmitWithdrawalsResponse.FromString(intake(writer).submit(request, "backend-eu"))
    assert {result.tag for result in answer.results} == {"signature.key"}


def test_replay_gives_the_identical_state(
    journal: GatedJournal, writer: Writer, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    intents = Intents(POLICY)
    for _ in range(3):
        submit(writer, intents.request(20))
        writer.execute(halt(f"{clock.wall_ms:064x}"))
        clock.advance(1000)
    submit(writer, intents.request(5, amount=OPENED))
    hashes = writer.read(lambda state: (state.ledger.state_hash(), state.control.state_hash()))
    head = writer.head
    writer.stop()
    for _ in range(2):
        again = make_writer(POLICY, _copy(journal, head), clock)
        found: list[tuple[bytes, bytes]] = []

        def look(state: State, found: list[tuple[bytes, bytes]] = found) -> Decision[None]:
            found.append((state.ledger.state_hash(), state.control.state_hash()))
            return Decision((), None)

        monkeypatch.setattr(again, "_open", look)
        again.start()
        again.stop()
        assert found == [hashes]


def _copy(journal: MemoryJournal, head: Head) -> MemoryJournal:
    copied = MemoryJournal("server/main", POLICY.hash)
    copied.append(journal.read(0, head.sequence))
    return copied


@pytest.mark.parametrize("part", ["record", "root", "hash", "prev_hash", "kind", "epoch"])
def test_a_changed_row_is_found_at_the_start(
    journal: GatedJournal, writer: Writer, clock: FakeClock, part: str
) -> None:
    submit(writer, Intents(POLICY).request(3))
    writer.stop()
    rows = journal._rows
    index = len(rows) - 1
    values: dict[str, Any] = {name: getattr(rows[index], name) for name in Row.__slots__}
    old = values[part]
    values[part] = old + 1 if isinstance(old, int) else old[:-1] + bytes([old[-1] ^ 1])
    rows[index] = Row(**values)
    with pytest.raises(InvariantBroken, match="row"):
        make_writer(POLICY, journal, clock).start()


def test_listeners_hear_of_every_durable_group(writer: Writer) -> None:
    heard: list[Head] = []
    writer.on_committed(heard.append)
    writer.execute(halt("a" * 64))
    writer.read(lambda state: None)
    assert heard == [writer.head]


def test_a_listener_that_fails_ends_the_writer_rather_than_leave_callers_waiting(
    writer: Writer, fatal: list[BaseException]
) -> None:
    def fail(head: Head) -> None:
        raise ZeroDivisionError

    writer.on_committed(fail)
    assert writer.execute(halt("a" * 64)) == "a" * 64  # it was durable
    writer._thread.join(10)
    assert [type(error) for error in fatal] == [ZeroDivisionError]
    with pytest.raises(WriterStopped):
        writer.execute(halt("b" * 64))


def test_waiting_for_a_sequence_ends_when_it_is_durable_or_time_is_up(writer: Writer) -> None:
    head = writer.head.sequence
    assert writer.wait_for(head, 0)
    assert not writer.wait_for(head + 1, 0.05)
    threading.Timer(0.1, lambda: writer.execute(halt("a" * 64))).start()
    assert writer.wait_for(head + 1, 10)
    assert writer.wait_beyond(head, 0) == head + 1


def test_a_stopped_writer_finished_what_was_asked_and_takes_nothing_more(
    journal: GatedJournal, writer: Writer
) -> None:
    writer.execute(halt("a" * 64))
    writer.stop()
    with pytest.raises(WriterStopped):
        writer.execute(halt("b" * 64))
    assert journal.head() == writer.head


def test_few_may_wait_for_a_row_and_nobody_is_kept_from_what_is_there(writer: Writer) -> None:
    head = writer.head.sequence
    waits = [lambda: writer.wait_for(head + 1, 10)] * 40
    later = threading.Timer(0.5, lambda: writer.execute(halt("b" * 64)))
    later.start()
    answers = in_threads(waits)
    later.join()
    busy = [each for each in answers if isinstance(each, Busy)]
    assert len(busy) >= 30 and answers.count(True) == len(answers) - len(busy) > 0
    assert writer.wait_for(head + 1, 0)
