"""The plugin's fixtures as users have them: a token, a chain, and a stack that pays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from custody.client.results import State
from custody.testing.anvil import Anvil
from custody.testing.plugin import HsmToken
from custody.testing.stack import CustodyStack
from support.money_watch import MoneyWatch

pytestmark = pytest.mark.timeout(120)

OPEN_TOKEN = """
import sys
from custody.signer.hsm import Hsm
with Hsm(sys.argv[1], sys.argv[2], sys.argv[3]) as hsm:
    print(len(hsm.generate_secp256k1("key")), hsm.key_labels())
"""


def test_hsm_is_an_empty_token_that_makes_keys(hsm: HsmToken) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OPEN_TOKEN, hsm.paths.module_path, hsm.label, hsm.pin],
        env={**os.environ, "SOFTHSM2_CONF": str(hsm.paths.conf)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "33 ['key']\n"), done.stderr


def test_evm_chain_has_blocks_that_become_final(evm_chain: Anvil) -> None:
    token = evm_chain.deploy("TestToken")
    evm_chain.fund([(evm_chain.accounts[1], token, 5), (evm_chain.accounts[1], None, 7)])
    final = evm_chain.finalise()
    assert evm_chain.balance(evm_chain.accounts[1], token, final.height) == 5
    assert evm_chain.balance(evm_chain.accounts[1], None, final.height) == 10_000 * 10**18 + 7


def test_custody_stack_pays(custody_stack: CustodyStack) -> None:
    with custody_stack.client() as client:
        money = MoneyWatch(custody_stack, client)
        for asset in ("eth", "token"):
            signed = money.sign(asset, 10**6)
            money.send(signed)
            money.await_state(signed, State.FINAL)
            (payment,) = money.payments(signed)
            assert payment.amount == 10**6


def test_every_part_answers_for_itself(custody_stack: CustodyStack) -> None:
    ada = custody_stack.operator("ada")
    assert ada.status().deployment == custody_stack.policy.hash.hex()
    for signer in custody_stack.signers:
        assert not ada.signer_status(signer).halts


def test_faults_need_the_test_entry_points(custody_stack: CustodyStack) -> None:
    with pytest.raises(RuntimeError, match="faulty"):
        custody_stack.arm("server")


def test_no_log_of_any_part_holds_a_secret_or_a_persons_data(custody_stack: CustodyStack) -> None:
    with custody_stack.client() as client:
        money = MoneyWatch(custody_stack, client)
        signed = money.sign("eth", 10**6)
        money.send(signed)
        money.await_state(signed, State.FINAL)
    logs = {path.name: path.read_text() for path in (custody_stack.directory / "logs").iterdir()}
    assert {"server.log", "hot-1.log", "hot-2.log", "cold-1.log"} <= logs.keys()
    pins = [path.read_text() for path in custody_stack.directory.rglob("pin")]
    keys = [
        line
        for path in custody_stack.directory.rglob("*")
        if path.is_file() and path.suffix in {".key", ".pem"} and b"PRIVATE KEY" in path.read_bytes()
        for line in path.read_text().splitlines()[1:-1]
    ]
    assert len(pins) == 3 and len(keys) > 3
    for name, text in logs.items():
        for secret in (*pins, *keys, signed.body.customer, signed.body.address):
            assert secret not in text, name
