"""What every call to a signer goes through: one lock, guarded time, the journal it follows, freezes and halts."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from custody import crypto, statements
from custody.api.journal.v1 import signer_pb2
from custody.errors import Denied, HsmError, InvalidSignature
from custody.model.clock import TIME_TAG, TimeGuard
from custody.model.halts import scope_key
from custody.model.policy import Policy
from custody.ports import Clock
from custody.signer.heads import Claim, HeadForked, Position
from custody.signer.hsm import Hsm
from custody.signer.keys import AUDIT_LABEL, HeldKey
from custody.signer.log import SignerLog
from custody.signer.state import SignerState


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What comes with every request of the server."""

    deployment: bytes
    claim: Claim


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may go on: the time that it is judged at, and the journal head that it came with."""

    now_ms: int
    head: Position


@dataclass(frozen=True, slots=True)
class SignerHead:
    """The signer's own log head, and how far it follows the server's journal."""

    signer: str
    sequence: int
    hash: bytes
    followed: Position


class SignerCore:
    """One signer's state, log and token. Its methods need `with core.lock:` unless they say otherwise."""

    def __init__(
        self,
        *,
        state: SignerState,
        log: SignerLog,
        hsm: Hsm,
        keys: tuple[HeldKey, ...],
        clock: Clock,
        deployment: bytes,
    ) -> None:
        """Take over a replayed log. Time is disbelieved when the gap since its newest row is above the policy's."""
        self.id = state.signer
        self.deployment = deployment
        self.state = state
        self.log = log
        self.hsm = hsm
        self.keys = keys
        self.lock = threading.RLock()
        self._clock = clock
        self._time = TimeGuard(
            last_ms=state.recorded_ms,
            wall_ms=clock.now_ms(),
            monotonic_ms=clock.monotonic_ms(),
            maximum_start_gap_ms=self.policy.maximum_start_gap_ms,
            frozen=bool(self.time_halts()),
        )

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.state.governance.policy

    @property
    def head(self) -> SignerHead:
        """The log's head now."""
        head = self.log.head
        return SignerHead(self.id, head.sequence, head.hash, self.state.followed.position)

    def admit(self, context: RequestContext) -> Admission:
        """Let a request in that is of this deployment, from the newest leader, on the journal that was followed.

        Raises Denied `deployment.other`, `signer.frozen`, `epoch.old`, `head.…`; a forked head freezes for good.
        """
        self.check_deployment(context)
        self.check_active()
        now_ms = self.now()
        try:
            head = self.state.followed.follow(context.claim)
        except HeadForked as fork:
            self.freeze("head.forked", str(fork), now_ms)
            raise Denied("head.forked", f"{fork}; this signer is frozen until an ACTIVATE") from fork
        return Admission(now_ms, head)

    def check_deployment(self, context: RequestContext) -> None:
        """Raise Denied `deployment.other` for another deployment than the one pinned in the configuration."""
        if context.deployment != self.deployment:
            raise Denied("deployment.other", "this signer is pinned to another genesis policy")

    def check_active(self) -> None:
        """Raise Denied `signer.frozen` until an ACTIVATE."""
        frozen = self.state.frozen
        if frozen is not None:
            raise Denied("signer.frozen", f"{frozen.tag}: {frozen.detail}; a quorum's ACTIVATE is needed")

    def now(self) -> int:
        """The guarded time, unix ms. A clock that leapt halts everything, durably, until a quorum confirms the time."""
        reading = self._time.observe(self._clock.now_ms(), self._clock.monotonic_ms())
        if reading.frozen and not self.time_halts():
            self.halt_self(("all",), TIME_TAG, reading.now_ms)
        return reading.now_ms

    def time_halts(self) -> frozenset[str]:
        """The signer's own halts for the clock; an operator may write the same reason, and it means nothing."""
        mine = f"signer/{self.id}/"
        return frozenset(
            halt_id
            for halt_id, halt in self.state.halts.items()
            if halt.reason == TIME_TAG and halt_id.startswith(mine)
        )

    def wall_ms(self) -> int:
        """The wall clock, believed or not, unix ms."""
        return self._clock.now_ms()

    def confirm_time(self) -> None:
        """Believe the wall clock again."""
        self._time.confirm(self._clock.now_ms(), self._clock.monotonic_ms())

    def freeze(self, tag: str, detail: str, now_ms: int) -> None:
        """Sign nothing more until an ACTIVATE, durably."""
        if self.state.frozen is None:
            self.log.append(signer_pb2.SignerFrozen(tag=tag, detail=detail), now_ms)

    def halt_self(self, scopes: Sequence[str], reason: str, now_ms: int) -> str:
        """Stop these scopes by the signer's own decision, durably, until a quorum's RESUME; return the halt's id."""
        halt_id = f"signer/{self.id}/{self.log.next_sequence}"
        self.log.append(signer_pb2.SignerHalted(halt_id=halt_id, scopes=scopes, reason=reason), now_ms)
        return halt_id

    def check_halts(self, scopes: Iterable[str]) -> None:
        """Raise Denied `halt.…` when a halt in force covers one of these scopes, or everything."""
        wanted = {"all", *map(scope_key, scopes)}
        for halt_id, halt in self.state.halts.items():
            for scope in halt.scopes:
                if scope_key(scope) in wanted:
                    raise Denied(
                        f"halt.{scope.partition(':')[0]}", f"{scope} is halted by {halt_id}: {halt.reason}"
                    )

    def audit_signature(self, signed_type: statements.SignedType, body: bytes) -> bytes:
        """Sign a body with the audit key, verified by a second library before it is returned. Raises HsmError."""
        message = statements.signed_message(signed_type, self.deployment, body)
        signature = self.hsm.sign_ed25519(AUDIT_LABEL, message)
        try:
            crypto.verify(crypto.Scheme.ED25519, self.audit_key.public_key, message, signature)
        except InvalidSignature:
            raise HsmError(f"key {AUDIT_LABEL}", "gave no good signature") from None
        return signature

    @property
    def audit_key(self) -> HeldKey:
        """The audit key's public half. Needs no lock."""
        return self.keys[-1]

    @property
    def audit_key_id(self) -> str:
        """The audit key's id. Needs no lock."""
        return crypto.key_id(self.audit_key.scheme, self.audit_key.public_key)

    @contextmanager
    def decide(self, context: RequestContext) -> Iterator[Admission]:
        """Hold the lock while an admitted request is judged and made durable."""
        with self.lock:
            yield self.admit(context)
