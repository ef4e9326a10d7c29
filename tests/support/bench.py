"""A server's inside without gRPC: real journal, ledger and writer over fakes of chain, clock and signers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from custody.adapters.sqlite_ids import SqliteIds
from custody.adapters.sqlite_journal import SqliteJournal
from custody.api.journal.v1 import governance_pb2, record_pb2
from custody.api.v1 import common_pb2, withdrawal_pb2
from custody.crypto import Keyring
from custody.ledger import Ledger
from custody.model.control import ControlState
from custody.model.proposal import Proposal
from custody.ports import Journal, KeySig, Node, SignerClient
from custody.services.cancellations import CancellationWorker, Canceller
from custody.services.commands import Decision, Draft, State
from custody.services.conditions import Conditions
from custody.services.confirmations import ConfirmationWatcher
from custody.services.ending import CancelResult
from custody.services.execution import GovernanceWorker
from custody.services.forgetting import Forgetter, OldAnswers
from custody.services.governance import DecisionItem, DecisionResult, Governor
from custody.services.intake import Intake
from custody.services.intents import IntentStore
from custody.services.payouts import PayoutSettings, PayoutWorker
from custody.services.reconciliation import ChainBalances, Reconciler
from custody.services.sweeps import SweepSettings, SweepWorker
from custody.services.treasury import TreasuryPlanner
from custody.services.writer import Writer
from custody.statements import (
    CancelBody,
    HaltBody,
    Payload,
    ProposalKind,
    SignedType,
    SuspendBody,
    WithdrawalIntent,
    encode,
)
from support.deployment import ETH, NETWORK, START_MS, TOKEN, Deployment, Options
from support.fakes import FakeClock, FakeNode, FakeSigner
from support.keys import EdKey

__all__ = ["ETH", "TOKEN", "Bench"]


def _same(part: object) -> object:
    return part


DAY_MS = 86_400_000


class Bench:
    """Starts a server's services on a journal file; `restart` forgets everything in memory and starts them again.

    `wrap` is asked for each port (journal, node, signers) that the services are given, so that a test may fail it.
    """

    def __init__(
        self, folder: Path, options: Options | None = None, *, wrap: Callable[[object], object] = _same
    ) -> None:
        self.deployment = Deployment(options or Options())
        self.policy = self.deployment.policy
        self.clock = FakeClock(START_MS)
        self.node = FakeNode(NETWORK)
        self.signers = {
            rule.id: FakeSigner(rule.id, self.policy, self.deployment.id, self.clock.now_ms)
            for rule in self.policy.signers
        }
        self.settings = PayoutSettings(rebroadcast_ms=0, replan_ms=0)
        self.fatal: list[BaseException] = []
        self.wrap = wrap
        self._folder = folder
        self._numbers = itertools.count(1)
        self.start()

    def start(self) -> None:
        self.journal = SqliteJournal(self._folder / "journal.sqlite", "server/main", self.deployment.id)
        self.ids = SqliteIds(self._folder / "ids.sqlite")
        self.ledger = Ledger()
        self.control = ControlState(self.policy)
        keyring = Keyring()
        for key in (key for initiator in self.policy.initiators for key in initiator.keys):
            keyring.enrol(key.key_id, key.scheme, key.public)
        journal: Journal = self.wrap(self.journal)  # type: ignore[assignment]
        node: Node = self.wrap(self.node)  # type: ignore[assignment]
        signers: dict[str, SignerClient] = {
            name: self.wrap(signer)  # type: ignore[misc]
            for name, signer in self.signers.items()
        }
        conditions, fatal, clock = Conditions(), self.fatal.append, self.clock
        self.conditions = conditions
        writer = Writer(
            journal,
            self.ledger,
            self.control,
            clock,
            keyring,
            fatal,
            genesis=self.deployment.genesis,
            ids=self.ids,
        )
        self.writer = writer
        writer.start()
        self.intents = IntentStore(journal)
        self.old = OldAnswers(self.ids, self.intents)
        self.intake = Intake(writer, lambda: b"s" * 32, self.old)
        self.forgetter = Forgetter(writer, journal, self.ids, conditions, fatal, after_ms=90 * DAY_MS)
        self.governor = Governor(writer)
        self.canceller = Canceller(writer, signers, self.intents, conditions)
        self.cancellations = CancellationWorker(writer, self.canceller, conditions, clock, fatal)
        self.governance = GovernanceWorker(writer, signers, {NETWORK: node}, conditions, clock, fatal)
        self.treasury = TreasuryPlanner(writer, self._nonce, conditions, fatal)
        self.sweeps = SweepWorker(
            writer, node, signers, conditions, clock, fatal, SweepSettings(rebroadcast_ms=0, replan_ms=0)
        )
        self.watcher = ConfirmationWatcher(writer, node, self.intents, conditions, fatal)
        self.balances = ChainBalances()
        self.reconciler = Reconciler(writer, node, conditions, self.balances, clock.now_ms, fatal)
        self.payouts = {
            wallet.id: PayoutWorker(
                wallet.id,
                writer,
                node,
                signers[wallet.signer],
                self.intents,
                conditions,
                clock,
                fatal,
                self.settings,
            )
            for wallet in self.policy.hot_wallets(NETWORK)
        }

    def stop(self) -> None:
        self.writer.stop()
        self.journal.close()
        self.ids.close()

    def restart(self) -> None:
        """As after a SIGKILL: only the journal's file is left."""
        self.stop()
        self.fatal.clear()
        self.start()

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _nonce(self) -> bytes:
        return (1 << 100 | next(self._numbers)).to_bytes(16, "big")

    # What tests do.

    def open(self, wallet: str, asset: str, amount: int, pool: str = "customers") -> None:
        """Bring a balance into chain and ledger, as an OPENING would."""
        self.node.fund(self.policy.wallet(wallet).address, asset, amount)

        def command(state: State) -> Decision[None]:
            height = self.node.head().height
            message = governance_pb2.WalletOpened(
                proposal_id="test",
                wallet=wallet,
                asset=asset,
                amount=str(amount),
                pool=pool,
                block_height=height,
            )
            fact = state.ledger.decide_open(wallet, asset, amount, pool)
            return Decision((Draft(record_pb2.RECORD_KIND_WALLET_OPENED, message, (fact,)),), None)

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

    def withdraw(self, reference: str, amount: int, to: str, **changes: object) -> str:
        """Submit one that is accepted or held; its id."""
        (result,) = self.submit(self.deployment.intent(reference, amount, to, **changes))
        assert result.withdrawal_id, result
        return result.withdrawal_id

    def cancel(
        self, reference: str, *, by: str = "backend", signer: str = "", intent_sha256: bytes = b""
    ) -> CancelResult:
        """Cancel an intent by a signature of `signer` (the caller's own unless told)."""
        view = self.ledger.by_reference("backend", reference)
        digest = intent_sha256 or (view.intent_sha256 if view is not None else b"0" * 32)
        body = encode(CancelBody("backend", reference, 1, digest, self.clock.now_ms()))
        key = EdKey(signer or by)
        signature = KeySig(key.key_id, key.sign(SignedType.CANCEL, self.deployment.id, body))
        return self.canceller.cancel(body, signature, "initiator" if by == "backend" else "operator", by)

    def propose(self, kind: ProposalKind, payload: Payload, proposer: str, **changes: object) -> Proposal:
        """Open an operator's proposal."""
        body = self.deployment.statement(kind, payload, proposer, self.clock.now_ms(), **changes)
        signature = self.deployment.sign(proposer, SignedType.PROPOSE, body)
        return self.control.proposals[self.governor.propose(body, signature)]

    def decide(
        self, proposal: Proposal, operator: str, *, approve: bool = True, signer: str = ""
    ) -> DecisionResult:
        """Approve or reject as an operator."""
        signed_type = SignedType.APPROVE if approve else SignedType.REJECT
        signature = self.deployment.sign(signer or operator, signed_type, proposal.statement_bytes)
        if signer:
            signature = type(signature)(operator, signature.key_id, signature.signature)
        item = DecisionItem(proposal.id, proposal.sha256, signature, "looked at it")
        return self.governor.decide(item, approve=approve)

    def approve(self, kind: ProposalKind, payload: Payload, proposer: str = "dee") -> Proposal:
        """Propose, approve by two, and carry out what the governance worker does."""
        proposal = self.propose(kind, payload, proposer)
        for operator in ("ada", "bo"):
            assert self.decide(proposal, operator).counted
        self.governance.step()
        return self.control.proposals[proposal.id]

    def halt(self, *scopes: str, operator: str = "ada", number: int = 0) -> str:
        """Stop scopes as one operator."""
        number = number or self.control.numbers.get(operator, 0) + 1
        body = encode(HaltBody(operator, scopes, "a test", self.clock.now_ms(), number))
        return self.governor.halt(body, self.deployment.sign(operator, SignedType.HALT, body))

    def suspend(self, by: str, operator: str) -> str:
        """Suspend an operator as another."""
        number = self.control.numbers.get(by, 0) + 1
        body = encode(SuspendBody(by, operator, "a test", self.clock.now_ms(), number))
        return self.governor.suspend(body, self.deployment.sign(by, SignedType.SUSPEND, body))

    def pay(self, rounds: int = 8) -> None:
        """Let workers and watcher work while blocks come."""
        for _ in range(rounds):
            self.work()
            self.node.mine()
            self.watcher.step()
            self.clock.advance(1_000)
        self.sweeps.step()

    def work(self) -> None:
        """One round of everything that signs and broadcasts."""
        for worker in self.payouts.values():
            while worker.step():
                continue
        self.sweeps.step()

    def state_of(self, withdrawal_id: str) -> str:
        """The ledger's state, or how it ended."""
        view = self.ledger.withdrawal(withdrawal_id)
        assert view is not None
        return str(view.end or view.state)

    def check(self) -> None:
        """The ledger is balanced, and replaying the journal gives the very same state."""
        self.ledger.conservation()
        before = (self.ledger.state_hash(), self.control.sequence)
        head = self.writer.head.sequence
        self.restart()
        assert self.writer.head.sequence == head + 1, "a start writes one record"
        assert (self.ledger.state_hash(), self.control.sequence - 1) == before
