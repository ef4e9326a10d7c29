"""Certificates for a stack of one's own: an authority, and one leaf for each principal with its SPIFFE name.

For tests and the demo alone: keys are written unencrypted, and the authority lives as long as the object.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Authority", "Leaf"]

_LIFETIME = datetime.timedelta(days=30)
_BACKDATED = datetime.timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Leaf:
    """One principal's files, PEM: its certificate, its key, and the authority that its peers have too."""

    certificate: Path
    key: Path
    ca: Path


class Authority:
    """A certificate authority in a directory: `ca.pem`, and `ROLE-ID.pem` with `ROLE-ID.key` for each leaf."""

    def __init__(self, directory: Path) -> None:
        """Make a new authority; `directory/ca.pem` is what everybody trusts."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "custody test authority")])
        self._certificate = (
            _builder(name, name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(sign_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.ca = directory / "ca.pem"
        self.ca.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def leaf(self, role: str, id: str, *, spiffe: tuple[str, ...] | None = None) -> Leaf:
        """Make the certificate of one principal, good as client and as server on loopback.

        `spiffe` replaces the one name `spiffe://custody/ROLE/ID`, for tests of what is refused.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        names = (f"spiffe://custody/{role}/{id}",) if spiffe is None else spiffe
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{role} {id}"[:64])])
        alternative: list[x509.GeneralName] = [x509.UniformResourceIdentifier(name) for name in names]
        alternative.append(x509.DNSName("localhost"))
        alternative.extend(x509.IPAddress(ipaddress.ip_address(address)) for address in ("127.0.0.1", "::1"))
        issuer = self._certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        certificate = (
            _builder(subject, self._certificate.subject, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(sign_certificates=False), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
                critical=False,
            )
            .add_extension(x509.SubjectAlternativeName(alternative), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False
            )
            .sign(self._key, hashes.SHA256())
        )
        leaf = Leaf(self._directory / f"{role}-{id}.pem", self._directory / f"{role}-{id}.key", self.ca)
        leaf.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        _write_private(
            leaf.key,
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
        return leaf


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
