"""Changes to a sound policy document: each makes it unsound in one way."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any

import coincurve

from support.keys import EdKey, EthKey
from support.policy_builder import ETHER, NETWORK, TOKEN, PolicyBuilder, SshKey

Change = Callable[[PolicyBuilder], Any]


def setting(*path: str | int, to: object) -> Change:
    def change(builder: PolicyBuilder) -> None:
        table: Any = builder.document
        for step in path[:-1]:
            table = table[step]
        table[path[-1]] = to

    return change


def dropping(*path: str | int) -> Change:
    def change(builder: PolicyBuilder) -> None:
        table: Any = builder.document
        for step in path[:-1]:
            table = table[step]
        del table[path[-1]]

    return change


def twice(table: str) -> Change:
    return lambda builder: builder.document[table].append(builder.document[table][0])


def key_of_operator_with_role(builder: PolicyBuilder) -> None:
    builder.document["operators"][1]["keys"][0]["public"] = SshKey("ada").line


def one_secret(builder: PolicyBuilder) -> None:
    point = SshKey("ada").private.public_key().public_bytes_raw()
    kind = b"sk-ssh-ed25519@openssh.com"
    blob = b"".join(len(part).to_bytes(4) + part for part in (kind, point, b"ssh:"))
    builder.document["operators"][1]["keys"][0]["public"] = f"{kind.decode()} {b64encode(blob).decode()}"


def operator_with_the_backends_key(builder: PolicyBuilder) -> None:
    public = EdKey("backend-eu").public.hex()
    builder.document["operators"][1]["keys"] = [{"scheme": "ed25519", "public": public}]


def operators_ssh_key_as_raw_ed25519(builder: PolicyBuilder) -> None:
    raw = SshKey("ada").private.public_key().public_bytes_raw().hex()
    builder.document["initiators"][0]["keys"][1].update(scheme="ed25519", public=raw)


def backends_secp_key_is_a_wallets(builder: PolicyBuilder) -> None:
    point = EthKey("hot-eth-1").private.public_key.format().hex()
    key = builder.document["initiators"][0]["keys"][1]
    key.update(scheme="ecdsa-secp256k1-sha256", public=point)


def backends_bip340_key_is_a_wallets_negated(builder: PolicyBuilder) -> None:
    x_only = EthKey("hot-eth-1").private.public_key.format()[1:].hex()
    builder.document["initiators"][0]["keys"][1].update(scheme="bip340", public=x_only)


def proof_of_another_wallet(builder: PolicyBuilder) -> None:
    builder.prove()
    proof = builder.wallet("hot-eth-2")["key"]["possession"]
    builder.wallet("hot-eth-1")["key"]["possession"] = proof


def proof_before(change: Change) -> Change:
    def changed(builder: PolicyBuilder) -> None:
        builder.prove()
        change(builder)

    return changed


def audit_proof_of_another_signer(builder: PolicyBuilder) -> None:
    builder.prove()
    first, second = builder.document["signers"][:2]
    first["audit"]["possession"] = second["audit"]["possession"]


def only_class_limits(builder: PolicyBuilder) -> None:
    builder.document["limits"] = builder.document["limits"][2:]


def second_native(builder: PolicyBuilder) -> None:
    asset = dict(builder.document["assets"][0], id=f"{NETWORK}/slip44:61")
    builder.document["assets"].append(asset)


def without_cap(kind: str, window: str) -> Change:
    def change(builder: PolicyBuilder) -> None:
        for wallet in builder.document["wallets"]:
            if wallet["kind"] == kind:
                caps = wallet["caps"]
                wallet["caps"] = [cap for cap in caps if (cap["asset"], cap["window"]) != (TOKEN, window)]

    return change


def short_window_above_long(builder: PolicyBuilder) -> None:
    builder.wallet("hot-eth-1")["caps"][0]["amount"] = str(1001 * ETHER)


def point_negated() -> str:
    point = bytearray(EthKey("hot-eth-1").private.public_key.format())
    point[0] ^= 1
    return coincurve.PublicKey(bytes(point)).format().hex()
