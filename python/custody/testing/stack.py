"""A whole deployment in one directory and on loopback: chain, tokens, three signers, the server, its openings.

Everything is the real program in a process of its own; what a test kills it may start again, on the same ports.
"""

from __future__ import annotations

import secrets
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from custody.client import Client
from custody.model.policy import Policy, parse_policy
from custody.testing import stack_files
from custody.testing.anvil import Anvil
from custody.testing.certificates import Authority, Leaf
from custody.testing.faults import VARIABLE, Fault, write_faults
from custody.testing.genesis import INITIATOR, Shape, genesis_document
from custody.testing.keys import OperatorKey, SystemKey
from custody.testing.openings import open_wallets
from custody.testing.operators import Operator
from custody.testing.ports import free_ports
from custody.testing.processes import Process
from custody.testing.signer_setup import NewSigner, SignerPlan, make_signers
from custody.testing.stack_files import Addresses
from custody.testing.toml import write_toml

__all__ = ["CustodyStack"]

Say = Callable[[str], None]


class CustodyStack:
    """The deployment; a context manager that starts it all, openings included, and ends it all.

    With `faulty` the programs' test entry points run, and `arm` says what shall go wrong in them.
    """

    def __init__(
        self,
        directory: Path | None = None,
        shape: Shape | None = None,
        *,
        say: Say = lambda _: None,
        keep: bool = False,
        faulty: bool = False,
        server_settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Start it. What was started is ended when something fails. A temporary directory is removed by `close`."""
        self._temporary = directory is None
        self.directory = (directory or Path(tempfile.mkdtemp(prefix="custody-stack-"))).resolve()
        self.shape = shape or Shape()
        self.keep = keep
        self._faulty = faulty
        self._server_module = "custody.testing.faulty_server" if faulty else "custody.server"
        self._signer_module = "custody.testing.faulty_signer" if faulty else "custody.signer.main"
        self._say = say
        self._undo = ExitStack()
        try:
            self._build(dict(server_settings or {}))
        except BaseException:
            self.close()
            raise

    # ---- what it is made of

    @property
    def network(self) -> str:
        """CAIP-2."""
        return self.chain.network

    @property
    def eth(self) -> str:
        """The native asset's CAIP-19 name."""
        return self.assets["eth"]

    @property
    def token(self) -> str:
        """The token's CAIP-19 name."""
        return self.assets["token"]

    @property
    def server_address(self) -> str:
        """HOST:PORT."""
        return self.addresses.server

    def address(self, wallet: str) -> str:
        """A wallet's address."""
        return self.policy.wallet(wallet).address

    def operator(self, name: str) -> Operator:
        """An operator in this process."""
        if name not in self._operators:
            addresses = {signer: pair[1] for signer, pair in self.addresses.signers.items()}
            operator = Operator(
                self.operator_keys[name],
                self.leaves[f"operator-{name}"],
                self.policy,
                self.addresses.server,
                addresses,
            )
            self._undo.callback(operator.close)
            self._operators[name] = operator
        return self._operators[name]

    def client(self) -> Client:
        """A new client of the backend, for the caller to close."""
        return Client.from_config(self.directory / "client.toml")

    def cli_config(self, operator: str) -> Path:
        """An operator's cli.toml."""
        return self.directory / f"cli-{operator}.toml"

    def token_contract(self) -> str:
        """The token's address in lower case."""
        return self.assets["token"].rpartition(":")[2]

    # ---- what a test does to it

    def kill_server(self) -> None:
        """SIGKILL."""
        self.server.kill()

    def start_server(self) -> None:
        """Start it again on the same port, and wait until it answers."""
        self.server.start()

    def restart_server(self) -> None:
        """SIGTERM, which drains, and start."""
        self.server.stop()
        self.server.start()

    def kill_signer(self, signer: str) -> None:
        """SIGKILL."""
        self.signers[signer].kill()

    def start_signer(self, signer: str) -> None:
        """Start it again on the same ports, and wait until it answers."""
        self.signers[signer].start()

    def arm(self, name: str, *faults: Fault) -> None:
        """What goes wrong from now on in `server` or a signer, by its id; nothing, without faults."""
        if not self._faulty:
            raise RuntimeError("this stack was not started with faulty=True")
        write_faults(self._fault_file(name), faults)

    def check_journal(self) -> dict[str, str]:
        """What `custody-server check-journal` prints of the stopped server: head and state hashes."""
        return stack_files.check_journal(self.directory / "server.toml")

    def close(self) -> None:
        """End every process; remove the directory if it was temporary."""
        self._undo.close()
        if self._temporary and not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.keep or kind is not None:
            self.close()

    # ---- how it starts

    def _build(self, server_settings: dict[str, Any]) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._operators: dict[str, Operator] = {}
        self._say("starting a chain, and making keys in three tokens")
        self.chain = Anvil(self.directory / "chain", self.shape.block_time_s)
        self._undo.callback(self.chain.close)
        self._make_keys()
        made = self._make_signers()
        self._make_assets(made)
        self._write_policy(made)
        self._write_files(made, server_settings)
        self._say("starting custody-signer three times, and custody-server")
        self._start(made)
        self._say("approving the openings")
        open_wallets(self)

    def _make_keys(self) -> None:
        keys = self.directory / "keys"
        self.backend_key = SystemKey.make(keys / "backend.pem")
        self.risk_key = SystemKey.make(keys / "risk-engine.pem")
        self.operator_keys = {
            name: OperatorKey.make(name, keys / f"{name}_ed25519") for name in self.shape.operators
        }
        authority = Authority(self.directory / "tls")
        self.leaves: dict[str, Leaf] = {"server": authority.leaf("server", "main")}
        for name in self.shape.operators:
            self.leaves[f"operator-{name}"] = authority.leaf("operator", name)
        self.leaves["initiator"] = authority.leaf("initiator", INITIATOR)
        self.leaves["auditor"] = authority.leaf("auditor", "eve")
        for plan in self._plans():
            self.leaves[f"signer-{plan.id}"] = authority.leaf("signer", plan.id)

    def _plans(self) -> list[SignerPlan]:
        hot = [SignerPlan(wallet.replace("-eth", ""), wallet, "HOT") for wallet in self.shape.hot]
        return hot + [SignerPlan(wallet.replace("-eth", ""), wallet, "COLD") for wallet in self.shape.cold]

    def _make_signers(self) -> list[NewSigner]:
        self.salt = secrets.token_bytes(32)
        return make_signers(self.directory / "signers", self._plans(), self.chain.network, self.salt)

    def _make_assets(self, made: list[NewSigner]) -> None:
        contract = self.chain.deploy(self.shape.token)
        self.assets = {
            "eth": f"{self.chain.network}/slip44:60",
            "token": f"{self.chain.network}/erc20:{contract}",
        }
        self._code_hash = self.chain.code_hash(contract)
        payments: list[tuple[str, str | None, int]] = []
        for signer in made:
            wallet = signer.plan.wallet
            payments.append((signer.address, None, self.shape.balance(wallet, "eth")))
            payments.append((signer.address, contract, self.shape.balance(wallet, "token")))
        self.chain.fund(payments)
        self.funded_at = self.chain.block().height

    def _write_policy(self, made: list[NewSigner]) -> None:
        document = genesis_document(
            self.shape,
            self.salt,
            self.chain.network,
            self.assets,
            self._code_hash,
            made,
            self.backend_key,
            self.risk_key,
            tuple(self.operator_keys.values()),
        )
        raw = write_toml(document).encode()
        (self.directory / "genesis.toml").write_bytes(raw)
        self.policy: Policy = parse_policy(raw)

    def _write_files(self, made: list[NewSigner], server_settings: dict[str, Any]) -> None:
        ports = free_ports(1 + 2 * len(made))
        pairs = {
            signer.plan.id: (f"127.0.0.1:{ports[1 + 2 * i]}", f"127.0.0.1:{ports[2 + 2 * i]}")
            for i, signer in enumerate(made)
        }
        self.addresses = Addresses(f"127.0.0.1:{ports[0]}", pairs, self.chain.url)
        stack_files.write(
            self.directory, self.policy, self.addresses, made, self.operator_keys, server_settings
        )
        stack_files.write_addresses(self.directory, self.policy, self.addresses, made, self.assets)

    def _start(self, made: list[NewSigner]) -> None:
        logs = self.directory / "logs"
        logs.mkdir(exist_ok=True)
        self.signers: dict[str, Process] = {}
        for signer in made:
            self.signers[signer.plan.id] = Process(
                f"custody-signer {signer.plan.id}",
                stack_files.python(self._signer_module, "run", "--config", str(signer.config)),
                logs / f"{signer.plan.id}.log",
                lambda process: '"event": "serving"' in process.output(),
                {"SOFTHSM2_CONF": str(signer.token.conf), **self._fault_environment(signer.plan.id)},
            )
        self.server = Process(
            "custody-server",
            stack_files.python(self._server_module, "run", "--config", str(self.directory / "server.toml")),
            logs / "server.log",
            lambda process: "custody-server: listening on port" in process.output(),
            self._fault_environment("server"),
        )
        for process in (*self.signers.values(), self.server):
            self._undo.callback(process.stop)
        for process in self.signers.values():
            process.launch()
        for process in self.signers.values():
            process.await_ready()
        self.server.start()

    def _fault_file(self, name: str) -> Path:
        return self.directory / "faults" / name

    def _fault_environment(self, name: str) -> dict[str, str]:
        if not self._faulty:
            return {}
        self._fault_file(name).parent.mkdir(exist_ok=True)
        return {VARIABLE: str(self._fault_file(name))}
