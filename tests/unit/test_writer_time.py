"""What the writer makes of a clock that steps: everything halts, and time in the records never goes back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from custody import statements
from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.api.v1 import withdrawal_pb2 as pb
from custody.model.clock import TIME_TAG
from custody.services.book import time_halts
from custody.services.commands import Decision, Draft, State
from custody.services.writer import Writer
from support.fakes import FakeClock
from support.server_world import Intents, make_writer, open_wallets
from support.writer_parts import POLICY, GatedJournal, halt, now_ms, submit


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


def test_a_step_of_the_wall_clock_halts_everything_until_a_quorum_confirms(
    writer: Writer, clock: FakeClock
) -> None:
    before_ms = writer.read(lambda state: state.now_ms)
    clock.wall_ms += 60_000
    results = submit(writer, Intents(POLICY).request(1)).results
    assert results[0].tag == "halt.intake"
    halts = writer.read(lambda state: dict(state.control.halts))
    (halt_id,) = halts
    assert halts[halt_id].reason == TIME_TAG
    assert halts[halt_id].scopes == ("all",)
    assert writer.read(lambda state: state.now_ms) == before_ms
    clock.advance(1_000)
    assert writer.read(lambda state: (state.now_ms, state.wall_ms)) == (before_ms + 1_000, clock.wall_ms)

    def resume(state: State) -> Decision[None]:
        lifted = governance_pb2.HaltLifted(halt_id=halt_id, proposal_id="p")
        fact = state.ledger.decide_resume(halt_id)
        return Decision((Draft(record_pb2.RECORD_KIND_HALT_LIFTED, lifted, (fact,)),), None)

    writer.execute(resume)
    assert writer.read(lambda state: (state.now_ms, time_halts(state.control))) == (clock.wall_ms, ())
    assert submit(writer, Intents(POLICY).request(1)).results[0].outcome == pb.OUTCOME_ACCEPTED


def test_an_unconfirmed_step_outlives_a_restart(
    journal: GatedJournal, writer: Writer, clock: FakeClock
) -> None:
    clock.wall_ms += 60_000
    writer.read(lambda state: None)
    frozen_ms = writer.read(lambda state: state.now_ms)
    writer.stop()
    again = make_writer(POLICY, journal, clock)
    again.start()
    found = again.read(lambda state: (state.now_ms, len(time_halts(state.control))))
    again.stop()
    assert found == (frozen_ms, 1)


def test_a_gap_at_the_start_above_the_policys_maximum_halts(
    journal: GatedJournal, writer: Writer, clock: FakeClock
) -> None:
    writer.stop()
    for gap_ms, halted in ((POLICY.maximum_start_gap_ms - 1, 0), (POLICY.maximum_start_gap_ms + 1, 1)):
        clock.advance(gap_ms)
        again = make_writer(POLICY, journal, clock)
        again.start()
        found = again.read(lambda state: len(time_halts(state.control)))
        again.stop()
        assert found == halted


def test_time_in_the_records_never_goes_back(journal: GatedJournal, writer: Writer, clock: FakeClock) -> None:
    for number, step in enumerate((0, -10_000, 3_000, -1, 0, 4_000)):
        clock.wall_ms += step
        clock.monotonic += 100
        writer.execute(halt(f"{number:064x}"))
    times = []
    for row in journal.read(0, 100):
        header = record_pb2.RecordHeader.FromString(statements.unpack_record(row.record)[0])
        times.append(header.recorded_unix_ms)
    assert times == sorted(times)
