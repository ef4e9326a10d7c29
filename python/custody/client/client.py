"""The backend's one object: signs with its key, sends with retries, reads, cancels and follows."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from custody import statements
from custody.api.v1 import event_pb2_grpc, withdrawal_pb2, withdrawal_pb2_grpc
from custody.client import draft as drafts
from custody.client import results
from custody.client.cancel import cancel_items
from custody.client.config import ClientConfig
from custody.client.draft import Draft, SignedWithdrawal
from custody.client.explanation import Explanation, explanation
from custody.client.follow import Event, follow
from custody.client.keys import IntentKey, load_key
from custody.client.results import CancelResult, Cursor, Page, State, SubmitOutcome, Withdrawal
from custody.client.retry import Backoff, retrying
from custody.client.submit import submit_all
from custody.client.transport import Transport
from custody.errors import ConfigError, Failed, NotFound
from custody.rpc.tls import channel_credentials

__all__ = ["Client"]


class Client:
    """One connection for the life of the process; safe to share between threads. Also a context manager."""

    def __init__(
        self, config: ClientConfig, key: IntentKey | None = None, backoff: Backoff | None = None
    ) -> None:
        """`key` replaces the one that the configuration names. Nothing is sent before the first call."""
        self.config = config
        if key is None and config.key is not None:
            secret = config.key.passphrase
            key = load_key(config.key.path, secret.read() if secret else None)
        self._key = key
        self._backoff = backoff or Backoff(budget_ms=config.server.retry_for_ms)
        credentials = channel_credentials(config.tls.certificate, config.tls.key, config.tls.ca)
        self._transport = Transport(
            "custody-server", config.server.address, credentials, config.server.timeout_ms
        )
        self._stub = withdrawal_pb2_grpc.WithdrawalServiceStub(self._transport.channel)
        self._events = event_pb2_grpc.EventServiceStub(self._transport.channel)

    @classmethod
    def from_config(cls, path: str | Path, key: IntentKey | None = None) -> Self:
        """Of a client.toml. Raises ConfigError with the key's path."""
        return cls(ClientConfig.load(Path(path)), key)

    # ---- sign

    def sign(self, draft: Draft) -> SignedWithdrawal:
        """Sign a draft. Store what comes back before it is sent, since only the same bytes may be sent again."""
        intent = drafts.intent_of(draft, self.config.initiator, self.config.defaults, _now_ms())
        return drafts.sign(draft, intent, self._deployment, self._own_key())

    def cosign(self, signed: SignedWithdrawal, signer: IntentKey) -> SignedWithdrawal:
        """Add the signature of another key, such as the risk engine's."""
        return drafts.cosign(signed, self._deployment, signer)

    # ---- send

    def withdraw(
        self, *, reference: str, asset: str, amount: int | str, address: str, customer: str = "", **more: Any
    ) -> SubmitOutcome:
        """Sign and send one withdrawal; `more` are the other fields of Draft. Raises OutcomeUnknown, Malformed."""
        signed = self.sign(Draft(reference, asset, amount, address, customer, **more))
        return self.send([signed])[0]

    def submit(self, items: Sequence[Draft]) -> list[SubmitOutcome]:
        """Sign and send drafts; one answer each, in order. Raises OutcomeUnknown with what must be sent again."""
        return self.send([self.sign(draft) for draft in items])

    def send(self, items: Sequence[SignedWithdrawal]) -> list[SubmitOutcome]:
        """Send signed withdrawals, in batches, again and again until each is answered. Raises OutcomeUnknown."""
        return submit_all(
            self._transport, self._stub, items, self.config.server.batch_items, self._backoff, _request_id()
        )

    # ---- read

    def get(
        self,
        withdrawal_id: str = "",
        *,
        reference: str = "",
        attempt: int = 0,
        min_cursor: Cursor | None = None,
    ) -> Withdrawal:
        """One withdrawal, by id or by reference (attempt 0: the newest). Raises NotFound."""
        request = withdrawal_pb2.GetWithdrawalRequest(
            key=self._by(withdrawal_id, reference, attempt),
            min_cursor=None if min_cursor is None else min_cursor.to_proto(),
        )
        return self._asked_for(request.key, self._call(self._stub.GetWithdrawal, request).withdrawal)

    def batch_get(
        self, withdrawal_ids: Sequence[str] = (), *, references: Sequence[str] = ()
    ) -> list[Withdrawal | None]:
        """Withdrawals in the order asked, ids before references; None for one that is not known."""
        keys = [self._by(item, "", 0) for item in withdrawal_ids]
        keys += [self._by("", item, 0) for item in references]
        found: list[Withdrawal | None] = []
        for start in range(0, len(keys), 1_000):
            request = withdrawal_pb2.BatchGetWithdrawalsRequest(keys=keys[start : start + 1_000])
            answered = self._call(self._stub.BatchGetWithdrawals, request).withdrawals
            if len(answered) != len(request.keys):
                raise Failed("custody-server", "answered not as many withdrawals as were asked for")
            for key, item in zip(request.keys, answered, strict=True):
                found.append(self._asked_for(key, item) if item.withdrawal_id else None)
        return found

    def list(
        self,
        *,
        states: Sequence[State] = (),
        reference: str = "",
        customer: str = "",
        asset: str = "",
        page_size: int = 100,
        page_token: str = "",
    ) -> Page[Withdrawal]:
        """One page of this initiator's withdrawals, newest first."""
        request = withdrawal_pb2.ListWithdrawalsRequest(
            page_size=page_size,
            page_token=page_token,
            reference=reference,
            states=[withdrawal_pb2.WithdrawalState.Value(f"WITHDRAWAL_STATE_{state}") for state in states],
            customer=customer,
            asset=asset,
            initiator=self.config.initiator,
        )
        answer = self._call(self._stub.ListWithdrawals, request)
        return Page(
            tuple(map(results.withdrawal, answer.withdrawals)),
            answer.next_page_token,
            tuple(map(results.cursor, answer.as_of)),
        )

    def list_all(self, **filters: Any) -> Iterator[Withdrawal]:
        """Every withdrawal that `list` would show, page by page."""
        token = ""
        while True:
            page = self.list(page_token=token, **filters)
            yield from page.items
            token = page.next_page_token
            if not token:
                return

    def explain(self, what: str | Draft) -> Explanation:
        """Which rule decided a withdrawal (by id) and why it waits; or what every rule and limit says of a draft."""
        if isinstance(what, Draft):
            intent = drafts.intent_of(what, self.config.initiator, self.config.defaults, _now_ms())
            request = withdrawal_pb2.ExplainWithdrawalRequest(intent=statements.encode(intent))
        else:
            request = withdrawal_pb2.ExplainWithdrawalRequest(key=self._by(what, "", 0))
        return explanation(self._call(self._stub.ExplainWithdrawal, request))

    def follow(self, cursor: Cursor | None = None, *, heartbeats: bool = False) -> Iterator[Event]:
        """Every event after the cursor, for ever, resumed after a cut. Raises Unavailable, JournalWentBack."""
        return follow(self._transport, self._events, cursor, self._backoff, heartbeats)

    # ---- cancel

    def cancel(
        self,
        withdrawal: Withdrawal | SignedWithdrawal | None = None,
        *,
        withdrawal_id: str = "",
        reference: str = "",
        attempt: int = 0,
    ) -> CancelResult:
        """Ask that one withdrawal end unsigned: what was signed, one that was read, or by id or reference."""
        if withdrawal is None:
            try:
                withdrawal = self.get(withdrawal_id, reference=reference, attempt=attempt)
            except NotFound:
                return CancelResult(
                    reference,
                    results.CancelOutcome.NOT_FOUND,
                    withdrawal_id,
                    State.UNKNOWN,
                    "",
                    "no such withdrawal",
                )
        return self.cancel_many([withdrawal])[0]

    def cancel_many(self, withdrawals: Sequence[Withdrawal | SignedWithdrawal]) -> Sequence[CancelResult]:
        """Ask that up to 1,000 withdrawals end unsigned; one answer each. PENDING: ask again later."""
        bodies = [item.intent_bytes if isinstance(item, Withdrawal) else item.intent for item in withdrawals]
        items = cancel_items(bodies, self._deployment, self._own_key(), _now_ms())
        request = withdrawal_pb2.CancelWithdrawalsRequest(request_id=_request_id(), items=items)
        return [results.cancel_result(r) for r in self._call(self._stub.CancelWithdrawals, request).results]

    # ---- the rest

    def close(self) -> None:
        """End the connection."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _deployment(self) -> bytes:
        return self.config.deployment.genesis_hash

    def _own_key(self) -> IntentKey:
        if self._key is None:
            raise ConfigError("key", "is missing: this client has no key to sign with")
        return self._key

    def _by(self, withdrawal_id: str, reference: str, attempt: int) -> withdrawal_pb2.WithdrawalKey:
        if withdrawal_id:
            return withdrawal_pb2.WithdrawalKey(withdrawal_id=withdrawal_id)
        return withdrawal_pb2.WithdrawalKey(
            initiator=self.config.initiator, reference=reference, attempt=attempt
        )

    @staticmethod
    def _asked_for(key: withdrawal_pb2.WithdrawalKey, message: withdrawal_pb2.Withdrawal) -> Withdrawal:
        """What came, if it is what was asked for: a cancellation is signed over it. Raises Failed."""
        known = results.withdrawal(message)
        intent = known.intent
        if key.withdrawal_id:
            same = known.withdrawal_id == key.withdrawal_id
        else:
            same = (intent.initiator, intent.reference) == (key.initiator, key.reference)
            same = same and key.attempt in (0, intent.attempt)
        if not same:
            raise Failed("custody-server", f"answered {known.withdrawal_id}, which was not asked for")
        return known

    def _call(self, method: Any, request: Any) -> Any:
        return retrying(self._backoff, lambda: self._transport.call(method, request))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _request_id() -> str:
    return secrets.token_hex(8)
