"""One durable store owns one token: the same random id in both, and a counter of starts that shows an old copy.

The counter is raised in the log first and in the token second, as is the newest ACTIVATE. So a token that is one behind
was cut short, while a log behind its token is an old copy of the store: nothing is signed with it until a quorum's
ACTIVATE, and never again by one that is spent.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from custody.errors import ConfigError, Failed
from custody.signer.hsm import Hsm

STORE_ID_LABEL: Final = "custody-store-id"
START_COUNTER_LABEL: Final = "custody-start-counter"
ACTIVATED_LABEL: Final = "custody-activated"
STORE_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class TokenMark:
    """What the token says of its store: the store's id (16 bytes), how often it was started, and the governance
    sequence of the newest ACTIVATE that gave it the token (0: none)."""

    store_id: bytes
    start_counter: int
    activated: int = 0

    @staticmethod
    def read(hsm: Hsm) -> TokenMark | None:
        """The token's mark, None when the token never had one. Raises HsmError."""
        store_id, counter = hsm.read_data(STORE_ID_LABEL), hsm.read_data(START_COUNTER_LABEL)
        activated = hsm.read_data(ACTIVATED_LABEL)
        if store_id is None and counter is None and activated is None:
            return None
        reached = int.from_bytes(activated or b"", "big")
        if store_id is None or counter is None or len(counter) != 8:
            return TokenMark(b"", 0, reached)
        return TokenMark(store_id, int.from_bytes(counter, "big"), reached)

    def write(self, hsm: Hsm) -> None:
        """Put the mark into the token. Raises HsmError."""
        hsm.write_data(STORE_ID_LABEL, self.store_id)
        hsm.write_data(START_COUNTER_LABEL, self.start_counter.to_bytes(8, "big"))
        hsm.write_data(
            ACTIVATED_LABEL, self.activated.to_bytes(8, "big")
        )  # last: until then it was cut short


@dataclass(frozen=True, slots=True)
class Possession:
    """A possession signature that was given: for which entry of a policy, under which salt."""

    wallet: str
    kind: str
    network: str
    salt: str
    signature: str


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as `init` made it: a wallet's id or `audit`, its scheme, its public key in hex."""

    wallet: str
    scheme: str
    public: str


@dataclass(frozen=True, slots=True)
class Birth:
    """store.json: what `init` made, and every possession signature given; the log begins with it."""

    signer: str
    store_id: str
    keys: tuple[StoredKey, ...]
    possessions: tuple[Possession, ...] = ()


class StoreFolder:
    """The folder of a store: `store.json` from `init`, `journal.db` from the first start on."""

    def __init__(self, path: Path) -> None:
        """Nothing is read or made yet."""
        self.path = path
        self.journal = path / "journal.db"
        self._birth = path / "store.json"

    def exists(self) -> bool:
        """Whether anything is there."""
        return self.path.exists() and any(self.path.iterdir())

    def read_birth(self) -> Birth | None:
        """What `init` made, None when this folder was not made by `init`. Raises ConfigError for a damaged file."""
        try:
            text = self._birth.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError("signer.store", f"{self._birth} cannot be read: {error.strerror}") from None
        try:
            raw = json.loads(text)
            return Birth(
                signer=raw["signer"],
                store_id=raw["store_id"],
                keys=tuple(StoredKey(**key) for key in raw["keys"]),
                possessions=tuple(Possession(**item) for item in raw["possessions"]),
            )
        except (ValueError, KeyError, TypeError):
            raise ConfigError("signer.store", f"{self._birth} is damaged: restore it") from None

    def write_birth(self, birth: Birth) -> None:
        """Make store.json durable, whole or not at all."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self._birth.with_suffix(".new")
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(asdict(birth), file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, self._birth)
            folder = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise Failed("signer.store", f"{self.path} cannot be written: {error.strerror}") from error
