"""Every exception that custody raises on purpose; Rust raises these by import.

*Denied* (a rule said no) and *Failed* (something broke) are different types, and neither is the other's base.
"""

from __future__ import annotations


class CustodyError(Exception):
    """Base of all errors below."""


class Malformed(CustodyError, ValueError):
    """Input that does not have its form.

    `field` is the dotted path of the field (empty when unknown), `reason` a sentence, `offset` the byte offset in
    the body, or -1.
    """

    def __init__(self, field: str, reason: str, offset: int = -1) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason
        self.offset = offset


class InvalidPublicKey(Malformed):
    """A public key that is not a valid, safe key of its scheme."""


class InvalidSignature(CustodyError):
    """The signature does not verify for this key and message."""


class Denied(CustodyError):
    """A rule refused. `tag` is stable and listed in docs/policy-tags.md; `detail` is for people."""

    def __init__(self, tag: str, detail: str = "") -> None:
        super().__init__(f"{tag}: {detail}" if detail else tag)
        self.tag = tag
        self.detail = detail


class NotFound(CustodyError):
    """There is no such thing. `kind` says of what kind, `name` which."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"no {kind} {name!r}")
        self.kind = kind
        self.name = name


class Conflict(CustodyError):
    """A race was lost: the state is no longer the one that the caller saw."""


class Failed(CustodyError):
    """Something broke (never a rule). `what` names the part, `reason` what to do about it."""

    def __init__(self, what: str, reason: str = "") -> None:
        super().__init__(f"{what}: {reason}" if reason else what)
        self.what = what
        self.reason = reason


class Unavailable(Failed):
    """A signer, node or store cannot be reached now; the outcome may be unknown."""


class HsmError(Failed):
    """The token refused or failed; the session was dropped."""


class JournalError(Failed):
    """An append failed or its outcome is unknown: the process must stop."""


class InvariantBroken(CustodyError):
    """A state that must not exist. The process stops rather than go on."""


class ConfigError(Malformed):
    """A configuration file that cannot be used; the message names the key."""
