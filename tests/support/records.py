"""Control state fed with records one by one, as a journal would."""

from __future__ import annotations

from google.protobuf.message import Message

from custody.api.journal.v1 import governance_pb2, record_pb2, sweep_pb2, withdrawal_pb2
from custody.model import events
from custody.model.control import ControlState, RecordView
from custody.model.policy import Policy
from custody.model.quorum import SignedApproval
from custody.model.transaction import conflict_key

KIND_OF = {message_class: kind for kind, message_class in events.MESSAGES.items()}


class Records:
    """Applies messages in order, and keeps them so that a second state can be rebuilt from their bytes."""

    def __init__(self, policy: Policy, now_ms: int = 1_800_000_000_000) -> None:
        self.policy = policy
        self.state = ControlState(policy)
        self.rows: list[tuple[int, int, int, bytes, bytes | None]] = []
        self.now_ms = now_ms
        self.epoch = 0
        self.add(record_pb2.Started(epoch=1, version="test"), epoch=1)
        self.add(record_pb2.Genesis(policy=policy.raw))

    def add(self, message: Message | None, epoch: int = 0) -> None:
        """Apply one record a millisecond later."""
        self.epoch = epoch or self.epoch
        self.now_ms += 1
        kind = events.PACKED if message is None else KIND_OF[type(message)]
        header = record_pb2.RecordHeader(recorded_unix_ms=self.now_ms, principal="system")
        leaf = None if message is None else message.SerializeToString(deterministic=True)
        sequence = len(self.rows) + 1
        self.state.apply(RecordView(sequence, self.epoch, kind, header, message))
        self.rows.append((sequence, self.epoch, kind, header.SerializeToString(), leaf))

    def replayed(self) -> ControlState:
        """A new state, from the bytes alone."""
        state = ControlState(self.policy)
        for sequence, epoch, kind, header, leaf in self.rows:
            message = None if leaf is None else events.decode(kind, leaf)
            state.apply(
                RecordView(sequence, epoch, kind, record_pb2.RecordHeader.FromString(header), message)
            )
        return state

    def key(self, wallet: str, nonce: int) -> str:
        """The conflict key of a wallet's nonce."""
        entry = self.policy.wallet(wallet)
        return conflict_key(entry.network, entry.address, nonce)

    def plan(
        self,
        payout_id: str,
        *withdrawal_ids: bytes,
        nonce: int = 0,
        version: int = 1,
        wallet: str = "hot-eth-1",
        fee: int = 10,
        net: int = 5,
    ) -> None:
        """A payout, or a further version."""
        plan = withdrawal_pb2.PayoutPlan(
            payout_id=payout_id,
            wallet=wallet,
            withdrawal_ids=withdrawal_ids,
            version=version,
            conflict_key=self.key(wallet, nonce),
            evm=terms(nonce, fee),
            net_amounts=[str(net)] * len(withdrawal_ids),
        )
        self.add(withdrawal_pb2.PayoutsPlanned(payouts=[plan]))

    def sign(self, payout_id: str, version: int = 1, transaction: bytes = b"") -> bytes:
        """Signed bytes of one version; their hash."""
        transaction = transaction or f"{payout_id}, version {version}".encode()
        item = withdrawal_pb2.SignedPayout(
            payout_id=payout_id,
            version=version,
            transaction=transaction,
            transaction_hash=hash_of(transaction),
            signer="signer-hot-eth-1",
            signer_sequence=7,
            signer_hash=b"h" * 32,
        )
        self.add(withdrawal_pb2.PayoutsSigned(payouts=[item]))
        return hash_of(transaction)

    def open(self, proposal_id: str, statement: bytes, propose: SignedApproval | None) -> None:
        """A proposal."""
        message = governance_pb2.ProposalOpened(proposal_id=proposal_id, statement=statement)
        if propose is not None:
            message.propose.CopyFrom(stored(propose))
        self.add(message)

    def decide(
        self, proposal_id: str, signature: SignedApproval, approve: bool = True, counted: bool = True
    ) -> None:
        """One decision."""
        self.add(
            governance_pb2.ApprovalRecorded(
                proposal_id=proposal_id, signature=stored(signature), approve=approve, counted=counted
            )
        )

    def close(self, proposal_id: str, phase: str, **more: object) -> None:
        """A phase."""
        value = governance_pb2.ProposalPhase.Value(f"PROPOSAL_PHASE_{phase}")
        self.add(governance_pb2.ProposalClosed(proposal_id=proposal_id, phase=value, **more))  # type: ignore[arg-type]

    def plan_leg(
        self, leg_id: str, nonce: int = 0, version: int = 1, wallet: str = "cold-eth-1", fee: int = 10
    ) -> None:
        """A leg's version."""
        key = self.key(wallet, nonce)
        message = sweep_pb2.SweepLegPlanned(
            leg_id=leg_id, version=version, conflict_key=key, evm=terms(nonce, fee)
        )
        self.add(message)

    def sign_leg(self, leg_id: str, version: int = 1) -> bytes:
        """Signed bytes of one version; their hash."""
        transaction = f"{leg_id}, version {version}".encode()
        self.add(
            sweep_pb2.SweepLegSigned(
                leg_id=leg_id,
                version=version,
                transaction=transaction,
                transaction_hash=hash_of(transaction),
                signer="signer-cold-eth-1",
            )
        )
        return hash_of(transaction)


def terms(nonce: int, fee: int = 10) -> withdrawal_pb2.EvmTerms:
    """Terms of a version."""
    return withdrawal_pb2.EvmTerms(
        nonce=nonce, gas_limit=21000, max_fee_per_gas=str(fee), max_priority_fee_per_gas="1"
    )


def hash_of(transaction: bytes) -> bytes:
    """Something of 32 bytes that follows from it."""
    return transaction.ljust(32, b".")[:32]


def seen(item_id: str, transaction_hash: bytes, height: int = 0) -> withdrawal_pb2.SeenTransaction:
    """A place on the chain."""
    block = b"b" * 32 if height else b""
    return withdrawal_pb2.SeenTransaction(
        id=item_id,
        transaction_hash=transaction_hash,
        block_height=height,
        block_hash=block,
        block_unix_ms=height,
    )


def stored(signature: SignedApproval, scheme: str = "sshsig") -> record_pb2.StoredSignature:
    """A signature as records hold it."""
    return record_pb2.StoredSignature(
        principal=signature.operator,
        key_id=signature.key_id,
        scheme=scheme,
        signature=signature.signature,
        evidence=signature.evidence,
    )
