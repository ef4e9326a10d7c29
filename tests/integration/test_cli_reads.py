"""The commands that read: their text, their JSON, their exit codes; names come from the pinned policy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from custody import crypto, statements
from custody.api.signed.v1 import statement_pb2
from custody.api.v1 import common_pb2, event_pb2, sweep_pb2, treasury_pb2, withdrawal_pb2
from custody.cli.main import app
from custody.crypto import Scheme
from custody.statements import FeeMode, SignedType, WithdrawalIntent
from support.cli_world import NOW_MS, World, cursor, id_of
from support.policy_builder import ETH, ETHER, SshKey

pytest_plugins = ["support.cli_fixtures"]

W1 = id_of("backend-eu", "ref-1")
TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def _withdrawal(world: World, **more: Any) -> bytes:
    intent = WithdrawalIntent(
        "backend-eu", "ref-1", 1, ETH, 3 * ETHER // 2, TO, "", "customers", "c-1", "retail",
        FeeMode.HOUSE, None, 7, NOW_MS + 1000, NOW_MS + 2000, 1,
    )  # fmt: skip
    body = statements.encode(intent)
    message = withdrawal_pb2.Withdrawal(
        withdrawal_id=W1, intent_bytes=body, state=withdrawal_pb2.WITHDRAWAL_STATE_QUEUED, **more
    )
    message.intent.address = "0x0000000000000000000000000000000000000bad"  # the server's copy lies
    message.intent.amount = "1"
    message.blockers.add(kind=withdrawal_pb2.BLOCKER_KIND_LIQUIDITY, tag="wallet.short")
    message.txs.add(hash="0xabc", state=common_pb2.TX_STATE_BROADCAST)
    message.network_fee.asset, message.network_fee.amount = ETH, "21000"
    message.accepted_at.FromMilliseconds(NOW_MS)
    world.server.withdrawals[W1] = message
    return body


def test_a_withdrawal_is_read_from_its_signed_bytes(world: World) -> None:
    body = _withdrawal(world)
    for which in (W1, "backend-eu/ref-1"):
        shown = world.run("withdrawal", "show", which)
        assert shown.code == 0
        assert TO in shown.out and "1.5 ETH" in shown.out and "LIQUIDITY wallet.short" in shown.out
        assert "bad" not in shown.out
    assert world.run("withdrawal", "show", W1, "--json").json == {
        "withdrawal_id": W1,
        "initiator": "backend-eu",
        "reference": "ref-1",
        "attempt": 1,
        "state": "QUEUED",
        "asset": ETH,
        "amount": str(3 * ETHER // 2),
        "address": TO,
        "memo": "",
        "customer": "c-1",
        "pool": "customers",
        "limit_class": "retail",
        "fee_mode": "HOUSE",
        "service_fee": "7",
        "pay_before_unix_ms": NOW_MS + 2000,
        "intent": body.hex(),
        "blockers": [{"kind": "LIQUIDITY", "tag": "wallet.short", "proposal_id": "", "until_unix_ms": None}],
        "priority": "UNKNOWN",
        "payout_id": "",
        "wallet_id": "",
        "txs": [
            {
                "network": "",
                "hash": "0xabc",
                "state": "BROADCAST",
                "block_height": 0,
                "block_hash": "",
                "confirmations": 0,
                "required": 0,
            }
        ],
        "network_fee": {"asset": ETH, "amount": "21000"},
        "net_amount": "",
        "queue_position": 0,
        "eta_p50_unix_ms": None,
        "eta_p90_unix_ms": None,
        "accepted_at_unix_ms": NOW_MS,
        "final_at_unix_ms": None,
        "tag": "",
    }


def test_withdrawals_are_listed_by_state(world: World) -> None:
    _withdrawal(world)
    listed = world.run("withdrawal", "list", "--state", "queued", "--customer", "c-1")
    assert listed.code == 0 and "1.5 ETH" in listed.out and TO in listed.out
    (request,) = world.server.sent(withdrawal_pb2.ListWithdrawalsRequest)
    assert list(request.states) == [withdrawal_pb2.WITHDRAWAL_STATE_QUEUED] and request.customer == "c-1"
    assert world.run("withdrawal", "list", "--state", "lost").code == 2
    assert len(world.run("withdrawal", "list", "--json").json["withdrawals"]) == 1


def test_cancelling_signs_exactly_the_intent(world: World) -> None:
    body = _withdrawal(world)
    ran = world.run("withdrawal", "cancel", W1, "--yes", "--json")
    assert (ran.code, ran.json["outcome"]) == (0, "CANCELLED")
    (request,) = world.server.sent(withdrawal_pb2.CancelWithdrawalsRequest)
    (item,) = request.items
    cancel = statements.parse_cancel(item.cancel)
    assert (cancel.initiator, cancel.reference, cancel.attempt) == ("backend-eu", "ref-1", 1)
    assert cancel.intent_sha256 == hashlib.sha256(body).digest()
    message = statements.signed_message(SignedType.CANCEL, world.deployment, item.cancel)
    crypto.verify(Scheme.SSHSIG, SshKey("ada").public, message, item.signature.signature)


@pytest.mark.parametrize(
    ("outcome", "code"), [("TOO_LATE", 1), ("PENDING", 0), ("NOT_FOUND", 4), ("INVALID", 1)]
)
def test_the_exit_code_tells_whether_it_is_cancelled(world: World, outcome: str, code: int) -> None:
    _withdrawal(world)
    world.server.cancel_outcome = withdrawal_pb2.CancelOutcome.Value(f"CANCEL_OUTCOME_{outcome}")
    ran = world.run("withdrawal", "cancel", W1, "--yes", "--json")
    assert (ran.code, ran.json["outcome"]) == (code, outcome)


def test_another_withdrawal_than_asked_for_is_neither_shown_nor_cancelled(world: World) -> None:
    body = _withdrawal(world)
    for command in (["show"], ["cancel", "--yes"]):
        ran = world.run("withdrawal", *command, "other/ref-1", "--json")
        assert (ran.code, ran.json["error"]["tag"]) == (1, "cli.other_withdrawal")
    other = id_of("backend-eu", "ref-2")
    world.server.withdrawals = {other: withdrawal_pb2.Withdrawal(withdrawal_id=other, intent_bytes=body)}
    for command in (["show"], ["cancel", "--yes"]):
        ran = world.run("withdrawal", *command, other, "--json")
        assert ran.code == 5 and "another withdrawal's intent" in ran.json["error"]["detail"]
    assert not world.server.sent(withdrawal_pb2.CancelWithdrawalsRequest)


def test_why_is_explained(world: World) -> None:
    told = world.run("withdrawal", "explain", W1, "--json").json
    assert (told["outcome"], told["remedy"], told["earliest_pass_unix_ms"]) == ("ACCEPTED", "NONE", None)
    assert (told["state"], told["rules"], told["limits"], told["hold"]) == ("UNKNOWN", [], [], None)
    assert (
        world.run("withdrawal", "explain").code
        == world.run("withdrawal", "explain", W1, "--intent", "x").code
        == 2
    )


def test_every_rule_and_limit_of_an_intent_is_shown(world: World, tmp_path: Path) -> None:
    path = tmp_path / "intent.bin"
    assert world.run("withdrawal", "explain", "--intent", str(path)).code == 2, "there is none"
    path.write_bytes(b"\x01" * 5_000)
    shown = world.run("withdrawal", "explain", "--intent", str(path)).out
    assert len(world.server.sent(withdrawal_pb2.ExplainWithdrawalRequest)[-1].intent) == 4_097, (
        "no more is read"
    )
    assert "can give 7 base units; it would hold 5" in shown and "id.reused" not in shown
    (deciding,) = [line for line in shown.splitlines() if line.startswith(">")]
    assert deciding.split()[1:3] == ["halt.intake", "FAILS"] and "\x1b" not in shown
    (daily,) = [line for line in shown.splitlines() if "daily" in line]
    assert "1, 2 times" in daily and "for ever" in daily
    (limit,) = world.run("withdrawal", "explain", "--intent", str(path), "--json").json["limits"]
    assert limit["counted"] == {
        "amount": "1",
        "amount_bound": "9",
        "amount_left": "8",
        "count": 2,
        "count_bound": None,
        "count_left": None,
    }


def test_a_wallets_address_is_compared_with_the_policys(world: World) -> None:
    good = world.policy.wallet("hot-eth-1").address
    for name, address in (("hot-eth-1", good), ("hot-eth-2", TO), ("hot-eth-9", TO)):
        world.server.wallets.append(treasury_pb2.Wallet(wallet_id=name, addresses=[address]))
    ran = world.run("wallet", "list", "--json")
    assert [one["address_matches"] for one in ran.json["wallets"]] == [True, False, False]
    assert world.run("wallet", "list").out.count("NOT THE PINNED POLICY'S") == 2


def test_balances_in_units_and_in_base_units(world: World) -> None:
    world.server.balances.append(
        treasury_pb2.Balance(
            owner="pool:house", asset=ETH, available="1500000000000000000", on_chain_final=""
        )
    )
    assert "1.5 ETH" in world.run("balance").out
    assert world.run("balance", "pool:house", "--json").json["balances"][0]["available"] == str(
        3 * ETHER // 2
    )
    assert world.server.sent(treasury_pb2.GetBalancesRequest)[-1].owner == "pool:house"


def test_sweeps(world: World) -> None:
    leg = statement_pb2.SweepLeg(
        from_wallet="cold-eth-1", to_wallet="hot-eth-1", asset=ETH, amount="5", fee_asset=ETH, fee_cap="1"
    )
    status = sweep_pb2.SweepLegStatus(leg=leg, state=sweep_pb2.SWEEP_STATE_BROADCAST)
    world.server.sweeps.append(sweep_pb2.Sweep(sweep_id="S1", proposal_id="S1", legs=[status]))
    assert world.run("sweep", "show", "S1", "--json").json["legs"][0]["state"] == "BROADCAST"
    assert "0.000000000000000005 ETH" in world.run("sweep", "list").out
    assert world.run("sweep", "show", "S2").code == 4


def _event(sequence: int, last: bool = True, **more: Any) -> event_pb2.Event:
    kind = event_pb2.EVENT_TYPE_WITHDRAWAL_CHANGED
    return event_pb2.Event(cursor=cursor(sequence), type=kind, last_of_row=last, actor="system", **more)


def test_events_are_watched_from_a_row_on(world: World) -> None:
    _withdrawal(world)
    world.server.events += [_event(1), _event(2, withdrawal=world.server.withdrawals[W1]), _event(3)]
    ran = world.run("event", "watch", "--after", "1", "--limit", "2", "--json")
    assert ran.code == 0
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["sequence"] for line in lines] == [2, 3]
    assert lines[0]["subject"]["withdrawal"]["address"] == TO
    text = world.run("event", "watch", "--after", "1", "--limit", "1")
    assert "WITHDRAWAL_CHANGED ref-1 QUEUED" in text.out


def test_status_of_everyone(world: World) -> None:
    world.server.status.halts.add(halt_id="ab" * 32, scopes=["payouts"], by="bo", reason="x\x1b[2J")
    ran = world.run("status", "--json")
    assert ran.code == 0
    assert ran.json["server"]["halts"][0]["scopes"] == ["payouts"]
    assert [one["state"] for one in ran.json["signers"]] == ["ACTIVE", "ACTIVE"]
    text = world.run("status").out
    assert "HALT           payouts: x\\u{1b}[2J (by bo)" in text
    assert set(world.run("status", "--signers", "--json").json) == {"server", "signers"}


def test_status_when_someone_is_down_or_someone_else(world: World) -> None:
    world.signers[0].deployment = b"x" * 32
    ran = world.run("status", "--json")
    assert (ran.code, ran.json["signers"][0]["deployment_matches"]) == (1, False)
    world.signers[0].deployment = world.deployment
    world.stop_server()
    ran = world.run("status", "--json")
    assert (ran.code, ran.json["server"]["reachable"]) == (3, False)
    assert ran.json["signers"][1]["reachable"] is True


def test_who_am_i(world: World) -> None:
    assert world.run("whoami", "--json").json == {
        "principal": "ada",
        "roles": ["operator"],
        "methods": ["a.B.C"],
    }


def test_unknown_settings_and_missing_files_exit_2(world: World) -> None:
    world.write_config(extra="surprise = 1")
    ran = world.run("status", "--json")
    assert (ran.code, ran.json["error"]["kind"]) == (2, "configuration")
    assert "surprise" in ran.json["error"]["detail"]
    (world.directory / "cli-ada.toml").unlink()
    assert world.run("inbox").code == 2


def _commands(group: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        found += _commands(command, (*path, name)) if hasattr(command, "commands") else [(*path, name)]
    return found


def test_every_command_has_json_and_help_to_work_from() -> None:
    commands = _commands(get_command(app))
    assert len(commands) > 20
    for command in commands:
        done = CliRunner().invoke(app, [*command, "--help"])
        assert done.exit_code == 0
        assert "--json" in done.stdout, command
        assert len(done.stdout.split("Options:")[0]) > 60, command
