from collections.abc import Sequence
from typing import final

from custody._core.crypto import Keyring

__all__ = ["Prepared", "Rules", "prepare"]

@final
class Rules:
    """A policy as the batch path uses it, read from the JSON of `custody.model.intake_rules`."""

    def __new__(cls, json: bytes) -> Rules: ...
    @property
    def policy_hash(self) -> bytes: ...
    @property
    def governance_sequence(self) -> int: ...

@final
class Prepared:
    """A request whose items are checked as far as bytes, policy and keys go."""

    def __len__(self) -> int: ...
    @property
    def valid(self) -> int: ...
    @property
    def keyring_version(self) -> int: ...
    def answer(self, generation: int, found: Sequence[tuple[int, int, bytes, int]]) -> None: ...

def prepare(request: bytes, principal: str, rules: Rules, keyring: Keyring, salt: bytes) -> Prepared: ...
