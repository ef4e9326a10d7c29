"""Making a signer: its keys in the token, a store id in token and store, and proofs of possession for the policy.

The token signs nothing else without a signing intent in the log. A possession statement is of its own signed type, so
it can never be taken for a payment; each is durable in the store before it is shown.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from custody import chain, crypto, statements
from custody.errors import Denied, HsmError, InvalidSignature, Malformed
from custody.signer.hsm import Hsm
from custody.signer.keys import AUDIT_LABEL, HeldKey, held_keys
from custody.signer.store import STORE_ID_BYTES, Birth, Possession, StoredKey, StoreFolder, TokenMark

Json = Mapping[str, object]


def initialise(hsm: Hsm, folder: StoreFolder, signer: str, wallets: Sequence[str]) -> Json:
    """Make a key for each wallet, the audit key, and the store; return what the policy needs of them.

    Raises Denied `init.token_used` for a token that holds a key or a mark, `init.store_exists` for a store that is
    there: a key belongs to one store, and moving it needs a quorum's ACTIVATE.
    """
    if not wallets or len(set(wallets)) != len(wallets) or AUDIT_LABEL in wallets:
        raise Malformed("keys", "name each wallet once, none of them `audit`")
    if folder.exists():
        raise Denied("init.store_exists", f"{folder.path} is not empty: a store is made once")
    if hsm.key_labels() or TokenMark.read(hsm) is not None:
        raise Denied("init.token_used", f"token {hsm.label} holds a key already: use an empty token")
    for wallet in wallets:
        hsm.generate_secp256k1(wallet)
    hsm.generate_ed25519(AUDIT_LABEL)
    held = held_keys(hsm, tuple(wallets))
    store_id = secrets.token_bytes(STORE_ID_BYTES)
    TokenMark(store_id, 0).write(hsm)
    keys = tuple(StoredKey(key.wallet, key.scheme.value, key.public_key.hex()) for key in held)
    folder.write_birth(Birth(signer, store_id.hex(), keys))
    return {"signer": signer, "store_id": store_id.hex(), **_shown(hsm, held)}


def prove(
    hsm: Hsm, folder: StoreFolder, signer: str, salt: bytes, kind: str, network: str, wallets: Sequence[str]
) -> Json:
    """Sign the proofs of possession that a genesis policy of this salt needs, for these wallets and the audit key.

    Raises Denied `prove.no_store` without `init`, `prove.started` once the signer has run.
    """
    birth = folder.read_birth()
    if birth is None or birth.signer != signer:
        raise Denied("prove.no_store", f"{folder.path} holds no store of signer {signer}: run init first")
    if folder.journal.exists():
        raise Denied("prove.started", "this signer has run: its keys are proven")
    if len(salt) != 32:
        raise Malformed("salt", "must be 64 hex digits")
    held = held_keys(hsm, tuple(wallets))
    proofs = {key.wallet: _prove(hsm, signer, salt, kind, network, key) for key in held}
    given = tuple(
        Possession(
            key.wallet,
            kind if key.wallet != AUDIT_LABEL else "AUDIT",
            network,
            salt.hex(),
            proofs[key.wallet],
        )
        for key in held
    )
    folder.write_birth(replace(birth, possessions=(*birth.possessions, *given)))
    return {"signer": signer, **_shown(hsm, held, proofs)}


def _prove(hsm: Hsm, signer: str, salt: bytes, kind: str, network: str, key: HeldKey) -> str:
    audit = key.wallet == AUDIT_LABEL
    body = statements.PossessionBody(
        wallet=signer if audit else key.wallet,
        kind="AUDIT" if audit else kind,
        network="" if audit else network,
        signer=signer,
        scheme=key.scheme.value,
        public_key=key.public_key,
    )
    message = statements.signed_message(statements.SignedType.POSSESSION, salt, statements.encode(body))
    to_sign = statements.signing_input(key.scheme, message)
    if audit:
        signature = hsm.sign_ed25519(AUDIT_LABEL, to_sign)
        crypto.verify(key.scheme, key.public_key, to_sign, signature)
        return signature.hex()
    return _recoverable(key, to_sign, hsm.sign_digest(key.wallet, to_sign)).hex()


def _recoverable(key: HeldKey, digest: bytes, signature: bytes) -> bytes:
    """The 65-byte form: which of two points it was is found by trying both."""
    for parity in (27, 28):
        candidate = signature + bytes([parity])
        try:
            crypto.verify(key.scheme, key.public_key, digest, candidate)
        except InvalidSignature:
            continue
        return candidate
    raise HsmError(f"key {key.wallet}", "gave a signature of another key")


def _shown(hsm: Hsm, held: tuple[HeldKey, ...], proofs: Mapping[str, str] | None = None) -> dict[str, object]:
    """Stable JSON: `wallets` by id and `audit`, each as the policy's `key = {…}` needs it."""

    def entry(key: HeldKey) -> dict[str, str]:
        shown = {"scheme": key.scheme.value, "key_id": crypto.key_id(key.scheme, key.public_key)}
        if key.wallet == AUDIT_LABEL:
            shown["public"] = key.public_key.hex()
        else:
            address = chain.address_of(hsm.public_key(key.wallet))
            shown |= {"public": address, "address": address, "point": hsm.public_key(key.wallet).hex()}
        if proofs is not None:
            shown["possession"] = proofs[key.wallet]
        return shown

    return {"wallets": {key.wallet: entry(key) for key in held[:-1]}, "audit": entry(held[-1])}
