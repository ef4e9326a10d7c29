"""The command and the client against a real custody-server in its own process: nothing here is played."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from custody.cli.main import app
from custody.client import CancelOutcome, Client, Draft, Outcome, State
from support.cli_world import Ran
from support.policy_builder import ETH, ETHER, SshKey
from support.server_world import ADDRESS, ServerWorld


class Live:
    """A running server, a backend's client and three operators."""

    def __init__(self, directory: Path) -> None:
        nobody = "".join(
            f'[[signers]]\nid = "{signer}"\naddress = "127.0.0.1:1"\ntimeout_ms = 200\n'
            for signer in ("signer-hot-eth-1", "signer-hot-eth-2", "signer-cold-eth-1")
        )
        self.world = ServerWorld(directory, extra=nobody)
        self.world.open_wallets()
        self.world.start()
        self.directory = directory
        pinned = f'[deployment]\ngenesis = "policy.toml"\ngenesis_hash = "{self.world.policy.hash.hex()}"\n'
        address = f'[server]\naddress = "127.0.0.1:{self.world.port}"\n'
        for name in ("ada", "bo", "cy"):
            self.world.authority.leaf("operator", name)
            form = (Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
            key = directory / f"ssh-{name}"
            key.write_bytes(SshKey(name).private.private_bytes(*form))
            key.chmod(0o600)
            (directory / f"cli-{name}.toml").write_text(
                f'operator = "{name}"\nssh_key = "ssh-{name}"\nstate = "{name}.json"\n{address}'
                f'[tls]\ncertificate = "tls/operator-{name}.pem"\nkey = "tls/operator-{name}.key"\nca = "tls/ca.pem"\n'
                f"{pinned}"
            )
        secret = hashlib.sha256(b"custody tests, backend-eu").digest()
        pem = Ed25519PrivateKey.from_private_bytes(secret).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        (directory / "backend.pem").write_bytes(pem)
        (directory / "client.toml").write_text(
            f'initiator = "backend-eu"\n{address}'
            '[tls]\ncertificate = "tls/initiator-backend-eu.pem"\nkey = "tls/initiator-backend-eu.key"\n'
            f'ca = "tls/ca.pem"\n{pinned}[key]\npath = "backend.pem"\n[defaults]\nlimit_class = "retail"\n'
        )
        self.client = Client.from_config(directory / "client.toml")

    def run(self, *arguments: str, operator: str = "ada") -> Ran:
        """The command, in this process."""
        config = str(self.directory / f"cli-{operator}.toml")
        done = CliRunner().invoke(app, [*arguments, "--config", config], env={"CUSTODY_DEBUG": "1"})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    def ask(self, *arguments: str, operator: str = "ada") -> Any:
        """The object that a command prints; it must succeed."""
        ran = self.run(*arguments, "--json", operator=operator)
        assert ran.code == 0, ran.out + ran.err
        return ran.json

    def close(self) -> None:
        """End both."""
        self.client.close()
        self.world.stop()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    made = Live(tmp_path_factory.mktemp("live"))
    yield made
    made.close()


def _until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_withdrawal_from_signature_to_the_operators_screen(live: Live) -> None:
    outcome = live.client.withdraw(
        reference="live-1", asset=ETH, amount=ETHER, address=ADDRESS, customer="c-1"
    )
    assert (outcome.outcome, outcome.taken) == (Outcome.ACCEPTED, True), outcome
    assert live.client.get(reference="live-1").withdrawal_id == outcome.withdrawal_id
    shown = live.ask("withdrawal", "show", "backend-eu/live-1")
    assert (shown["withdrawal_id"], shown["amount"], shown["address"]) == (
        outcome.withdrawal_id,
        str(ETHER),
        ADDRESS,
    )
    listed = live.ask("withdrawal", "list", "--reference", "live-1")
    assert [one["withdrawal_id"] for one in listed["withdrawals"]] == [outcome.withdrawal_id]
    assert live.ask("withdrawal", "explain", outcome.withdrawal_id)["outcome"] == "ACCEPTED"
    assert live.run("withdrawal", "show", "backend-eu/none").code == 4


def test_bad_items_among_good_ones(live: Live) -> None:
    outcomes = live.client.submit(
        [
            Draft("batch-1", ETH, 5, ADDRESS, "c-1"),
            Draft("batch-2", "eip155:31337/erc20:0x" + "77" * 20, 5, ADDRESS, "c-1"),
            Draft("batch-3", ETH, 5, live.world.policy.wallet("hot-eth-1").address, "c-1"),
            Draft("batch-4", ETH, 11 * ETHER, ADDRESS, "c-1"),  # needs the risk engine
        ]
    )
    assert [one.outcome for one in outcomes[:1]] == [Outcome.ACCEPTED]
    assert all(not one.taken and one.tag for one in outcomes[1:])
    assert outcomes[3].tag == "signature.cosign_missing"


def test_events_of_a_withdrawal_reach_the_backend(live: Live) -> None:
    live.client.withdraw(reference="seen-1", asset=ETH, amount=7, address=ADDRESS, customer="c-1")
    for event in live.client.follow():
        if event.withdrawal is not None and event.withdrawal.reference == "seen-1":
            assert event.withdrawal.intent.amount == 7
            break
    watched = live.run("event", "watch", "--after", "0", "--limit", "1", "--json")
    assert json.loads(watched.out)["sequence"] >= 1


def test_a_halt_and_its_end_by_a_quorum(live: Live) -> None:
    halted = live.ask("halt", "payouts", "--reason", "a look at something")
    assert halted["complete"] is True
    halts = live.ask("status")["server"]["halts"]
    assert halted["halt_id"] in [halt["halt_id"] for halt in halts]
    (proposed,) = live.ask("resume", halted["halt_id"], "--reason", "looked", "--yes")["proposals"]
    proposal_id = proposed["proposal_id"]
    mine = live.run("proposal", "approve", proposal_id, "--yes", "--json")
    assert (mine.code, mine.json["results"][0]["tag"]) == (1, "approval.proposer")
    waiting = live.ask("inbox", operator="bo")["proposals"]
    (entry,) = [one for one in waiting if one["proposal_id"] == proposal_id]
    assert entry["approvable"] is True and entry["statement"]["payload"]["halt_id"] == halted["halt_id"]
    assert live.ask("proposal", "approve", proposal_id, "--yes", operator="bo")["results"][0]["counted"]
    again = live.run("proposal", "approve", proposal_id, "--yes", "--json", operator="bo")
    assert (again.code, again.json["results"][0]["tag"]) == (1, "approval.duplicate")
    assert live.ask("proposal", "approve", proposal_id, "--yes", operator="cy")["results"][0]["counted"]
    _until(lambda: halted["halt_id"] not in str(live.ask("status")["server"]["halts"]))
    _until(lambda: bool(live.ask("proposal", "show", proposal_id)["state"] == "EXECUTED"))
    shown = live.ask("proposal", "show", proposal_id)
    assert [(one["operator"], one["genuine"], one["counted"]) for one in shown["approvals"]][-1][1:] == (
        True,
        True,
    )


def test_a_sweep_proposed_by_hand_and_cancelled_by_another(live: Live) -> None:
    proposed = live.ask("sweep", "propose", "--leg", "cold-eth-1,hot-eth-1,ETH,1.5ETH", "--yes")
    proposal_id = proposed["proposal_id"]
    assert live.ask("sweep", "show", proposal_id)["legs"][0]["amount"] == str(3 * ETHER // 2)
    text = live.run("proposal", "show", proposal_id, operator="cy").out
    assert "1.5 ETH" in text and live.world.policy.wallet("hot-eth-1").address in text
    assert "CANNOT BE APPROVED" not in text
    assert live.ask("proposal", "cancel", proposal_id, "--reason", "no", "--yes", operator="cy")["complete"]
    assert live.ask("proposal", "show", proposal_id)["state"] == "CANCELLED"


def test_a_rejection_counts(live: Live) -> None:
    proposed = live.ask("sweep", "propose", "--leg", "cold-eth-1,hot-eth-1,ETH,2ETH", "--yes")
    done = live.run(
        "proposal", "reject", proposed["proposal_id"], "--reason", "no", "--yes", "--json", operator="bo"
    )
    assert done.code == 0, done.out
    assert live.ask("proposal", "show", proposed["proposal_id"])["state"] == "REJECTED"


def test_a_suspension(live: Live) -> None:
    told = live.ask("suspend", "cy", "--reason", "key lost", "--yes")
    assert ["operator:cy"] in [halt["scopes"] for halt in live.ask("status")["server"]["halts"]]
    (proposed,) = live.ask("resume", told["halt_id"], "--reason", "found", "--yes", operator="bo")[
        "proposals"
    ]
    for name in ("ada", "cy"):
        live.ask("proposal", "approve", proposed["proposal_id"], "--yes", operator=name)
    _until(lambda: told["halt_id"] not in str(live.ask("status")["server"]["halts"]))


def test_cancelling_waits_for_a_signer_that_is_not_there(live: Live) -> None:
    live.client.withdraw(reference="off-1", asset=ETH, amount=9, address=ADDRESS, customer="c-1")
    assert live.client.cancel(reference="off-1").outcome is CancelOutcome.PENDING
    assert live.client.get(reference="off-1").state is State.QUEUED
    live.client.withdraw(reference="off-2", asset=ETH, amount=9, address=ADDRESS, customer="c-1")
    assert live.ask("withdrawal", "cancel", "backend-eu/off-2", "--yes")["outcome"] == "PENDING"


def test_treasury(live: Live) -> None:
    wallets = live.ask("wallet", "list")["wallets"]
    assert {one["wallet_id"] for one in wallets} == {wallet.id for wallet in live.world.policy.wallets}
    assert all(one["address_matches"] for one in wallets)
    owners = {one["owner"] for one in live.ask("balance")["balances"]}
    assert {"wallet:hot-eth-1", "pool:customers"} <= owners
    assert live.run("balance").code == 0


def test_doctor_and_whoami(live: Live) -> None:
    findings = live.run("doctor", "--json").json["findings"]
    assert [one["stage"] for one in findings if not one["fine"]] == ["signers"], findings  # none is listed
    assert [one["stage"] for one in findings if one["part"] == "server"] == ["name", "port", "TLS", "answer"]
    assert live.ask("whoami")["principal"] == "ada"
