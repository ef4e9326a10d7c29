"""How the signer is, as server and operators are told: the same words to both."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from custody import __version__
from custody.signer.core import SignerCore, SignerHead
from custody.signer.facts import Halt


class SigningState(StrEnum):
    """Whether the signer signs."""

    ACTIVE = "active"
    HALTED = "halted"
    FROZEN = "frozen"


@dataclass(frozen=True, slots=True)
class SignerStatus:
    """A snapshot; `halts` holds suspensions too, under the scope `operator:ID`."""

    state: SigningState
    tag: str
    store_id: bytes
    start_counter: int
    deployment: bytes
    governance_sequence: int
    governance_hash: bytes
    signer_epoch: int
    head: SignerHead
    halts: tuple[tuple[str, Halt], ...]
    hsm_calls: int
    version: str


def status_of(core: SignerCore) -> SignerStatus:
    """Take the snapshot."""
    with core.lock:
        core.now()  # a clock that leapt shows here too
        state = core.state
        suspensions = {
            halt_id: Halt((f"operator:{item.operator}",), item.reason)
            for halt_id, item in state.suspensions.items()
        }
        if state.frozen is not None:
            signing = SigningState.FROZEN
        else:
            signing = SigningState.HALTED if state.halts else SigningState.ACTIVE
        return SignerStatus(
            state=signing,
            tag=state.frozen.tag if state.frozen is not None else "",
            store_id=state.store_id,
            start_counter=state.start_counter,
            deployment=core.deployment,
            governance_sequence=state.governance.head_sequence,
            governance_hash=state.governance.head_hash,
            signer_epoch=state.governance.signer_epoch,
            head=core.head,
            halts=tuple(sorted((state.halts | suspensions).items())),
            hsm_calls=core.hsm.signature_calls,
            version=__version__,
        )
