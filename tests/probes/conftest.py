"""Small real servers on loopback and a CA of their own, for tests of probes."""

from __future__ import annotations

import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from stagehold.environment.model import Environment
from stagehold.network.door import Network

Answer = Callable[[socket.socket], None]
"""What a server does with one accepted (and, with TLS, decrypted) connection."""


@dataclass
class Authority:
    """A CA in a folder; `ca_file` is its PEM."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def ca_file(self) -> Path:
        return self.folder / "ca.pem"

    def issue(self, *names: str) -> Path:
        """A key and leaf certificate for the names, together in one PEM file."""
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = _certificate(names[0], key, self.certificate.subject, self.key, names=names)
        path = self.folder / f"{names[0]}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + leaf.public_bytes(serialization.Encoding.PEM)
        )
        return path


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name | None,
    signer: ec.EllipticCurvePrivateKey,
    *,
    names: tuple[str, ...] = (),
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer or subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=90))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=issuer is not None,
                key_cert_sign=issuer is None,
                crl_sign=issuer is None,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_general_name(item) for item in names]), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(signer, hashes.SHA256())


def _general_name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A fresh private CA."""
    folder = tmp_path_factory.mktemp("pki")
    key = ec.generate_private_key(ec.SECP256R1())
    made = Authority(folder, key, _certificate("Test CA", key, None, key))
    made.ca_file.write_bytes(made.certificate.public_bytes(serialization.Encoding.PEM))
    return made


@dataclass
class Served:
    """A listening server: where it is and who called."""

    address: str
    port: int
    calls: list[int] = field(default_factory=list)
    """One element per accepted TCP connection."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Served]]:
    """Start servers: `serve(answer, pem=None, address="127.0.0.1")`; all end with the test."""
    listeners: list[socket.socket] = []

    def start(answer: Answer, *, pem: Path | None = None, address: str = "127.0.0.1", port: int = 0) -> Served:
        listener = socket.create_server((address, port))
        listeners.append(listener)
        served = Served(address, listener.getsockname()[1])
        context = None
        if pem is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pem)

        def talk(connection: socket.socket) -> None:
            connection.settimeout(20)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with suppress(OSError), connection:
                if context is None:
                    answer(connection)
                else:
                    with context.wrap_socket(connection, server_side=True) as secure:
                        answer(secure)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    served.calls.append(1)
                    threading.Thread(target=talk, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return served

    yield start
    for listener in listeners:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


Page = Callable[[str, str, str, bytes], tuple[int, dict[str, str], str]]
"""method, path, head, body → status, headers, text."""


@pytest.fixture
def serve_pages(serve: Callable[..., Served]) -> Callable[..., Served]:
    """Start HTTP/1.1 servers from a function `(method, path, head, body) -> (status, headers, text)`."""

    def start(page: Page, **kwargs: Any) -> Served:
        def answer(connection: socket.socket) -> None:
            stream = connection.makefile("rb")
            while line := stream.readline():
                method, path, _ = line.decode("latin-1").split(" ", 2)
                head = ""
                while (field_line := stream.readline()).strip():
                    head += field_line.decode("latin-1")
                length = next((int(v[15:]) for v in head.splitlines() if v.lower().startswith("content-length:")), 0)
                status, headers, text = page(method, path, head, stream.read(length))
                payload = text.encode()
                lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(payload)}"]
                lines += [f"{name}: {value}" for name, values in headers.items() for value in values.split("\n")]
                if not any(name.lower() == "content-type" for name in headers):
                    lines.append("Content-Type: text/html; charset=utf-8")
                connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
                if method != "HEAD":
                    connection.sendall(payload)
                if "connection: close" in head.lower():
                    return

        return serve(answer, **kwargs)

    return start


@pytest.fixture
def describe() -> Callable[..., Environment]:
    """An environment from target URLs by name, and further keys: `describe({"app": url}, hosts=[...])`."""

    def build(targets: dict[str, str], *, addresses: tuple[str, ...] = (), **keys: Any) -> Environment:
        return Environment.model_validate(
            {
                "environment": {"id": "test"},
                "targets": [{"name": name, "base_url": url, "addresses": addresses} for name, url in targets.items()],
                **keys,
            }
        )

    return build


@pytest.fixture
def open_network(describe: Callable[..., Environment]) -> Callable[..., Network]:
    """`Network.build` of `describe(...)`, with a resolver that knows nothing."""

    def nothing(name: str) -> list[str]:
        raise OSError(f"{name} is not known here")

    def build(targets: dict[str, str], **keys: Any) -> Network:
        return Network.build(describe(targets, **keys), resolve=nothing)

    return build
