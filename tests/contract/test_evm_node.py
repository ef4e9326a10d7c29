"""The EVM node adapter against a real chain (anvil), and against a node that is gone, lies, or words things its way."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from custody import chain
from custody.adapters.evm_node import EvmNode
from custody.chain import EvmPlan
from custody.errors import Denied, InvariantBroken, Unavailable
from custody.testing.anvil import Anvil
from custody.testing.processes import wait_until
from support.keys import EthKey

NETWORK = Anvil.network
ETH = f"{NETWORK}/slip44:60"
ETHER = 10**18
GWEI = 10**9
TO = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture(scope="module")
def anvil(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Anvil]:
    with Anvil(tmp_path_factory.mktemp("anvil"), block_time_s=0.2) as made:
        yield made


Connect = Callable[..., EvmNode]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Nodes that are closed when the test is over."""
    with ExitStack() as stack:

        def made(url: str, network: str = NETWORK, timeout_ms: int = 5_000) -> EvmNode:
            return stack.enter_context(closing(EvmNode(network, url, timeout_ms)))

        yield made


@pytest.fixture
def node(anvil: Anvil, connect: Connect) -> EvmNode:
    return connect(anvil.url)


@pytest.fixture
def sender(anvil: Anvil, request: pytest.FixtureRequest) -> EthKey:
    """A fresh account with ten ether for each test."""
    key = EthKey(f"sender of {request.node.name}")
    anvil.fund([(key.address, None, 10 * ETHER)])
    return key


def signed(
    key: EthKey, nonce: int, *, amount: int = 1, fee: int = 100 * GWEI, asset: str = ETH, to: str = TO
) -> bytes:
    plan = EvmPlan(31337, nonce, GWEI, fee, 21_000 if asset == ETH else 100_000, asset, to, amount)
    unsigned = chain.build(plan)
    return chain.assemble(unsigned, key.sign_digest(chain.signing_digest(unsigned)), key.address)


def mined(anvil: Anvil, node: EvmNode, raw: bytes) -> Any:
    anvil.receipt("0x" + chain.transaction_hash(raw).hex())
    found = node.receipt(chain.transaction_hash(raw))
    assert found is not None
    return found


def test_the_right_chain_passes_and_another_is_a_broken_invariant(
    anvil: Anvil, node: EvmNode, connect: Connect
) -> None:
    node.check()
    with pytest.raises(InvariantBroken, match="serves chain 31337"):
        connect(anvil.url, "eip155:1").check()


def test_blocks_are_found_by_height_head_and_finality(anvil: Anvil, node: EvmNode) -> None:
    final = anvil.finalise()
    found = node.block(final.height)
    assert found is not None
    assert (found.height, found.hash) == (final.height, final.hash)
    assert node.final().height >= final.height
    assert node.head().height >= node.final().height
    assert node.head().time_ms > 1_700_000_000_000
    assert node.block(node.head().height + 1_000_000) is None


def test_balances_and_nonces_are_read_at_a_block(anvil: Anvil, node: EvmNode, sender: EthKey) -> None:
    before = node.head().height
    assert node.balance(sender.address, ETH, before) == 10 * ETHER
    receipt = mined(anvil, node, _accepted(node, signed(sender, 0, amount=ETHER)))
    assert node.balance(sender.address, ETH, before) == 10 * ETHER
    spent = ETHER + receipt.gas_used * receipt.effective_gas_price
    assert node.balance(sender.address, ETH, receipt.block.height) == 10 * ETHER - spent
    assert node.nonce(sender.address, before) == 0
    assert node.nonce(sender.address, receipt.block.height) == node.nonce(sender.address) == 1


def _accepted(node: EvmNode, raw: bytes) -> bytes:
    assert node.broadcast(raw) == "accepted"
    return raw


def test_the_same_bytes_again_are_known_and_then_their_nonce_is_used(
    anvil: Anvil, node: EvmNode, sender: EthKey
) -> None:
    raw = signed(sender, 0)
    assert node.receipt(chain.transaction_hash(raw)) is None
    assert [node.broadcast(raw), node.broadcast(raw)] == ["accepted", "known"]
    receipt = mined(anvil, node, raw)
    assert receipt.success
    assert receipt.transaction_hash == chain.transaction_hash(raw)
    assert receipt.gas_used == 21_000
    assert receipt.logs == ()
    block = node.block(receipt.block.height)
    assert block == receipt.block
    assert node.broadcast(signed(sender, 0, amount=2)) == "nonce_used"


def test_a_replacement_that_pays_no_more_is_refused(anvil: Anvil, node: EvmNode, sender: EthKey) -> None:
    _accepted(node, signed(sender, 5))  # a gap below it: it waits in the pool
    with pytest.raises(Denied) as caught:
        node.broadcast(signed(sender, 5, amount=2))
    assert caught.value.tag == "node.underpriced"
    assert node.broadcast(signed(sender, 5, amount=2, fee=200 * GWEI)) == "accepted"


def test_what_cannot_be_paid_for_is_refused(node: EvmNode) -> None:
    with pytest.raises(Denied) as caught:
        node.broadcast(signed(EthKey("pauper"), 0, amount=ETHER))
    assert caught.value.tag == "node.refused"


def test_bytes_that_are_no_transaction_are_refused(node: EvmNode, sender: EthKey) -> None:
    with pytest.raises(Denied) as caught:
        node.broadcast(signed(sender, 0)[:-1])
    assert caught.value.tag == "node.refused"


def test_a_quote_is_above_the_base_fee_that_the_next_blocks_can_have(node: EvmNode) -> None:
    quote = node.quote()
    assert quote.max_fee_per_gas >= quote.base_fee_per_gas * 1.125**5 + quote.max_priority_fee_per_gas
    assert quote.max_priority_fee_per_gas > 0


@pytest.fixture(scope="module")
def token(anvil: Anvil) -> str:
    return anvil.deploy(sorted(path.stem for path in Path("tools/contracts").glob("*.sol"))[0])


def test_a_tokens_balance_code_and_transfer_are_read(
    anvil: Anvil, node: EvmNode, sender: EthKey, token: str
) -> None:
    asset = f"{NETWORK}/erc20:{token}"
    anvil.fund([(sender.address, token, 1_000)])
    height = node.head().height
    assert node.balance(sender.address, asset, height) == 1_000
    assert node.code_hash(token).hex() == anvil.code_hash(token).removeprefix("0x")
    assert node.code_hash(token) != node.code_hash(sender.address)
    receipt = mined(anvil, node, _accepted(node, signed(sender, 0, amount=400, asset=asset)))
    assert receipt.success
    logs = [(log.address.lower(), list(log.topics), log.data) for log in receipt.logs]
    assert chain.transfer_matches(asset, logs, sender.address, TO, 400)
    assert node.balance(sender.address, asset, receipt.block.height) == 600


def test_a_token_that_is_not_there_has_no_balance_of_zero(node: EvmNode, sender: EthKey) -> None:
    with pytest.raises(Unavailable, match="no balance"):
        node.balance(sender.address, f"{NETWORK}/erc20:0x{'77' * 20}", node.head().height)


def test_a_failed_transaction_has_a_receipt_without_success(
    anvil: Anvil, node: EvmNode, sender: EthKey, token: str
) -> None:
    raw = _accepted(node, signed(sender, 0, amount=10**30, asset=f"{NETWORK}/erc20:{token}"))
    digest = chain.transaction_hash(raw)
    wait_until(lambda: node.receipt(digest) is not None, 20, "the receipt")
    receipt = node.receipt(digest)
    assert receipt is not None
    assert not receipt.success
    assert receipt.gas_used > 21_000
    with pytest.raises(Denied) as caught:
        node.estimate_gas(sender.address, token, 0, _transfer(10**30))
    assert caught.value.tag == "node.reverted"


def _transfer(amount: int) -> bytes:
    return bytes.fromhex("a9059cbb" + TO[2:].rjust(64, "0") + f"{amount:064x}")


def test_gas_is_estimated(node: EvmNode, sender: EthKey) -> None:
    assert node.estimate_gas(sender.address, TO, 1, b"") == 21_000


def test_a_node_that_is_gone_is_unavailable_and_back_when_it_is_back(connect: Connect) -> None:
    with Scripted() as script:
        node = connect(script.url, timeout_ms=1_000)
        script.answer = result("0x7a69")
        node.check()
        script.drop = True
        with pytest.raises(Unavailable):
            node.check()
        script.drop = False
        node.check()
        node.close()
    with pytest.raises(Unavailable, match="node eip155:31337"):
        node.check()


def test_a_node_that_hangs_is_unavailable_in_time(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        node = connect(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout_ms=300)
        with pytest.raises(Unavailable, match="timed out"):
            node.head()


class Scripted:
    """A JSON-RPC server that answers what a test says."""

    def __init__(self) -> None:
        self.answer: Any = None
        self.drop = False
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if script.drop:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                answer = script.answer
                body = (
                    answer
                    if isinstance(answer, bytes)
                    else json.dumps({"id": request["id"]} | answer).encode()
                )
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments: object) -> None:
                pass

            def handle(self) -> None:
                with suppress(ConnectionError):
                    super().handle()

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Scripted:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def result(value: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "result": value}


def error(message: str, code: int = -32000) -> dict[str, object]:
    return {"jsonrpc": "2.0", "error": {"code": code, "message": message}}


@pytest.fixture(scope="module")
def script() -> Iterator[Scripted]:
    with Scripted() as made:
        yield made


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error("already known"), "known"),
        (error("ALREADY_EXISTS: already known"), "known"),
        (error("known transaction: 0xabc"), "known"),
        (error("transaction already imported"), "known"),
        (error("AlreadyKnown"), "known"),
        (error("nonce too low: next nonce 5, tx nonce 4"), "nonce_used"),
        (error("OldNonce"), "nonce_used"),
        (error("replacement transaction underpriced"), "node.underpriced"),
        (error("transaction underpriced: tip needed 1, tip permitted 0"), "node.underpriced"),
        (error("max fee per gas less than block base fee"), "node.underpriced"),
        (error("insufficient funds for gas * price + value"), "node.refused"),
        (error("intrinsic gas too low"), "node.refused"),
        (error("invalid chain id for signer"), "node.refused"),
        (error("anything", -32602), "node.refused"),
        (error("txpool is full"), "unavailable"),
        (error("internal error", -32603), "unavailable"),
        (error("header not found"), "unavailable"),
        (result("0x" + "00" * 32), "unavailable"),
        (result(None), "unavailable"),
        ({"jsonrpc": "2.0"}, "unavailable"),
        ({"id": 0, "result": "0x"}, "unavailable"),
        (b"<html>502 Bad Gateway</html>", "unavailable"),
        (b"[]", "unavailable"),
    ],
)
def test_every_wording_of_a_refusal_is_understood_and_the_unclear_is_unknown(
    script: Scripted, connect: Connect, answer: Any, expected: str
) -> None:
    script.answer = answer
    node = connect(script.url)
    raw = signed(EthKey("any"), 0)
    try:
        found: str = node.broadcast(raw)
    except Denied as denied:
        found = denied.tag
    except Unavailable:
        found = "unavailable"
    assert found == expected


@pytest.mark.parametrize("value", ["0x", "0x01", "01", "0xg", "0x-1", 1, None, [], "0x" + "f" * 65])
def test_a_quantity_that_is_none_is_no_answer(script: Scripted, connect: Connect, value: object) -> None:
    script.answer = result(value)
    node = connect(script.url)
    for ask in (node.check, lambda: node.nonce(TO), lambda: node.balance(TO, ETH, 1)):
        with pytest.raises(Unavailable):
            ask()


@pytest.mark.parametrize(
    "value", [None, {}, {"number": "0x1"}, {"number": "0x1", "hash": "0x12", "timestamp": "0x1"}, "x"]
)
def test_a_block_that_is_none_is_no_answer(script: Scripted, connect: Connect, value: object) -> None:
    script.answer = result(value)
    node = connect(script.url)
    for ask in (node.head, node.final):
        with pytest.raises(Unavailable):
            ask()


def test_an_endless_answer_is_cut_off(script: Scripted, connect: Connect) -> None:
    script.answer = b" " * (33 << 20)
    with pytest.raises(Unavailable, match="larger"):
        connect(script.url, timeout_ms=10_000).head()


def test_a_node_that_drips_is_unavailable_in_time(connect: Connect) -> None:
    def drip(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer, suppress(OSError):
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(100):
                time.sleep(0.1)
                peer.sendall(b" ")

    with socket.create_server(("127.0.0.1", 0)) as slow:
        thread = threading.Thread(target=drip, args=(slow,))
        thread.start()
        node = connect(f"http://127.0.0.1:{slow.getsockname()[1]}", timeout_ms=400)
        began = time.monotonic()
        with pytest.raises(Unavailable, match="timed out"):
            node.head()
        assert time.monotonic() - began < 2
        thread.join(timeout=15)


def test_an_answer_nested_too_deeply_is_no_answer(script: Scripted, connect: Connect) -> None:
    script.answer = b"[" * 1_000_000
    with pytest.raises(Unavailable, match="no JSON"):
        connect(script.url).head()
