"""Snapshots through the façade: what is restored says and does the same, and no other bytes are taken."""

from __future__ import annotations

import pytest

from custody.errors import InvariantBroken, Malformed
from custody.ledger import Ledger, PayoutItem
from support.ledger_backend import ETH, NOW_MS, Backend, limit, results

OPENED = (("hot-1", 1_000, "customers"), ("hot-1", 100, "house"))


@pytest.fixture
def backend() -> Backend:
    return Backend([limit("day", "deny", 500, ["asset", "customer"])])


def run(backend: Backend, names: str, *ledgers: Ledger) -> list[list[str]]:
    """Submit one withdrawal for each letter, to each ledger as the same record; their answers."""
    items = [backend.item(backend.intent(name, 90)) for name in names]
    answers, sequence = [], backend.sequence
    for ledger in ledgers:
        backend.sequence = sequence
        [submitted] = backend.submit(ledger, NOW_MS, items)
        answers.append([f"{each.outcome} {each.tag} {each.withdrawal_id}" for each in results(submitted)])
    return answers


def restored(backend: Backend, ledger: Ledger) -> Ledger:
    """What a start does: read, then take the policy in force again."""
    again = Ledger.restore(ledger.snapshot())
    with pytest.raises(Malformed, match="rules"):
        again.submit([backend.prepare([backend.item(backend.intent("z", 1))])], NOW_MS, 1)
    again.set_rules(backend.rules, backend.keyring.version)
    return again


def test_a_restored_ledger_goes_on_as_the_other_would(backend: Backend) -> None:
    ledger = backend.ledger(*OPENED)
    run(backend, "abc", ledger)
    [first, second, _] = ledger.select("hot-1", NOW_MS, 10, ETH, 1)
    ledger.apply_fact(ledger.decide_assign("p1", "hot-1", [PayoutItem(first, 90, 0)], ETH, 21, NOW_MS))
    again = restored(backend, ledger)
    assert (again.snapshot(), again.state_hash()) == (ledger.snapshot(), ledger.state_hash())
    one, other = run(backend, "abcdefg", ledger, again)
    assert one == other and "limit.day" in one[-1]
    for each in (ledger, again):
        each.apply_fact(each.decide_post("p1", 20))
    assert again.select("hot-1", NOW_MS, 10, ETH, 1) == ledger.select("hot-1", NOW_MS, 10, ETH, 1)
    assert again.position(second) == ledger.position(second) == 1
    assert (again.balances(), again.snapshot()) == (ledger.balances(), ledger.snapshot())
    again.conservation()


def test_another_policy_after_it_does_what_it_does_live(backend: Backend) -> None:
    ledger = backend.ledger(*OPENED)
    run(backend, "abc", ledger)
    again = restored(backend, ledger)
    edited = Backend([limit("day", "deny", 300, ["asset", "customer"]), limit("two", "hold", 400, ["asset"])])
    for each in (ledger, again):
        each.set_rules(edited.rules, backend.keyring.version)
    assert again.snapshot() == ledger.snapshot()
    assert again.state_hash() == ledger.state_hash()


def test_other_bytes_are_refused_with_the_place(backend: Backend) -> None:
    ledger = backend.ledger(*OPENED)
    snapshot = ledger.snapshot()
    for changed, field in (
        (b"", "magic"),
        (b"x" + snapshot[1:], "magic"),
        (snapshot[:19] + b"\x02" + snapshot[20:], "version"),
        (snapshot[:-1], "checksum"),
        (snapshot + b"\x00", "checksum"),
        (snapshot[:40] + bytes([snapshot[40] ^ 1]) + snapshot[41:], "checksum"),
    ):
        with pytest.raises(Malformed) as refused:
            Ledger.restore(changed)
        assert f"snapshot.{field}" in str(refused.value)


def test_a_broken_ledger_gives_none(backend: Backend) -> None:
    ledger = backend.ledger(*OPENED)
    ledger.poison("a test")
    with pytest.raises(InvariantBroken):
        ledger.snapshot()
