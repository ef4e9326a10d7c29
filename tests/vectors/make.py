"""Writes signed.json: what must be accepted, byte for byte, and what must be refused, and where.

Bodies come from protobuf's own encoder and signatures from other people's libraries, so nothing here
can agree with custody's code by sharing its mistakes. It writes the same file every time.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from grpc_tools import protoc

from vector_cases import TYPES, Case, Fields, cases
from vector_keys import Key, keys, sign
from vector_refusals import refusals

HERE = Path(__file__).parent
PROTOS = HERE.parents[1] / "proto"
PACKAGE = "custody.api.signed.v1"
DEPLOYMENT = hashlib.sha256(b"custody test vectors, deployment").digest()
OTHER_DEPLOYMENT = hashlib.sha256(b"custody test vectors, other deployment").digest()


def descriptors() -> bytes:
    """The signed protos as a FileDescriptorSet."""
    files = sorted(str(path) for path in (PROTOS / PACKAGE.replace(".", "/")).glob("*.proto"))
    with tempfile.NamedTemporaryFile() as out:
        include = resources.files("grpc_tools") / "_proto"
        options = [f"-I{PROTOS}", f"-I{include}", f"--descriptor_set_out={out.name}", "--include_imports"]
        if protoc.main(["protoc", *options, *files]) != 0:
            raise SystemExit("protoc failed")
        return Path(out.name).read_bytes()


class Encoder:
    """protobuf's encoder over the protos as they stand."""

    def __init__(self) -> None:
        pool = descriptor_pool.DescriptorPool()
        for file in descriptor_pb2.FileDescriptorSet.FromString(descriptors()).file:
            pool.Add(file)
        self._pool = pool

    def encode(self, message: str, fields: Fields) -> bytes:
        """The bytes of a message given in protobuf's JSON form."""
        cls = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"{PACKAGE}.{message}"))
        encoded: bytes = json_format.ParseDict(fields, cls()).SerializeToString(deterministic=True)
        return encoded


def signed_message(signed_type: str, deployment: bytes, body: bytes) -> bytes:
    """The message that is signed, written out from the document."""
    return b"custody/%s/v1\0%s%s%s" % (signed_type.encode(), deployment, len(body).to_bytes(8), body)


def accepted(encoder: Encoder, case: Case, ring: dict[str, Key]) -> dict[str, Any]:
    """A body with its message and signatures."""
    fields, payload = case.fields, {}
    if case.payload is not None:
        name, inner = case.payload
        payload = {"payload": {"message": name, "fields": inner}}
        fields = {**fields, "body": base64.b64encode(encoder.encode(name, inner)).decode()}
    body = encoder.encode(TYPES[case.signed_type], fields)
    message = signed_message(case.signed_type, DEPLOYMENT, body)
    signatures = []
    for scheme in case.schemes:
        given, signature = sign(ring[scheme], message)
        input_sha256 = hashlib.sha256(given).hexdigest()
        signatures.append({"scheme": scheme, "input_sha256": input_sha256, "signature": signature.hex()})
    return {
        "name": case.name,
        "type": case.signed_type,
        "message": TYPES[case.signed_type],
        "fields": fields,
        **payload,
        "body": body.hex(),
        "signed_message": message.hex(),
        "signatures": signatures,
    }


def misused(good: list[dict[str, Any]], ring: dict[str, Key]) -> list[dict[str, Any]]:
    """Signatures that are good for something else, and must not verify here."""
    by_name = {case["name"]: case for case in good}
    intent, approve = by_name["intent"], by_name["approve-sweep"]
    altered = bytearray.fromhex(intent["body"])
    altered[altered.index(b"150000")] ^= 0x01
    out = []
    for scheme in ring:
        for name, signed_type, deployment, body, signed_by in (
            ("other-deployment", "intent", OTHER_DEPLOYMENT, intent["body"], intent),
            ("rejection-as-approval", "approve", DEPLOYMENT, approve["body"], by_name["reject-sweep"]),
            ("approval-as-proposal", "propose", DEPLOYMENT, approve["body"], approve),
            ("other-amount", "intent", DEPLOYMENT, altered.hex(), intent),
            ("other-body", "cancel", DEPLOYMENT, by_name["cancel"]["body"], intent),
        ):
            entry = {"name": f"{name}-{scheme}", "type": signed_type, "deployment": deployment.hex()}
            signature = next(s["signature"] for s in signed_by["signatures"] if s["scheme"] == scheme)
            out.append({**entry, "body": body, "scheme": scheme, "signature": signature})
    return out


def document() -> str:
    """The file's text."""
    encoder, ring = Encoder(), {key.scheme: key for key in keys()}
    good = [accepted(encoder, case, ring) for case in cases()]
    whole = {
        "deployment": DEPLOYMENT.hex(),
        "keys": [
            {"scheme": k.scheme, "public": k.public.hex(), "text": k.text, "secret": k.secret.hex()}
            for k in ring.values()
        ],
        "accepted": good,
        "refused": [refusal.to_json() for refusal in refusals(encoder.encode)],
        "misused": misused(good, ring),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def main() -> None:
    """Writes signed.json; with `--check` says whether it would change, with `--descriptors FILE` writes those."""
    match sys.argv[1:]:
        case []:
            HERE.joinpath("signed.json").write_text(document(), encoding="utf-8")
        case ["--check"]:
            if HERE.joinpath("signed.json").read_text(encoding="utf-8") != document():
                raise SystemExit("tests/vectors/signed.json is not what tests/vectors/make.py writes")
        case ["--descriptors", path]:
            Path(path).write_bytes(descriptors())
        case _:
            raise SystemExit("usage: python tests/vectors/make.py [--check | --descriptors FILE]")


if __name__ == "__main__":
    main()
