"""The façade over the verifier: keys and signatures of independent libraries, and of ssh-keygen itself."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import threading
from pathlib import Path

import coincurve
import nacl.signing
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from custody.crypto import Keyring, Scheme, Verdict, key_id, parse_public_key, verify
from custody.errors import InvalidPublicKey, InvalidSignature, Malformed, NotFound

MESSAGE = b"a withdrawal's exact bytes"
DIGEST = hashlib.sha256(MESSAGE).digest()


def ring_of(scheme: Scheme, public_key: bytes) -> Keyring:
    """A ring with one key, under the id `key`."""
    ring = Keyring()
    ring.enrol("key", scheme, public_key)
    return ring


def verdict(scheme: Scheme, public_key: bytes, message: bytes, signature: bytes) -> Verdict:
    """The verdict on one item, which the single verifier must share."""
    [one] = ring_of(scheme, public_key).verify_batch([("key", message, signature)])
    if one is Verdict.VALID:
        verify(scheme, public_key, message, signature)
    else:
        with pytest.raises(InvalidSignature):
            verify(scheme, public_key, message, signature)
    return one


def p256_fixed(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """OpenSSL's DER signature as 64 bytes."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def coincurve_fixed(key: coincurve.PrivateKey, message: bytes) -> bytes:
    """coincurve's signature as 64 bytes."""
    return key.sign_recoverable(message)[:64]


def test_ed25519_by_libsodium() -> None:
    key = nacl.signing.SigningKey.generate()
    signature = key.sign(MESSAGE).signature
    assert verdict(Scheme.ED25519, bytes(key.verify_key), MESSAGE, signature) is Verdict.VALID
    assert verdict(Scheme.ED25519, bytes(key.verify_key), MESSAGE + b"!", signature) is Verdict.INVALID


def test_ecdsa_secp256k1_by_coincurve() -> None:
    key = coincurve.PrivateKey()
    signature = coincurve_fixed(key, MESSAGE)
    for compressed in (True, False):
        public_key = key.public_key.format(compressed=compressed)
        assert verdict(Scheme.ECDSA_SECP256K1_SHA256, public_key, MESSAGE, signature) is Verdict.VALID


def test_ecdsa_secp256k1_by_openssl_is_taken_with_low_s_alone() -> None:
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    key = ec.generate_private_key(ec.SECP256K1())
    public_key = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    seen = set()
    for index in range(40):
        message = MESSAGE + bytes([index])
        r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
        is_low = s <= order // 2
        signature = r.to_bytes(32, "big") + s.to_bytes(32, "big")
        expected = Verdict.VALID if is_low else Verdict.INVALID
        assert verdict(Scheme.ECDSA_SECP256K1_SHA256, public_key, message, signature) is expected
        seen.add(is_low)
    assert seen == {True, False}


def test_ecdsa_p256_by_openssl_is_taken_with_either_s() -> None:
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    key = ec.generate_private_key(ec.SECP256R1())
    public_key = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint
    )
    signature = p256_fixed(key, MESSAGE)
    twin = signature[:32] + (order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    assert verdict(Scheme.ECDSA_P256_SHA256, public_key, MESSAGE, signature) is Verdict.VALID
    assert verdict(Scheme.ECDSA_P256_SHA256, public_key, MESSAGE, twin) is Verdict.VALID


def test_bip340_by_coincurve() -> None:
    key = coincurve.PrivateKey()
    signature = key.sign_schnorr(DIGEST)
    x_only = key.public_key.format(compressed=True)[1:]
    assert verdict(Scheme.BIP340, x_only, DIGEST, signature) is Verdict.VALID
    assert verdict(Scheme.BIP340, x_only, MESSAGE, signature) is Verdict.INVALID


@pytest.mark.parametrize("offset", [0, 27])
def test_ethereum_by_coincurve(offset: int) -> None:
    key = coincurve.PrivateKey((1).to_bytes(32, "big"))
    address = parse_public_key(Scheme.ETHEREUM, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf")
    signature = bytearray(key.sign_recoverable(DIGEST, hasher=None))
    signature[64] += offset
    assert verdict(Scheme.ETHEREUM, address, DIGEST, bytes(signature)) is Verdict.VALID
    signature[64] ^= 1 if offset == 0 else 7  # 27 and 28 differ by three bits
    assert verdict(Scheme.ETHEREUM, address, DIGEST, bytes(signature)) is Verdict.INVALID
    assert verdict(Scheme.ETHEREUM, address, MESSAGE, bytes(signature)) is Verdict.MALFORMED


class SshKey:
    """A key pair made by ssh-keygen, and its signatures."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "id_ed25519"
        self.run("-t", "ed25519", "-N", "", "-C", "ada@example", "-f", str(self.path))
        self.line = self.path.with_suffix(".pub").read_text()

    @staticmethod
    def run(*arguments: str) -> str:
        done = subprocess.run(
            ["ssh-keygen", "-q", *arguments], check=True, capture_output=True, text=True, timeout=30
        )
        return done.stdout

    def sign(self, message: bytes, namespace: str = "custody/v1", hash_name: str = "sha512") -> bytes:
        """The raw blob: the armour taken off."""
        path = self.path.parent / "message"
        path.write_bytes(message)
        armoured = path.with_suffix(".sig")
        armoured.unlink(missing_ok=True)
        self.run("-Y", "sign", "-O", f"hashalg={hash_name}", "-n", namespace, "-f", str(self.path), str(path))
        return base64.b64decode("".join(armoured.read_text().splitlines()[1:-1]))


@pytest.fixture
def ssh_key(tmp_path: Path) -> SshKey:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not on PATH (openssh-client)")
    return SshKey(tmp_path)


def test_a_signature_by_ssh_keygen_is_valid(ssh_key: SshKey) -> None:
    blob = parse_public_key(Scheme.SSHSIG, ssh_key.line)
    assert verdict(Scheme.SSHSIG, blob, MESSAGE, ssh_key.sign(MESSAGE)) is Verdict.VALID
    assert verdict(Scheme.SSHSIG, blob, MESSAGE + b"!", ssh_key.sign(MESSAGE)) is Verdict.INVALID


def test_the_armoured_text_is_malformed(ssh_key: SshKey) -> None:
    blob = parse_public_key(Scheme.SSHSIG, ssh_key.line)
    ssh_key.sign(MESSAGE)
    armoured = (ssh_key.path.parent / "message.sig").read_bytes()
    assert verdict(Scheme.SSHSIG, blob, MESSAGE, armoured) is Verdict.MALFORMED


@pytest.mark.parametrize("namespace", ["file", "git", "custody/v2"])
def test_a_signature_by_ssh_keygen_for_another_namespace_is_refused(ssh_key: SshKey, namespace: str) -> None:
    blob = parse_public_key(Scheme.SSHSIG, ssh_key.line)
    assert verdict(Scheme.SSHSIG, blob, MESSAGE, ssh_key.sign(MESSAGE, namespace)) is Verdict.INVALID


def test_a_signature_by_ssh_keygen_over_sha256_is_refused(ssh_key: SshKey) -> None:
    blob = parse_public_key(Scheme.SSHSIG, ssh_key.line)
    signature = ssh_key.sign(MESSAGE, hash_name="sha256")
    assert verdict(Scheme.SSHSIG, blob, MESSAGE, signature) is Verdict.INVALID


def test_ids_are_what_ssh_keygen_prints(ssh_key: SshKey) -> None:
    printed = subprocess.run(
        ["ssh-keygen", "-lf", str(ssh_key.path)], check=True, capture_output=True, text=True, timeout=30
    ).stdout.split()[1]
    for scheme in (Scheme.SSHSIG, Scheme.ED25519):
        assert key_id(scheme, parse_public_key(scheme, ssh_key.line)) == printed


def ssh_string(field: bytes) -> bytes:
    """SSH's string: u32 length, then the bytes."""
    return len(field).to_bytes(4, "big") + field


def software_security_key(flags: int) -> tuple[bytes, bytes, str]:
    """Sign MESSAGE as a FIDO key would with these flags: (key blob, raw SSHSIG, OpenSSH line)."""
    key = nacl.signing.SigningKey.generate()
    kind, application = b"sk-ssh-ed25519@openssh.com", b"ssh:"
    blob = ssh_string(kind) + ssh_string(bytes(key.verify_key)) + ssh_string(application)
    head = ssh_string(b"custody/v1") + ssh_string(b"") + ssh_string(b"sha512")
    signed = b"SSHSIG" + head + ssh_string(hashlib.sha512(MESSAGE).digest())
    tail = bytes([flags]) + (7).to_bytes(4, "big")
    digests = hashlib.sha256(application).digest(), hashlib.sha256(signed).digest()
    made = key.sign(digests[0] + tail + digests[1]).signature
    inner = ssh_string(kind) + ssh_string(made) + tail
    signature = b"SSHSIG" + (1).to_bytes(4, "big") + ssh_string(blob) + head + ssh_string(inner)
    return blob, signature, f"{kind.decode()} {base64.b64encode(blob).decode()} token"


def openssh_accepts(directory: Path, line: str, signature: bytes) -> bool:
    """Whether `ssh-keygen -Y verify` takes the signature over MESSAGE."""
    (directory / "allowed").write_text(f"ada {line}\n")
    body = base64.encodebytes(signature).decode()
    armoured = f"-----BEGIN SSH SIGNATURE-----\n{body}-----END SSH SIGNATURE-----\n"
    (directory / "sig").write_text(armoured)
    command = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "ada", "-n", "custody/v1", "-s", "sig"]
    return (
        subprocess.run(command, cwd=directory, input=MESSAGE, capture_output=True, timeout=30).returncode == 0
    )


@pytest.mark.parametrize(
    ("flags", "expected"),
    [(0x01, Verdict.VALID), (0x05, Verdict.VALID), (0x00, Verdict.INVALID), (0x04, Verdict.INVALID)],
)
def test_a_security_key_must_be_touched_although_openssh_does_not_ask(
    tmp_path: Path, flags: int, expected: Verdict
) -> None:
    blob, signature, line = software_security_key(flags)
    assert parse_public_key(Scheme.SSHSIG, line) == blob
    assert verdict(Scheme.SSHSIG, blob, MESSAGE, signature) is expected
    if shutil.which("ssh-keygen") is not None:
        assert openssh_accepts(tmp_path, line, signature), "the software key makes what OpenSSH verifies"


def test_a_verdict_refuses_bool() -> None:
    for member in Verdict:
        with pytest.raises(TypeError, match="not a bool"):
            bool(member)


def test_one_verdict_each_in_the_same_order() -> None:
    keys = [nacl.signing.SigningKey.generate() for _ in range(3)]
    ring = Keyring()
    for index, key in enumerate(keys):
        ring.enrol(f"key-{index}", Scheme.ED25519, bytes(key.verify_key))
    good = [key.sign(MESSAGE).signature for key in keys]
    items = [
        ("key-0", MESSAGE, good[0]),
        ("key-1", MESSAGE, good[0]),
        ("nobody", MESSAGE, good[0]),
        ("key-2", MESSAGE, b""),
        ("key-2", MESSAGE, good[2]),
    ]
    expected = [Verdict.VALID, Verdict.INVALID, Verdict.UNKNOWN_KEY, Verdict.MALFORMED, Verdict.VALID]
    assert ring.verify_batch(items) == expected
    assert ring.verify_batch([]) == []


def test_enrolment_and_revocation_raise_the_version() -> None:
    key = nacl.signing.SigningKey.generate()
    ring = ring_of(Scheme.ED25519, bytes(key.verify_key))
    item = ("key", MESSAGE, key.sign(MESSAGE).signature)
    assert (ring.version, "key" in ring, len(ring)) == (1, True, 1)
    ring.revoke("key")
    assert (ring.version, "key" in ring, len(ring)) == (2, False, 0)
    assert ring.verify_batch([item]) == [Verdict.UNKNOWN_KEY]
    with pytest.raises(NotFound):
        ring.revoke("key")
    assert ring.version == 2


def test_the_same_id_is_not_enrolled_twice() -> None:
    first, second = nacl.signing.SigningKey.generate(), nacl.signing.SigningKey.generate()
    ring = ring_of(Scheme.ED25519, bytes(first.verify_key))
    with pytest.raises(Malformed, match="already enrolled"):
        ring.enrol("key", Scheme.ED25519, bytes(second.verify_key))
    assert ring.verify_batch([("key", MESSAGE, second.sign(MESSAGE).signature)]) == [Verdict.INVALID]


@pytest.mark.parametrize("scheme", list(Scheme))
def test_keys_that_are_none_are_refused(scheme: Scheme) -> None:
    for bad in (
        b"",
        b"\x00" * 20,
        b"\x00" * 32,
        b"\x02" + b"\xff" * 32,
        b"\x00" * 33,
        b"\x04" + b"\x00" * 64,
    ):
        with pytest.raises(InvalidPublicKey):
            Keyring().enrol("key", scheme, bad)
        with pytest.raises(InvalidPublicKey):
            verify(scheme, bad, MESSAGE, b"")
        with pytest.raises(InvalidPublicKey):
            key_id(scheme, bad)
    with pytest.raises(InvalidPublicKey):
        parse_public_key(scheme, "zz")


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="none"):
        Scheme("none")
    with pytest.raises(Malformed, match="scheme"):
        Keyring().enrol("key", "none", b"")


def test_threads_verify_while_another_enrols_and_revokes() -> None:
    key = nacl.signing.SigningKey.generate()
    ring = ring_of(Scheme.ED25519, bytes(key.verify_key))
    items = [("key", MESSAGE, key.sign(MESSAGE).signature)] * 200
    wrong: list[Verdict] = []

    def check() -> None:
        for _ in range(10):
            wrong.extend(one for one in ring.verify_batch(items) if one is not Verdict.VALID)

    threads = [threading.Thread(target=check) for _ in range(4)]
    for thread in threads:
        thread.start()
    for index in range(100):
        ring.enrol(f"other-{index}", Scheme.ED25519, bytes(key.verify_key))
        ring.revoke(f"other-{index}")
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()
    assert wrong == []
    assert ring.version == 201
