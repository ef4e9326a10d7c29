"""The doctor names the stage that fails and what to do, also where an ordinary client learns only "unavailable"."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from custody.rpc.principal import Forbidden
from custody.testing.certificates import Authority
from support.cli_world import World
from support.policy_builder import SshKey

pytest_plugins = ["support.cli_fixtures"]


def _bad(world: World) -> list[tuple[str, str, str]]:
    """What is not fine: part, stage, detail."""
    ran = world.run("doctor", "--json")
    assert (ran.code == 0) == ran.json["fine"]
    return [(f["part"], f["stage"], f["detail"]) for f in ran.json["findings"] if not f["fine"]]


def test_all_is_well(world: World) -> None:
    ran = world.run("doctor", "--json")
    assert ran.code == 0, ran.out
    stages = [(f["part"], f["stage"]) for f in ran.json["findings"]]
    for part in ("server", "signer signer-hot-eth-1", "signer signer-cold-eth-1"):
        for stage in ("name", "port", "TLS", "answer"):
            assert (part, stage) in stages


def test_nobody_listens(world: World) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        world.write_config(server=f"127.0.0.1:{nobody.getsockname()[1]}")
        ((part, stage, detail),) = _bad(world)
        assert (part, stage) == ("server", "port") and "nobody listens" in detail
        assert world.run("doctor").code == 3


def test_no_such_name(world: World) -> None:
    world.write_config(server="no-such-host.invalid:7401")
    ((part, stage, detail),) = _bad(world)
    assert (part, stage) == ("server", "name") and "no address" in detail


def test_a_server_of_another_authority(world: World) -> None:
    other = Authority(world.directory / "other")
    (world.directory / "tls" / "ca.pem").write_bytes(other.ca.read_bytes())
    found = _bad(world)
    assert {stage for _, stage, _ in found} == {"TLS"} and len(found) == 3
    assert "another authority" in found[0][2]


def test_our_certificate_of_another_authority(world: World) -> None:
    leaf = Authority(world.directory / "other").leaf("operator", "ada")
    (world.directory / "tls" / "operator-ada.pem").write_bytes(leaf.certificate.read_bytes())
    (world.directory / "tls" / "operator-ada.key").write_bytes(leaf.key.read_bytes())
    part, stage, detail = _bad(world)[0]
    assert (part, stage) == ("server", "TLS")
    assert "certificate" in detail and ("authority" in detail or "accept" in detail)


def test_a_key_that_is_not_the_certificates(world: World) -> None:
    leaf = world.authority.leaf("operator", "eve")
    (world.directory / "tls" / "operator-ada.key").write_bytes(leaf.key.read_bytes())
    part, stage, detail = _bad(world)[0]
    assert (part, stage) == ("machine", "certificate") and "is not the key of" in detail
    assert world.run("doctor").code == 2


def test_a_certificate_that_names_nobody(world: World) -> None:
    leaf = world.authority.leaf("operator", "eve", spiffe=())
    (world.directory / "tls" / "operator-ada.key").write_bytes(leaf.key.read_bytes())
    (world.directory / "tls" / "operator-ada.pem").write_bytes(leaf.certificate.read_bytes())
    part, stage, detail = _bad(world)[0]
    assert (part, stage) == ("machine", "certificate") and "spiffe://custody/ROLE/ID" in detail


def _self_signed(path: Path, start_days: int, end_days: int) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now + datetime.timedelta(days=start_days))
        .not_valid_after(now + datetime.timedelta(days=end_days))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.with_suffix(".pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    path.with_suffix(".key").write_bytes(key.private_bytes(*form))


@pytest.mark.parametrize(("days", "word"), [((-9, -2), "expired on"), ((2, 9), "not valid yet")])
def test_our_certificate_out_of_its_time(world: World, days: tuple[int, int], word: str) -> None:
    _self_signed(world.directory / "tls" / "operator-ada", *days)
    part, stage, detail = _bad(world)[0]
    assert (part, stage) == ("machine", "certificate") and word in detail


def test_their_certificate_expired(world: World) -> None:
    path = world.directory / "tls" / "stale"
    _self_signed(path, -9, -2)
    (world.directory / "tls" / "ca.pem").write_bytes(path.with_suffix(".pem").read_bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path.with_suffix(".pem"), path.with_suffix(".key"))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                with contextlib.suppress(OSError):
                    context.wrap_socket(listener.accept()[0], server_side=True).close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        world.write_config(server=f"127.0.0.1:{listener.getsockname()[1]}")
        detail = next(detail for part, _, detail in _bad(world) if part == "server")
        thread.join(5)
    assert "its certificate has expired" in detail


def test_a_port_that_speaks_no_tls(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        world.write_config(server=f"127.0.0.1:{listener.getsockname()[1]}")
        ((part, stage, detail),) = _bad(world)
        thread.join(5)
    assert (part, stage) == ("server", "TLS") and "TLS" in detail


def test_not_entitled_shows_the_servers_reason(world: World) -> None:
    world.server.fails["WhoAmIRequest"] = Forbidden("operator/ada may not call WhoAmI")
    ((part, stage, detail),) = _bad(world)
    assert (part, stage) == ("server", "answer") and "operator/ada may not call WhoAmI" in detail
    assert world.run("doctor").code == 1
    ran = world.run("whoami", "--json")
    assert (ran.code, ran.json["error"]["kind"]) == (1, "not_entitled")


def test_another_deployment(world: World) -> None:
    world.server.status.deployment = "00" * 32
    world.signers[0].deployment = b"x" * 32
    assert [(part, stage) for part, stage, _ in _bad(world)] == [
        ("server", "answer"),
        ("signer signer-hot-eth-1", "answer"),
    ]


def test_signers_at_each_others_addresses(world: World) -> None:
    world.write_config(signers=list(reversed(world.signer_addresses)))
    assert all("is the signer" in detail for _, _, detail in _bad(world))


def test_an_ssh_key_that_is_not_enrolled(world: World) -> None:
    world.key("ada").with_suffix(".pub").write_text(SshKey("eve").line)
    ((part, stage, detail),) = _bad(world)
    assert (part, stage) == ("machine", "SSH key") and "is no key of ada" in detail


def test_a_configuration_that_cannot_be_read(world: World) -> None:
    world.write_config(extra="surprise = true")
    ((part, stage, detail),) = _bad(world)
    assert (part, stage) == ("machine", "configuration") and "surprise" in detail


def test_a_policy_that_is_not_pinned(world: World) -> None:
    (world.directory / "policy.toml").write_bytes(b"")
    found = {stage: detail for part, stage, detail in _bad(world) if part == "machine"}
    assert "not the pinned one" in found["policy's content"]
