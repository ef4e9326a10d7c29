"""A server's inside without gRPC: real journal, ledger and writer over fakes of chain, clock and signers."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import TracebackType

from custody.adapters.sqlite_journal import SqliteJournal
from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.api.v1 import common_pb2, withdrawal_pb2
from custody.crypto import Keyring
from custody.ledger import Ledger
from custody.model.control import ControlState
from custody.services.commands import Decision, Draft, State
from custody.services.conditions import Conditions
from custody.services.confirmations import ConfirmationWatcher
from custody.services.intake import Intake
from custody.services.intents import IntentStore
from custody.services.payouts import PayoutSettings, PayoutWorker
from custody.services.writer import Writer
from custody.statements import WithdrawalIntent
from support.deployment import ETH, NETWORK, START_MS, TOKEN, Deployment, Options
from support.fakes import FakeClock, FakeNode, FakeSigner
from support.keys import EdKey


class Bench:
    """Starts a server's services on a journal file; `restart` kills and starts them again on the same file."""

    def __init__(self, folder: Path, options: Options | None = None, *, node: FakeNode | None = None) -> None:
        self.deployment = Deployment(options or Options())
        self.policy = self.deployment.policy
        self.clock = FakeClock(START_MS)
        self.node = node or FakeNode(NETWORK)
        self.signers = {
            rule.id: FakeSigner(rule.id, self.policy, self.deployment.id, self.clock.now_ms)
            for rule in self.policy.signers
        }
        self.settings = PayoutSettings(rebroadcast_ms=0, replan_ms=0)
        self.fatal: list[BaseException] = []
        self._folder = folder
        self._numbers = itertools.count(1)
        self.start()

    def start(self) -> None:
        self.journal = SqliteJournal(self._folder / "journal.sqlite", "server/main", self.deployment.id)
        self.ledger = Ledger()
        self.control = ControlState(self.policy)
        keyring = Keyring()
        for key in (key for initiator in self.policy.initiators for key in initiator.keys):
            keyring.enrol(key.key_id, key.scheme, key.public)
        self.writer = Writer(
            self.journal, self.ledger, self.control, self.clock, keyring, self.fatal.append,
            genesis=self.deployment.genesis,
        )  # fmt: skip
        self.writer.start()
        self.intake = Intake(self.writer, lambda: b"s" * 32)
        self.conditions = Conditions()
        self.intents = IntentStore(self.journal)
        self.watcher = ConfirmationWatcher(self.writer, self.node, self.conditions, self.fatal.append)
        self.payouts = {
            wallet.id: PayoutWorker(
                wallet.id, self.writer, self.node, self.signers[wallet.signer], self.intents, self.conditions,
                self.clock, self.fatal.append, self.settings,
            )  # fmt: skip
            for wallet in self.policy.hot_wallets(NETWORK)
        }

    def stop(self) -> None:
        self.writer.stop()
        self.journal.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    # What tests do.

    def open(self, wallet: str, asset: str, amount: int, pool: str = "customers", *, fund: bool = True) -> None:
        """Bring a balance into ledger and chain, as an OPENING would."""
        if fund:
            self.node.fund(self.policy.wallet(wallet).address, asset, amount)

        def command(state: State) -> Decision[None]:
            drafts = []
            if (wallet, asset) not in state.control.opened:
                message = governance_pb2.WalletOpened(
                    proposal_id="test", wallet=wallet, asset=asset, amount=str(amount), pool=pool
                )
                fact = state.ledger.decide_open(wallet, asset, amount, pool)
                drafts.append(Draft(record_pb2.RECORD_KIND_WALLET_OPENED, message, (fact,)))
            return Decision(tuple(drafts), None)

        self.writer.execute(command)

    def submit(self, *intents: WithdrawalIntent) -> list[withdrawal_pb2.SubmitResult]:
        """Submit signed intents as the backend."""
        items = []
        for intent in intents:
            body, signature = self.deployment.sign_intent(intent)
            given = common_pb2.KeySignature(key_id=signature.key_id, signature=signature.signature)
            items.append(withdrawal_pb2.SubmitItem(intent=body, signatures=[given]))
        request = withdrawal_pb2.SubmitWithdrawalsRequest(request_id="t", items=items).SerializeToString()
        answer = withdrawal_pb2.SubmitWithdrawalsResponse.FromString(self.intake.submit(request, "backend"))
        return list(answer.results)

    def pay(self, rounds: int = 8) -> None:
        """Let payout workers and watcher work while blocks come."""
        for _ in range(rounds):
            for worker in self.payouts.values():
                while worker.step():
                    continue
            self.node.mine()
            self.watcher.step()
            self.clock.advance(1_000)

    def state_of(self, withdrawal_id: str) -> str:
        """The ledger's state, or how it ended."""
        view = self.ledger.withdrawal(withdrawal_id)
        assert view is not None
        return str(view.end or view.state)


__all__ = ["ETH", "TOKEN", "Bench", "EdKey"]
