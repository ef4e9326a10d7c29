"""What happens in the demo, in order: payouts, a killed server, a killed signer, a halt, a sweep; each checked."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from custody.client.results import State, Withdrawal
from custody.testing.demo.backend_process import BackendProcess
from custody.testing.demo.items import Item, Plan
from custody.testing.demo.people import Said, custody
from custody.testing.demo.timeline import Timeline
from custody.testing.demo.watch import UNDER_WAY, Watch
from custody.testing.stack import CustodyStack

__all__ = ["Scenario", "Tally"]

HALT_WATCHED_S = 3.0
CANCELLED = 3


@dataclass(slots=True)
class Tally:
    """What was counted on the way; `failures` says what did not hold."""

    outcomes: dict[int, dict[str, Any]] = field(default_factory=dict)
    cancelled: list[str] = field(default_factory=list)
    too_late: str = ""
    server_kills: int = 0
    signer_kills: int = 0
    halts: int = 0
    failures: list[str] = field(default_factory=list)

    def expect(self, holds: bool, what: str) -> None:
        """Note what should have held and did not."""
        if not holds:
            self.failures.append(what)


class Scenario:
    """One run over a stack that is up and opened."""

    def __init__(
        self, stack: CustodyStack, plan: Plan, backend: BackendProcess, watch: Watch, timeline: Timeline
    ) -> None:
        self._stack = stack
        self._plan = plan
        self._backend = backend
        self._watch = watch
        self._timeline = timeline
        self.tally = Tally()

    def run(self) -> Tally:
        """Everything, until each accepted withdrawal has ended. Raises what makes going on senseless."""
        self._submit(0)
        self._kill_server()
        self._submit(1)
        self._kill_signer()
        self._halt()
        self._submit(4)
        self._await_short()
        self._cancel()
        self._sweep()
        return self.tally

    # ---- the backend

    def _submit(self, wave: int) -> None:
        answers = self._backend.submit(self._plan.wave(wave))
        for answer in answers:
            self.tally.outcomes[answer["place"]] = answer
        taken = sum(1 for a in self.tally.outcomes.values() if a["outcome"] in ("ACCEPTED", "HELD"))
        self._watch.accepted = taken
        outcomes = Counter(f"{a['outcome']} {a['tag']}".strip() for a in answers)
        told = ", ".join(f"{number} {name}" for name, number in sorted(outcomes.items()))
        self._say(f"the backend submits {len(answers)} signed withdrawals: {told}")

    # ---- kills

    def _kill_server(self) -> None:
        self._watch.until("the first payouts", lambda: self._watch.begun() >= 3)
        self._stack.kill_server()
        self.tally.server_kills += 1
        self._say("custody-server is killed with SIGKILL in the middle of its payouts")
        self._stack.start_server()
        self._say("custody-server is up again: it replays its journal and goes on where it was")

    def _kill_signer(self) -> None:
        before = self._watch.begun()
        self._watch.until("more payouts", lambda: self._watch.begun() > before)
        victim = next(iter(self._stack.signers))
        self._stack.kill_signer(victim)
        self.tally.signer_kills += 1
        self._say(f"hot custody-signer {victim} is killed with SIGKILL")
        time.sleep(0.5)
        self._stack.start_signer(victim)
        self._say(f"custody-signer {victim} is up again: what it had signed it gives again, byte for byte")

    # ---- a halt

    def _halt(self) -> None:
        self._submit(2)
        told = self._custody("ada", "halt", "payouts", "--reason", "unusual payouts seen", "--json").must()
        halt_id = str(told.object()["halt_id"])
        self.tally.halts += 1
        before = self._calls()
        self._say(
            f"ada halts payouts, at the server and straight at {len(before)} signers: halt {halt_id[:16]}…"
        )
        self._submit(3)
        time.sleep(HALT_WATCHED_S)
        after = self._calls()
        self.tally.expect(before == after, f"signed during the halt: {before} became {after}")
        waiting = self._watch.listed(State.QUEUED)
        stopped = sum(1 for w in waiting if any(b.kind in ("HALT", "FREEZE") for b in w.blockers))
        self.tally.expect(stopped > 0, "no withdrawal says that it waits for the halt")
        self._say(
            f"for {HALT_WATCHED_S:g} s no token signs anything (their counters stand at {sum(after.values())}); "
            f"{stopped} withdrawals wait for the halt to end"
        )
        self._resume(halt_id)

    def _resume(self, halt_id: str) -> None:
        told = self._custody(
            "ada", "resume", halt_id, "--reason", "it was a promotion", "--yes", "--json"
        ).must()
        proposal = str(told.object()["proposals"][0]["proposal_id"])
        own = self._approve("ada", proposal)
        self._expect_uncounted(own, proposal, "approval.proposer", "ada's approval of her own proposal")
        for operator in ("bo", "cy"):
            self._approve(operator, proposal).must()
        first = self._stack.operator("ada")
        self._watch.until(
            "the resume at server and signers",
            lambda: (
                not first.status().halts
                and all(not first.signer_status(signer).halts for signer in self._stack.signers)
            ),
        )
        self._say("bo and cy approve ada's RESUME (her own approval does not count): payouts go on")

    def _calls(self) -> dict[str, int]:
        operator = self._stack.operator("cy")
        return {name: int(operator.signer_status(name).hsm_calls) for name in self._stack.signers}

    # ---- liquidity

    def _await_short(self) -> None:
        last: list[Withdrawal] = []

        def short() -> bool:
            """Whether nothing is under way, and what waits is the same as at the look before."""
            nonlocal last
            counts = self._watch.counts()
            if counts[State.QUEUED] == 0 or any(counts[state] for state in UNDER_WAY):
                return False
            before, last = last, self._watch.listed(State.QUEUED)
            same = [w.withdrawal_id for w in before] == [w.withdrawal_id for w in last]
            return same and all(any(b.kind == "LIQUIDITY" for b in w.blockers) for w in last)

        self._watch.until("withdrawals that all wait for liquidity", short)
        below = self._below_floor()
        self.tally.expect(bool(below), "no hot wallet is below its floor")
        self._say(f"{len(last)} withdrawals wait (LIQUIDITY); below their floor: {', '.join(below)}")

    def _below_floor(self) -> list[str]:
        chain, found = self._stack.chain, []
        for wallet in self._stack.shape.hot:
            for name in ("eth", "token"):
                token = None if name == "eth" else self._stack.token_contract()
                if (
                    chain.balance(self._stack.address(wallet), token)
                    < self._stack.shape.band(wallet, name).floor
                ):
                    found.append(f"{wallet} {name}")
        return found

    # ---- cancellations

    def _cancel(self) -> None:
        references = {item.reference: item for item in self._plan.items}
        waiting = [w.reference for w in self._watch.listed(State.QUEUED) if w.reference in references]
        for reference in waiting[: min(CANCELLED, len(waiting) - 1)]:  # one is left for the sweep to pay
            answer = self._backend.cancel(reference)
            until = time.monotonic() + 10
            while answer["outcome"] == "PENDING" and time.monotonic() < until:
                time.sleep(0.2)
                answer = self._backend.cancel(reference)
            if answer["outcome"] == "CANCELLED":
                self.tally.cancelled.append(reference)
            else:
                self.tally.failures.append(f"cancelling {reference}: {answer}")
        self._say(
            f"{len(self.tally.cancelled)} queued withdrawals are cancelled: their signers gave tombstones first"
        )
        paid = next(w.reference for w in self._watch.listed(State.FINAL))
        late = self._backend.cancel(paid)
        self.tally.expect(late["outcome"] == "TOO_LATE", f"cancelling a paid withdrawal: {late}")
        self.tally.too_late = paid
        self._say(f"a fourth is cancelled after it was paid: {late['outcome']} {late['tag']}")

    # ---- sweeps

    def _sweep(self) -> None:
        shown = False
        done: set[str] = set()
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if self._watch.ended():
                self._say("every accepted withdrawal has ended")
                return
            proposal = self._inbox(done) if self._watch.counts()[State.QUEUED] else ""
            if not proposal:
                time.sleep(0.3)
                continue
            done.add(proposal)
            if not self._approve_sweep(proposal, shown):
                continue
            shown = True
        self.tally.failures.append(f"withdrawals still wait: {dict(self._watch.counts())}")

    def _inbox(self, done: set[str]) -> str:
        told = self._custody("ada", "inbox", "--json").must().object()
        for proposal in told["proposals"]:
            if proposal["proposal_id"] not in done and proposal["statement"]["kind"] == "SWEEP":
                return str(proposal["proposal_id"])
        return ""

    def _approve_sweep(self, proposal: str, shown: bool) -> bool:
        """Two of three look and approve. False when the planner has meanwhile replaced it by a bigger one."""
        if not shown:
            self._say(f"the planner proposes a sweep; ada looks at it: custody proposal show {proposal}")
            self._timeline.block(self._custody("ada", "proposal", "show", proposal).must().output)
        first = self._approve("ada", proposal)
        if first.status != 0:
            self._say(f"proposal {proposal} is no longer open: the need grew, and a bigger one replaces it")
            return False
        if not shown:
            again = self._approve("ada", proposal)
            self._expect_uncounted(again, proposal, "approval.duplicate", "ada's second approval")
        second = self._approve("bo", proposal)
        if second.status != 0:
            self._say(f"proposal {proposal} was replaced before bo approved")
            return False
        extra = "" if shown else " (ada's second approval does not count)"
        self._say(f"ada and bo approve sweep {proposal} with their SSH keys{extra}")
        operator = self._stack.operator("cy")
        self._watch.until(
            "the sweep's execution",
            lambda: operator.proposal(proposal).state >= 3,
        )
        self._say(
            f"sweep {proposal} is executed: the cold signer checked the quorum itself, signed, and it is final"
        )
        return True

    # ---- what people do

    def _approve(self, operator: str, proposal: str) -> Said:
        return self._custody(operator, "proposal", "approve", proposal, "--yes", "--json")

    def _expect_uncounted(self, said: Said, proposal: str, tag: str, what: str) -> None:
        try:
            results = [r for r in said.object()["results"] if r["proposal_id"] == proposal]
        except (ValueError, KeyError):
            results = []
        fine = len(results) == 1 and not results[0]["counted"] and results[0]["tag"] == tag
        self.tally.expect(fine and said.status == 1, f"{what} was not refused as {tag}: {said}")

    def _custody(self, operator: str, *arguments: str) -> Said:
        return custody(self._stack, operator, *arguments)

    def _say(self, text: str) -> None:
        self._timeline.say(text)


def good(item: Item, outcome: dict[str, Any]) -> bool:
    """Whether an item was taken."""
    return outcome["outcome"] in ("ACCEPTED", "HELD") and bool(item.reference)
