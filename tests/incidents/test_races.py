"""Published races against a real server over 64 connections: what many requests at one moment must not do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from custody import statements
from custody.adapters.memory_journal import MemoryJournal
from custody.api.v1 import withdrawal_pb2 as pb
from custody.crypto import Keyring
from custody.errors import InvariantBroken
from custody.ledger import BalanceRow, Ledger
from custody.model.control import ControlState
from custody.ports import Head, Journal, Row
from custody.services.replay import apply_row, verify_row
from custody.services.rulebook import Rulebook
from custody.services.writer import Writer
from support.crowd import Said, rush
from support.policy_builder import ETH
from support.server_world import ServerWorld, make_writer, open_wallets
from support.writer_parts import submit

pytestmark = pytest.mark.timeout(300)  # on a busy machine

OPENED = 10**15
"""Of each wallet, base units; the first one's is the house's, the other two's the customers'."""
WHOLE = 2 * OPENED


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ServerWorld]:
    made = ServerWorld(tmp_path)
    journal = made.journal()
    opened(made, journal, OPENED).stop()
    journal.close()
    made.start()
    yield made
    made.kill()


def opened(world: ServerWorld, journal: Journal, amount: int) -> Writer:
    """A running writer over an empty journal, with every wallet's balance brought in."""
    writer = make_writer(world.policy, journal)
    writer.start()
    open_wallets(writer, world.policy, amount=amount)
    return writer


def outcomes(said: list[Said]) -> Counter[tuple[int, str]]:
    """How often each outcome and tag was answered."""
    return Counter((result.outcome, result.tag) for each in said for result in each.results)


def every_state(world: ServerWorld) -> Iterator[Ledger]:
    """The ledger after each row of the stopped server's journal, conserved: what a reader could ever have seen."""
    journal = world.journal()
    ledger, control = Ledger(), ControlState(world.policy)
    Rulebook(ledger, Keyring(), "main").follow(control.governance)
    head = Head(0, 0, statements.journal_start(control.governance.deployment, journal.name))
    try:
        while rows := journal.read(head.sequence, 64):
            for row in rows:
                head = verify_row(journal.name, head, row)
                apply_row(row, ledger, control)
                ledger.conservation()
                yield ledger
    finally:
        journal.close()


def pool(ledger: Ledger) -> BalanceRow | None:
    """The customers' pool."""
    rows = [row for row in ledger.balances() if (row.asset, row.account) == (ETH, "pool:customers")]
    return rows[0] if rows else None


def least_and_held(world: ServerWorld) -> tuple[int, int]:
    """The least that the pool ever had available, and what it holds at the end; its sum never moves."""
    least, held = WHOLE, 0
    for ledger in every_state(world):
        row = pool(ledger)
        if row is None or row.credits_posted < WHOLE:
            continue  # not all is opened
        held = row.debits_pending
        assert row.available >= 0
        assert (row.credits_posted, row.debits_posted, row.available + held) == (WHOLE, 0, WHOLE)
        least = min(least, row.available)
    return least, held


def test_ten_thousand_withdrawals_of_the_whole_pool_and_one_wins(world: ServerWorld) -> None:
    """Flexcoin, 2014: thousands of transfers at once overdrew accounts before their balances were written."""
    said = rush(world, [world.intents.request(1, amount=WHOLE) for _ in range(10_000)])
    assert outcomes(said) == {
        (pb.OUTCOME_ACCEPTED, ""): 1,
        (pb.OUTCOME_REJECTED, "ledger.insufficient_funds"): 9_999,
    }
    assert world.stop() == 0
    assert least_and_held(world) == (0, WHOLE)


def test_as_many_win_as_the_pool_pays_for_and_never_one_more(world: ServerWorld) -> None:
    """Sevenths of the pool, in requests of five; what seven leave of it is for nobody."""
    share = WHOLE // 7
    said = rush(world, [world.intents.request(5, amount=share) for _ in range(400)])
    assert outcomes(said) == {
        (pb.OUTCOME_ACCEPTED, ""): 7,
        (pb.OUTCOME_REJECTED, "ledger.insufficient_funds"): 1_993,
    }
    assert world.stop() == 0
    assert least_and_held(world) == (WHOLE - 7 * share, 7 * share)


def test_one_reference_sent_a_thousand_times_is_one_withdrawal(world: ServerWorld) -> None:
    """BitGrail, 2017: one request, sent again, was paid again. Three of the thousand ask for another amount."""
    first = world.intents.body(amount=1_000, reference="once")
    bodies = [first] * 997
    for place, amount in ((0, 1_001), (500, 1_002), (999, 1_003)):
        bodies.insert(place, world.intents.body(amount=amount, reference="once"))
    items = [world.intents.item(body) for body in bodies]
    said = rush(world, [pb.SubmitWithdrawalsRequest(items=[item]) for item in items])
    [accepted] = [each for each in said if each.results[0].outcome == pb.OUTCOME_ACCEPTED]
    winner = bodies[accepted.number]
    for each in said:
        [result] = each.results
        if bodies[each.number] != winner:
            assert (result.outcome, result.tag) == (pb.OUTCOME_REJECTED, "id.reused"), result
        elif each is not accepted:
            assert result.outcome == pb.OUTCOME_DUPLICATE
            assert result.withdrawal_id == accepted.results[0].withdrawal_id
    assert world.stop() == 0
    *_, ledger = every_state(world)
    [withdrawal] = ledger.withdrawals()
    assert withdrawal.withdrawal_id == accepted.results[0].withdrawal_id


def overdraw(world: ServerWorld) -> None:
    """Append to the stopped server's journal a row that is sound in itself, and a withdrawal that nothing pays for.

    A server with a richer pool wrote it; the chain of hashes and the record's root are as they should be.
    """
    richer = MemoryJournal("server/main", world.policy.hash)
    writer = opened(world, richer, 10 * OPENED)
    submit(writer, world.intents.request(1, amount=WHOLE))
    writer.stop()
    record = richer.get(richer.head().sequence)
    journal = world.journal()
    head = journal.head()
    sequence = head.sequence + 1
    digest = statements.row_hash(head.hash, sequence, head.epoch, record.kind, record.root)
    journal.append(
        [Row(sequence, head.epoch, record.kind, head.hash, record.root, digest, record.record)],
    )
    journal.close()


def test_a_row_that_overdraws_is_found_though_every_hash_of_it_is_right(world: ServerWorld) -> None:
    """Poloniex, 2014: five withdrawals of all there was at once, and an audit that took a negative balance for good."""
    said = rush(world, [world.intents.request(1, amount=WHOLE) for _ in range(5)])
    assert outcomes(said)[pb.OUTCOME_ACCEPTED, ""] == 1
    assert world.stop() == 0
    assert least_and_held(world) == (0, WHOLE)
    overdraw(world)
    with pytest.raises(InvariantBroken, match=r"Pool\(customers\) is negative"):
        list(every_state(world))
    with pytest.raises(AssertionError, match=r"Pool\(customers\) is negative"):
        world.state_hashes()
    with pytest.raises(AssertionError, match="did not start"):
        world.start()
