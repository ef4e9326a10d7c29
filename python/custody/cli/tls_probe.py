"""Looks at one connection a stage at a time, and turns what OpenSSL says into what to do about it."""

from __future__ import annotations

import datetime
import socket
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from custody.cli.config import Tls
from custody.errors import ConfigError
from custody.rpc.tls import read_pem

__all__ = ["Failure", "connect", "handshake", "own_certificate", "resolve"]

_TIMEOUT_S = 5.0
_ADVICE = {
    "CERTIFICATE_EXPIRED": "your certificate has expired, it says: have it renewed",
    "UNKNOWN_CA": "it does not trust the authority of your certificate: is this the right deployment?",
    "BAD_CERTIFICATE": "it does not accept your certificate",
    "CERTIFICATE_REQUIRED": "it wants a certificate, and got none",
    "CERTIFICATE_UNKNOWN": "it does not accept your certificate",
    "ACCESS_DENIED": "it does not let your certificate in",
    "DECRYPT_ERROR": "it could not verify your certificate",
    "WRONG_VERSION_NUMBER": "it does not speak TLS: is this the right port?",
}


class Failure(Exception):
    """A stage that failed, and what to do."""


def resolve(address: str) -> str:
    """DNS. Raises Failure."""
    host, port = _split(address)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Failure(f"{host} has no address: {error.strerror or error}: is the name right?") from None
    return ", ".join(sorted({str(entry[4][0]) for entry in found}))


def connect(address: str) -> str:
    """TCP. Raises Failure."""
    try:
        socket.create_connection(_split(address), _TIMEOUT_S).close()
    except ConnectionRefusedError:
        raise Failure(f"nobody listens at {address}: does it run, and is the port right?") from None
    except OSError as error:
        raise Failure(f"{address} does not answer ({error}): is a firewall in between?") from None
    return f"{address} is open"


def handshake(address: str, tls: Tls) -> str:
    """TLS both ways: its certificate against our authority, then ours against its. Raises Failure."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(tls.ca)
    context.load_cert_chain(tls.certificate, tls.key)
    context.set_alpn_protocols(["h2"])
    host, _ = _split(address)
    try:
        with (
            socket.create_connection(_split(address), _TIMEOUT_S) as raw,
            context.wrap_socket(raw, server_hostname=host) as secure,
        ):
            secure.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
            if not secure.recv(1):  # in TLS 1.3 its word on our certificate comes with the first read
                raise Failure(
                    "it ended the connection after the handshake: it does not accept your certificate"
                )
            return f"{secure.version()}, both certificates accepted"
    except ssl.SSLCertVerificationError as error:
        raise Failure(_their_certificate(error, tls.ca)) from None
    except ssl.SSLError as error:
        reason = error.reason or ""
        advice = next((text for name, text in _ADVICE.items() if name in reason), None)
        raise Failure(advice or f"the handshake failed: {reason or error}") from None
    except TimeoutError:
        raise Failure("it does not answer the handshake: does it speak TLS?") from None
    except OSError as error:
        raise Failure(f"it broke the handshake off ({error}): it does not accept your certificate") from None


def _their_certificate(error: ssl.SSLCertVerificationError, ca: Path) -> str:
    message = error.verify_message
    if "expired" in message:
        return "its certificate has expired: have it renewed there"
    if "not yet valid" in message:
        return "its certificate is not valid yet: is this machine's clock right?"
    if "self-signed" in message or "issuer" in message or "signature failure" in message:
        return f"its certificate is of another authority than {ca}: is this the right deployment?"
    if "mismatch" in message or "match" in message:
        return f"its certificate is for another name: {message}"
    return f"its certificate is not good: {message}"


def own_certificate(tls: Tls) -> str:
    """Our own files: they belong together, are valid now, and say who we are. Raises ConfigError or Failure."""
    try:
        certificate = x509.load_pem_x509_certificate(read_pem(tls.certificate, "CERTIFICATE"))
        private = load_pem_private_key(read_pem(tls.key, "PRIVATE KEY"), None)
        read_pem(tls.ca, "CERTIFICATE")
    except (ValueError, TypeError) as error:
        raise ConfigError("tls", f"{tls.certificate} or {tls.key} cannot be read: {error}") from None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise Failure(f"{tls.key} is not the key of {tls.certificate}")
    now = datetime.datetime.now(datetime.UTC)
    until = certificate.not_valid_after_utc
    if now >= until:
        raise Failure(f"{tls.certificate} expired on {until:%Y-%m-%d %H:%M} UTC: have it renewed")
    if now < certificate.not_valid_before_utc:
        raise Failure(f"{tls.certificate} is not valid yet: is this machine's clock right?")
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except x509.ExtensionNotFound:
        uris = []
    spiffe = [uri for uri in uris if uri.startswith("spiffe://custody/")]
    if len(spiffe) != 1:
        raise Failure(f"{tls.certificate} needs exactly one name spiffe://custody/ROLE/ID, and has {uris}")
    return f"{spiffe[0]}, valid until {until:%Y-%m-%d}"


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
