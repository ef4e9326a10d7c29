"""Public keys in a policy: read strictly, and admitted only with their holder's proof of possession where they pay."""

from __future__ import annotations

from custody import chain, crypto, statements
from custody.crypto import Scheme
from custody.errors import InvalidSignature, Malformed
from custody.model.policy_reader import Reader
from custody.model.policy_types import Key
from custody.statements import PossessionBody, SignedType

AUDIT = "AUDIT"

_SECP256K1 = {Scheme.ECDSA_SECP256K1_SHA256, Scheme.BIP340, Scheme.ETHEREUM}


def read_scheme(table: Reader, allowed: tuple[Scheme, ...] = tuple(Scheme)) -> Scheme:
    """The key's scheme, one of these."""
    return Scheme(table.choice("scheme", [scheme.value for scheme in allowed]))


def read_public(table: Reader, scheme: Scheme) -> tuple[str, bytes]:
    """The key's id and bytes. An `ethereum` key is a checksummed address or a compressed point in hex."""
    text = table.string("public")
    try:
        if scheme is Scheme.ETHEREUM and not text.startswith("0x"):
            public = crypto.parse_public_key(Scheme.ECDSA_SECP256K1_SHA256, text)
        elif scheme is Scheme.ETHEREUM:
            public = chain.parse_address("eip155:1", text)
        else:
            public = crypto.parse_public_key(scheme, text)
        return crypto.key_id(scheme, public), public
    except Malformed as error:
        raise Malformed(table.path("public"), error.reason) from None


def read_person_key(table: Reader) -> Key:
    """An operator's key."""
    scheme = read_scheme(table)
    key_id, public = read_public(table, scheme)
    _check_id(table, key_id)
    return Key(key_id, scheme, public)


def read_system_key(table: Reader) -> Key:
    """An initiator's key, with its role and validity (`valid_until = "never"` for no end)."""
    key = read_person_key(table)
    role = table.name("role")
    valid_from = table.time("valid_from")
    endless = table.has("valid_until") and table.string("valid_until") == "never"
    valid_until = 0 if endless else table.time("valid_until")
    if not endless and valid_until <= valid_from:
        raise Malformed(table.path("valid_until"), "must be after valid_from")
    return Key(key.key_id, key.scheme, key.public, role, valid_from, valid_until)


def read_wallet_key(
    table: Reader, salt: bytes, wallet: str, kind: str, network: str, signer: str
) -> tuple[Key, str]:
    """A wallet's key and the address that it pays from."""
    scheme = read_scheme(table, (Scheme.ETHEREUM,))
    key_id, public = read_public(table, scheme)
    _check_id(table, key_id)
    _check_possession(table, salt, PossessionBody(wallet, kind, network, signer, scheme.value, public))
    address = chain.format_address(network, public) if len(public) == 20 else chain.address_of(public)
    return Key(key_id, scheme, public), address


def read_audit_key(table: Reader, salt: bytes, signer: str) -> Key:
    """A signer's audit key."""
    scheme = read_scheme(table, (Scheme.ED25519,))
    key_id, public = read_public(table, scheme)
    _check_id(table, key_id)
    _check_possession(table, salt, PossessionBody(signer, AUDIT, "", signer, scheme.value, public))
    return Key(key_id, scheme, public)


def _check_id(table: Reader, key_id: str) -> None:
    if table.has("id") and table.string("id") != key_id:
        raise Malformed(table.path("id"), f"this key's id is {key_id}")


def _check_possession(table: Reader, salt: bytes, body: PossessionBody) -> None:
    signature = table.hex("possession", None)
    message = statements.signed_message(SignedType.POSSESSION, salt, statements.encode(body))
    try:
        scheme = Scheme(body.scheme)
        crypto.verify(scheme, body.public_key, statements.signing_input(scheme, message), signature)
    except InvalidSignature:
        raise Malformed(table.path("possession"), "the key did not sign this entry under this salt") from None


def identities(key: Key) -> frozenset[str]:
    """Names under which a key is the same whatever its scheme: two keys that share one have one holder."""
    if key.scheme not in _SECP256K1:
        return frozenset({key.key_id, _point(key)})
    if len(key.public) == 20:
        return frozenset({chain.format_address("eip155:1", key.public)})
    point = key.public[-32:] if len(key.public) < 65 else key.public[1:33]
    return frozenset(chain.address_of(parity + point) for parity in (b"\x02", b"\x03"))


def _point(key: Key) -> str:
    """What the secret key decides: one may stand in any number of SSH keys, by type and by application."""
    if key.scheme is not Scheme.SSHSIG:
        return (key.public if len(key.public) == 32 else key.public[1:33]).hex()
    kind, point = _string(key.public)
    return _string(point)[0].hex() if b"ed25519" in kind else key.key_id


def _string(blob: bytes) -> tuple[bytes, bytes]:
    """The first string of an SSH blob, and what follows it."""
    end = 4 + int.from_bytes(blob[:4])
    return blob[4:end], blob[end:]
