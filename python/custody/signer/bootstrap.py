"""The composition root of custody-signer: chooses every part, replays the log, and decides whether it may sign."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from custody import statements
from custody.adapters.sqlite_journal import SqliteJournal
from custody.api.journal.v1 import signer_pb2
from custody.errors import ConfigError, HsmError, Malformed, NotFound
from custody.model.governance import Governance
from custody.model.policy import Policy, parse_policy
from custody.ports import Clock
from custody.signer.activation import Activation
from custody.signer.caps import Caps
from custody.signer.checkpoints import Checkpoints
from custody.signer.config import Deployment, RunConfig, SignerConfig
from custody.signer.core import SignerCore
from custody.signer.halts import Halts
from custody.signer.heads import FollowedJournal
from custody.signer.hsm import Hsm
from custody.signer.keys import HeldKey, check_against_policy
from custody.signer.log import SignerLog
from custody.signer.payouts import Payouts
from custody.signer.signing import Signing
from custody.signer.state import SignerState
from custody.signer.store import STORE_ID_BYTES, Birth, StoreFolder, TokenMark
from custody.signer.sweeps import Sweeps
from custody.signer.tombstones import Tombstones


@dataclass(frozen=True, slots=True)
class Signer:
    """Every part of a running signer."""

    core: SignerCore
    payouts: Payouts
    sweeps: Sweeps
    tombstones: Tombstones
    halts: Halts
    activation: Activation
    checkpoints: Checkpoints
    close: Callable[[], None]


def read_genesis(deployment: Deployment, signer: str) -> Policy:
    """The genesis policy, which must have the pinned hash and name this signer. Raises ConfigError."""
    try:
        raw = deployment.genesis.read_bytes()
    except OSError as error:
        raise ConfigError("deployment.genesis", f"cannot be read: {error.strerror}") from None
    found = statements.policy_hash(raw)
    if found != deployment.genesis_hash:
        raise ConfigError(
            "deployment.genesis_hash",
            f"is not the hash of the file at deployment.genesis, which is {found.hex()}: find out which is right",
        )
    try:
        policy = parse_policy(raw)
        policy.signer(signer)
    except Malformed as error:
        raise ConfigError("deployment.genesis", str(error)) from None
    except NotFound:
        raise ConfigError("signer.id", f"the genesis policy has no signer {signer}") from None
    return policy


def open_token(config: SignerConfig) -> Hsm:
    """Log in to the token. Raises ConfigError or HsmError: one line that says what, and where to look."""
    try:
        pin = config.hsm.pin.read()
    except ConfigError as error:
        raise ConfigError("hsm.pin", f"{error.reason}: put the token's PIN there") from None
    try:
        return Hsm(config.hsm.module, config.hsm.token, pin)
    except HsmError as error:
        raise HsmError(error.what, f"{error.reason}; check module, token and pin under [hsm]") from None


def build(config: SignerConfig, hsm: Hsm, clock: Clock, on_fatal: Callable[[str], None]) -> Signer:
    """Replay the log and start. Raises ConfigError, HsmError, JournalError or InvariantBroken."""
    run = RunConfig.of(config)
    policy = read_genesis(run.deployment, config.signer.id)
    keys = check_against_policy(hsm, policy, config.signer.id)
    folder = StoreFolder(config.signer.store)
    birth = folder.read_birth()
    if birth is not None and birth.signer != config.signer.id:
        raise ConfigError("signer.store", f"{folder.path} is the store of signer {birth.signer}")
    journal = SqliteJournal(folder.journal, f"signer/{config.signer.id}", policy.hash)
    try:
        core = _core(config.signer.id, run.deployment, policy, hsm, keys, journal, clock, on_fatal)
        _start(core, birth)
    except BaseException:
        journal.close()
        raise
    signing = Signing(core)
    return Signer(
        core=core,
        payouts=Payouts(core, signing),
        sweeps=Sweeps(core, signing),
        tombstones=Tombstones(core),
        halts=Halts(core, signing),
        activation=Activation(core, signing),
        checkpoints=Checkpoints(core, f"server/{run.deployment.partition}"),
        close=journal.close,
    )


def _core(
    signer: str,
    deployment: Deployment,
    policy: Policy,
    hsm: Hsm,
    keys: tuple[HeldKey, ...],
    journal: SqliteJournal,
    clock: Clock,
    on_fatal: Callable[[str], None],
) -> SignerCore:
    start = statements.journal_start(policy.hash, f"server/{deployment.partition}")
    held = tuple(policy.wallet(wallet) for wallet in policy.signer(signer).wallets)
    state = SignerState(signer, Governance.genesis(policy), Caps(held), FollowedJournal(start))
    log = SignerLog(journal, state, statements.journal_start(policy.hash, journal.name), on_fatal)
    return SignerCore(state=state, log=log, hsm=hsm, keys=keys, clock=clock, deployment=policy.hash)


def _start(core: SignerCore, birth: Birth | None) -> None:
    """Write row 1 of a new store, or hold the log against the token; freeze when they disagree."""
    mark = TokenMark.read(core.hsm)
    if mark is None:
        raise HsmError(
            f"token {core.hsm.label}", "has no store id: run `custody-signer init` on an empty token"
        )
    with core.lock:
        now_ms = core.now()
        state = core.state
        if not state.store_id:
            new = birth is not None and mark == TokenMark(bytes.fromhex(birth.store_id), 0)
            # A token that was used and a store that is empty: the rows that say what was signed are elsewhere.
            _initialise(core, mark.store_id if new else secrets.token_bytes(STORE_ID_BYTES), now_ms)
        counter = state.start_counter
        same = mark.store_id == state.store_id and mark.start_counter in (counter, counter - 1)
        # An ACTIVATE that is in the log and not in the token was cut short, whatever the token says else.
        if mark.activated > state.activated_here or not (same or mark.activated < state.activated_here):
            core.freeze(
                "store.mismatch",
                f"the token was started {mark.start_counter} times by store {mark.store_id.hex()}, "
                f"newest ACTIVATE at {mark.activated}; this is store {state.store_id.hex()}, started {counter} times, "
                f"newest ACTIVATE at {state.activated_here}",
                now_ms,
            )
        may_sign = state.frozen is None
        if may_sign:
            counter += 1
        core.log.append(signer_pb2.SignerStarted(start_counter=counter, deployment=core.deployment), now_ms)
        if may_sign:
            TokenMark(state.store_id, counter, state.activated_here).write(core.hsm)


def _initialise(core: SignerCore, store_id: bytes, now_ms: int) -> None:
    keys = [
        signer_pb2.SignerKey(wallet=key.wallet, scheme=key.scheme, public_key=key.public_key)
        for key in core.keys
    ]
    core.log.append(signer_pb2.SignerInitialised(signer=core.id, store_id=store_id, keys=keys), now_ms)
