"""signed.json, from Python's own protobuf encoder, from custody's code, from Node and from Go."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, symbol_database

import custody.api.signed.v1.operator_pb2
import custody.api.signed.v1.signer_pb2
import custody.api.signed.v1.statement_pb2
import custody.api.signed.v1.withdrawal_pb2  # noqa: F401
from custody import statements
from custody.crypto import Scheme, verify
from custody.errors import InvalidSignature, Malformed
from custody.statements import SignedType

VECTORS = Path(__file__).parents[1] / "vectors"
FILE = json.loads((VECTORS / "signed.json").read_text(encoding="utf-8"))
DEPLOYMENT = bytes.fromhex(FILE["deployment"])
KEYS = {key["scheme"]: bytes.fromhex(key["public"]) for key in FILE["keys"]}

Vector = dict[str, Any]


def _named(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", FILE[name], ids=[vector["name"] for vector in FILE[name]])


def _ordinary(message: str, fields: Vector) -> bytes:
    cls = symbol_database.Default().GetSymbol(f"custody.api.signed.v1.{message}")
    encoded: bytes = json_format.ParseDict(fields, cls()).SerializeToString()
    return encoded


@_named("accepted")
def test_protobufs_ordinary_encoder_writes_the_canonical_body(vector: Vector) -> None:
    assert _ordinary(vector["message"], vector["fields"]).hex() == vector["body"]
    if "payload" in vector:
        payload = _ordinary(vector["payload"]["message"], vector["payload"]["fields"])
        assert payload == base64.b64decode(vector["fields"]["body"])


def _agrees(value: Any, field: Any) -> bool:
    match field:
        case None:
            return bool(value in ("", b"", 0, None))
        case list():
            return len(value) == len(field) and all(map(_agrees, value, field))
        case dict():
            return all(_agrees(getattr(value, name), field.get(name)) for name in value.__slots__)
        case int():
            return bool(value == field)
        case str() if isinstance(value, bytes):
            return bool(value == base64.b64decode(field))
        case str() if isinstance(value, IntEnum):
            return bool(field.endswith(f"_{value.name}"))
    return bool(str(value) == field)


@_named("accepted")
def test_values_have_every_field_and_encode_to_the_same_body(vector: Vector) -> None:
    body = bytes.fromhex(vector["body"])
    value = statements.parse(vector["type"], body)
    fields = dict(vector["fields"])
    if "payload" in vector:
        del fields["body"]
        fields["payload"] = vector["payload"]["fields"]
    assert _agrees(value, fields)
    assert type(value).__name__ == vector["message"]
    assert statements.encode(value) == body


@_named("accepted")
def test_messages_and_signatures(vector: Vector) -> None:
    message = statements.signed_message(vector["type"], DEPLOYMENT, bytes.fromhex(vector["body"]))
    assert message.hex() == vector["signed_message"]
    for item in vector["signatures"]:
        given = statements.signing_input(item["scheme"], message)
        assert hashlib.sha256(given).hexdigest() == item["input_sha256"]
        verify(Scheme(item["scheme"]), KEYS[item["scheme"]], given, bytes.fromhex(item["signature"]))


@_named("refused")
def test_refusals_say_what_and_where(vector: Vector) -> None:
    with pytest.raises(Malformed) as refused:
        statements.parse(vector["type"], bytes.fromhex(vector["body"]))
    said = (refused.value.field, refused.value.offset, refused.value.reason)
    assert said == (vector["field"], vector["offset"], vector["reason"])


@_named("misused")
def test_a_signature_fits_its_type_deployment_and_body_alone(vector: Vector) -> None:
    scheme, deployment = Scheme(vector["scheme"]), bytes.fromhex(vector["deployment"])
    message = statements.signed_message(vector["type"], deployment, bytes.fromhex(vector["body"]))
    given = statements.signing_input(scheme, message)
    with pytest.raises(InvalidSignature):
        verify(scheme, KEYS[scheme], given, bytes.fromhex(vector["signature"]))


def test_every_type_is_signed_under_every_scheme() -> None:
    seen = {(v["type"], s["scheme"]) for v in FILE["accepted"] for s in v["signatures"]}
    assert seen == {(t.value, s.value) for t in SignedType for s in Scheme}
    assert {v["scheme"] for v in FILE["misused"]} == set(Scheme)


def _run(*command: str, cwd: Path = VECTORS) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_file_is_what_its_generator_writes() -> None:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed: the sshsig vectors cannot be made again")
    _run(sys.executable, "make.py", "--check")


@pytest.fixture(scope="module")
def descriptors(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("descriptors") / "signed.binpb"
    _run(sys.executable, "make.py", "--descriptors", str(path))
    return str(path)


def test_node_agrees(descriptors: str) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not on PATH: the vectors are not checked from TypeScript's encoder")
    passed = int(_run("node", "check.mjs", descriptors).split()[0])
    assert passed > 200


@pytest.mark.timeout(300)
def test_go_agrees(descriptors: str) -> None:
    if shutil.which("go") is None:
        pytest.skip("go is not on PATH: the vectors are not checked from Go's encoder")
    passed = int(_run("go", "run", ".", "../signed.json", descriptors, cwd=VECTORS / "go").split()[0])
    assert passed > 100
