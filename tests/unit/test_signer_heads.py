"""How a signer follows the server's journal: extensions and remembered heads pass, everything else is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody import statements
from custody.errors import Denied, Malformed
from custody.ports import RowFields
from custody.signer import heads
from custody.signer.heads import Claim, FollowedJournal, HeadForked, Position, RowsMissing

START = hashlib.sha256(b"start").digest()


class Chain:
    """Rows and their hashes; row n's epoch is the last of `epochs` whose start is not above n."""

    def __init__(self, length: int, salt: str = "", epochs: Sequence[tuple[int, int]] = ((1, 1),)) -> None:
        self.rows: list[RowFields] = []
        self.hashes = [START]
        for sequence in range(1, length + 1):
            epoch = max(number for start, number in epochs if start <= sequence)
            root = hashlib.sha256(f"{salt}{sequence}".encode()).digest()
            self.rows.append(RowFields(sequence, epoch, 20, root))
            self.hashes.append(statements.row_hash(self.hashes[-1], sequence, epoch, 20, root))

    def claim(self, head: int, after: int | None = None, epoch: int = 1) -> Claim:
        rows = [] if after is None else self.rows[after:head]
        return Claim(Position(epoch, head, self.hashes[head]), rows)


def followed(chain: Chain, head: int) -> FollowedJournal:
    journal = FollowedJournal(START)
    journal.follow(chain.claim(head, after=0))
    return journal


def test_a_new_signer_wants_every_row_from_the_first() -> None:
    chain, journal = Chain(5), FollowedJournal(START)
    for claim in (chain.claim(5), chain.claim(5, after=1)):
        with pytest.raises(RowsMissing) as missing:
            journal.follow(claim)
        assert missing.value.metadata == {"journal_sequence": "0", "journal_hash": START.hex()}
    assert journal.follow(chain.claim(3, after=0)).sequence == 3
    assert journal.position == chain.claim(3).position
    journal.follow(chain.claim(5, after=3))
    assert journal.position == chain.claim(5).position


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.integers(0, 30))
def test_any_order_of_honest_requests_is_accepted(order: list[int], after: int) -> None:
    chain, journal = Chain(30), FollowedJournal(START)
    for head in order:
        journal.follow(chain.claim(head, after=min(after, head, journal.position.sequence)))
    assert journal.position.sequence == max(order)


@given(st.integers(1, 9), st.integers(1, 12), st.integers(0, 9))
def test_no_other_branch_is_accepted(split: int, head: int, after: int) -> None:
    """Two journals that agree below `split`: what follows the one never takes the other's later heads."""
    chain, other = Chain(9), Chain(12)
    for sequence in range(split, 13):
        root = hashlib.sha256(f"other {sequence}".encode()).digest()
        other.rows[sequence - 1] = RowFields(sequence, 1, 20, root)
        other.hashes[sequence] = statements.row_hash(other.hashes[sequence - 1], sequence, 1, 20, root)
    journal = followed(chain, 9)
    claim = other.claim(head, after=min(after, head))
    if head < split:
        journal.follow(claim)
    else:
        with pytest.raises(HeadForked):
            journal.follow(claim)
    assert journal.position == chain.claim(9).position


def test_a_head_between_two_that_survived_a_restart_is_not_taken_on_trust() -> None:
    chain = Chain(9)
    journal = FollowedJournal(START)
    for sequence in (4, 8):
        journal.restore(Position(2, sequence, chain.hashes[sequence]))
    assert journal.position.epoch == 2
    with pytest.raises(RowsMissing):
        journal.follow(chain.claim(6, after=4, epoch=2))
    with pytest.raises(HeadForked):
        journal.follow(Claim(Position(2, 4, bytes(32)), []))
    journal.follow(chain.claim(4, epoch=2))
    journal.follow(chain.claim(9, after=6, epoch=2))


def test_what_is_older_than_memory_is_a_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "REMEMBERED", 4)
    chain = Chain(9)
    journal = followed(chain, 9)
    journal.follow(chain.claim(6))
    for old in (5, 1, 0):
        with pytest.raises(HeadForked):
            journal.follow(chain.claim(old))
    journal = FollowedJournal(START)
    journal.restore(Position(1, 9, chain.hashes[9]))  # row 0 is remembered still, but too old to count
    with pytest.raises(HeadForked):
        journal.follow(chain.claim(0))


def test_leaders() -> None:
    chain = Chain(6, epochs=((1, 1), (5, 2)))
    journal = followed(chain, 4)
    with pytest.raises(Denied, match=r"epoch\.head_behind"):
        journal.follow(chain.claim(3, epoch=2))
    journal.follow(chain.claim(6, after=4, epoch=2))
    with pytest.raises(Denied, match=r"epoch\.old"):
        journal.follow(chain.claim(6, epoch=1))
    journal.follow(chain.claim(3, epoch=2))
    journal.reset()
    with pytest.raises(Denied, match=r"epoch\.old"):
        journal.follow(chain.claim(4, after=0, epoch=1))


@pytest.mark.parametrize(
    "rows",
    [
        [RowFields(1, 1, 20, bytes(32)), RowFields(3, 1, 20, bytes(32))],
        [RowFields(1, 2, 20, bytes(32)), RowFields(2, 1, 20, bytes(32))],
        [RowFields(1, 1, 20, bytes(32)), RowFields(2, 9, 20, bytes(32))],
        [RowFields(1, 1, 20, bytes(32))],
    ],
)
def test_rows_that_are_no_part_of_a_journal(rows: list[RowFields]) -> None:
    head = rows[-1].sequence if len(rows) > 1 else 2
    with pytest.raises(Malformed):
        FollowedJournal(START).follow(Claim(Position(2, head, bytes(32)), rows))


def test_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heads, "MAXIMUM_ROWS", 3)
    with pytest.raises(Malformed):
        FollowedJournal(START).follow(Chain(4).claim(4, after=0))
    FollowedJournal(START).follow(Chain(4).claim(3, after=0))
