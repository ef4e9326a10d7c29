"""The composition root: chooses every implementation, checks what can be checked, and starts and stops it in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import structlog

import custody
from custody.adapters.evm_node import EvmNode
from custody.adapters.signer_client import GrpcSignerClient
from custody.adapters.sqlite_ids import SqliteIds
from custody.adapters.sqlite_journal import SqliteJournal
from custody.adapters.sqlite_metadata import SqliteMetadata
from custody.adapters.system_clock import SystemClock
from custody.crypto import Keyring
from custody.errors import ConfigError, CustodyError, Failed, InvariantBroken, NotFound, Unavailable
from custody.ledger import Ledger
from custody.model.control import ControlState
from custody.model.policy import Policy, parse_policy
from custody.ports import Node, SignerClient
from custody.rpc.endpoint import Endpoint
from custody.rpc.tls import channel_credentials
from custody.server.access import METHODS
from custody.server.config import ServerConfig
from custody.server.grpc_server import GrpcServer
from custody.server.parts import Parts
from custody.server.services import service_table
from custody.server.workers import make_workers
from custody.services.conditions import Conditions
from custody.services.intents import IntentStore
from custody.services.reconciliation import ChainBalances
from custody.services.writer import Writer

__all__ = ["VERSION", "Server", "check_names", "check_parts", "load_policy", "make_keyring", "open_journal"]

_log = structlog.get_logger("server")

VERSION = custody.__version__
FATAL = 70
"""The exit status of a process that stopped because its memory may be ahead of its journal."""


def load_policy(config: ServerConfig) -> Policy:
    """The genesis policy, if it is the pinned one. Raises `ConfigError` or `Malformed`."""
    try:
        raw = config.deployment.genesis.read_bytes()
    except OSError as error:
        raise ConfigError("deployment.genesis", f"{config.deployment.genesis}: {error.strerror}") from None
    policy = parse_policy(raw)
    if policy.hash != config.deployment.genesis_hash:
        raise ConfigError(
            "deployment.genesis_hash",
            f"is not that of {config.deployment.genesis}, which is {policy.hash.hex()}",
        )
    return policy


def make_keyring(policy: Policy) -> Keyring:
    """The initiators' keys, so that their signatures count."""
    keyring = Keyring()
    for initiator in policy.initiators:
        for key in initiator.keys:
            keyring.enrol(key.key_id, key.scheme, key.public)
    return keyring


def open_journal(config: ServerConfig, policy: Policy) -> SqliteJournal:
    """The journal of this server's partition. Raises `JournalError`."""
    return SqliteJournal(config.journal.path, f"server/{config.deployment.partition}", policy.hash)


class Server:
    """The whole process but its signals: `start` serves, `stop` drains."""

    def __init__(self, config: ServerConfig) -> None:
        """Open and check everything; raise what is wrong, having closed the rest. Nothing is served yet."""
        self._undo = ExitStack()
        with self._undoing():
            policy = load_policy(config)
            check_names(config, policy)
            journal = open_journal(config, policy)
            self._undo.callback(journal.close)
            metadata = SqliteMetadata(config.metadata.path)
            self._undo.callback(metadata.close)
            ids = SqliteIds(config.ids.beside(config.journal.path))
            self._undo.callback(ids.close)
            clock = SystemClock()
            writer = Writer(
                journal,
                Ledger(),
                ControlState(policy),
                clock,
                make_keyring(policy),
                self._fail,
                genesis=policy.raw,
                version=VERSION,
                metadata=metadata,
                ids=ids,
            )
            signers = self._signers(config, policy, writer)
            nodes = self._nodes(config)
            self.parts = Parts(
                genesis=policy,
                journal=journal,
                intents=IntentStore(journal),
                ids=ids,
                metadata=metadata,
                clock=clock,
                writer=writer,
                signers=signers,
                nodes=nodes,
                conditions=Conditions(),
                balances=ChainBalances(),
                on_fatal=self._fail,
                started_ms=clock.now_ms(),
                version=VERSION,
            )
            writer.start()
            self._undo.callback(writer.stop)
            self._workers = make_workers(self.parts, config.workers, config.ids)
            endpoint = Endpoint(METHODS, config.limits.streams, self._fail)
            self.health, services = service_table(self.parts)
            self._grpc = GrpcServer(config.listen, config.tls, config.limits, endpoint, services)
            self.port = self._grpc.port

    def start(self) -> None:
        """Start the workers, and serve."""
        for worker in self._workers:
            worker.start()
        self._grpc.start()
        head = self.parts.writer.head
        _log.info("serving", port=self.port, sequence=head.sequence, epoch=head.epoch, version=VERSION)

    def stop(self) -> None:
        """Take no new call, finish what was begun, and close everything in the order that loses nothing."""
        self.health.drain()
        self._grpc.stop()
        with ThreadPoolExecutor(len(self._workers), thread_name_prefix="stop") as pool:
            list(
                pool.map(lambda worker: worker.stop(), self._workers)
            )  # as long as the slowest, not as all of them
        self._undo.close()
        _log.info("stopped")

    def _fail(self, error: BaseException) -> None:
        """Called once from wherever it broke: memory may be ahead of the journal, so the process ends at once."""
        _log.critical("stopping: the journal is the truth, start again from it", exc_info=error)
        os._exit(FATAL)

    def _signers(self, config: ServerConfig, policy: Policy, writer: Writer) -> dict[str, SignerClient]:
        clients: dict[str, SignerClient] = {}
        for entry in config.signers:
            credentials = channel_credentials(
                entry.certificate or config.tls.certificate,
                entry.key or config.tls.key,
                entry.ca or config.tls.client_ca,
            )
            client = GrpcSignerClient(
                entry.id, entry.address, credentials, policy.hash, writer, entry.timeout_ms
            )
            self._undo.callback(client.close)
            clients[entry.id] = client
        return clients

    def _nodes(self, config: ServerConfig) -> dict[str, Node]:
        nodes: dict[str, Node] = {}
        for entry in config.nodes:
            node = nodes[entry.network] = EvmNode(entry.network, entry.url, entry.timeout_ms)
            self._undo.callback(node.close)
        return nodes

    @contextmanager
    def _undoing(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._undo.close()
            raise


def check_parts(parts: Parts) -> list[str]:
    """Ask every signer and node once: a sentence for each that does not answer, saying what to do.

    Raises `InvariantBroken` for a node of another chain or an address that is another signer's.
    """
    problems = []
    for signer in parts.signers.values():
        try:
            status = signer.status()
        except CustodyError as error:
            if isinstance(error, Failed) and not isinstance(error, Unavailable):
                raise InvariantBroken(str(error)) from error
            problems.append(
                f"{error}: start custody-signer {signer.signer}, or correct its address in server.toml"
            )
            continue
        if status.deployment != parts.genesis.hash:
            raise InvariantBroken(f"signer {signer.signer} serves another deployment: check its genesis hash")
    for node in parts.nodes.values():
        try:
            node.check()
        except InvariantBroken:
            raise
        except CustodyError as error:
            problems.append(f"{error}: start the node, or correct its url in server.toml")
    return problems


def check_names(config: ServerConfig, policy: Policy) -> None:
    """Raise `ConfigError` for a signer or network that the policy has not, or of its wallets' that is missing here.

    A server without any node pays nobody, and one without any signer neither: nothing is missing there by mistake.
    """
    for index, signer in enumerate(config.signers):
        _known(f"signers[{index}].id", policy.signer, signer.id)
    for index, node in enumerate(config.nodes):
        _known(f"nodes[{index}].network", policy.network, node.network)
    if not config.signers and not config.nodes:
        return
    signers, networks = {s.id for s in config.signers}, {n.network for n in config.nodes}
    for wallet in policy.wallets:
        if wallet.signer not in signers:
            raise ConfigError("signers", f"has no {wallet.signer}, which holds the key of {wallet.id}")
        if networks and wallet.network not in networks:
            raise ConfigError("nodes", f"has none of {wallet.network}, where {wallet.id} is")


def _known(field: str, find: Callable[[str], object], name: str) -> None:
    try:
        find(name)
    except NotFound as error:
        raise ConfigError(field, f"the policy has {error}") from None
