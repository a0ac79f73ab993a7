"""A small HTTPS service with faults to choose by path, run in a thread of the tests; its own CA."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import json
import ssl
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "ledger.load.test"
STALL = (1.5, 4.5)
BURST = (2.0, 4.0)
HANG_FROM = 3.0


def make_pki(folder: Path, name: str = HOST) -> tuple[Path, Path]:
    """`ca.pem`, and `server.pem` with the key and a certificate for `name`."""
    now = dt.datetime.now(dt.UTC)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Load test CA")])

    def build(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=1))
            .not_valid_after(now + dt.timedelta(days=2))
        )

    ca = (
        build(issuer, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        build(x509.Name([]), key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "ca.pem").write_bytes(ca.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "server.pem").write_bytes(private + leaf.public_bytes(pem))
    return folder / "ca.pem", folder / "server.pem"


class Service:
    """Use as a context manager; clocks of the faults start with the first request."""

    def __init__(self, certificate_name: str = HOST) -> None:
        self._certificate_name = certificate_name
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._ready = threading.Event()
        self._folder = tempfile.TemporaryDirectory(prefix="load-service-")
        self.first: float | None = None
        self.canaries: list[str] = []
        self.keys: list[str] = []
        self.hosts: set[str] = set()
        self.requests = 0
        self.connections = 0
        self.ca_file = Path()
        self.port = 0

    @property
    def base_url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._folder.cleanup()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self.ca_file, certificate = make_pki(Path(self._folder.name), self._certificate_name)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server = self._loop.run_until_complete(asyncio.start_server(self._connection, "127.0.0.1", 0, ssl=context))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0.05))

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        self.requests += 1
        self.hosts.add(headers["host"])
        self.first = self.first or time.monotonic()
        path = first.split()[1]
        answer = await self._answer(path, headers, body, time.monotonic() - self.first)
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        return answer is not None and path != "/truncated"

    async def _answer(  # noqa: PLR0911 - one answer per fault
        self, path: str, headers: dict[str, str], body: bytes, at: float
    ) -> bytes | None:
        if path == "/private":
            cookie = headers.get("cookie", "")
            return _http(200, b"hello " + cookie.removeprefix("session=").encode())
        if path == "/post":
            document = json.loads(body)
            self.canaries.append(document["text"])
            self.keys.append(document["key"])
            return _http(201, b"stored")
        if path == "/stall" and STALL[0] <= at < STALL[1]:
            await asyncio.sleep(STALL[1] - at)
        if path == "/slow":
            await asyncio.sleep(1.2)
        if path == "/burst" and BURST[0] <= at < BURST[1]:
            return _http(503, b"overloaded")
        if path == "/hang" and at >= HANG_FROM:
            await asyncio.sleep(60)
        if path == "/wrong":
            return _http(200, b"some other page")
        if path == "/redirect":
            return _http(302, b"", "Location: /good\r\n")
        if path == "/closed":
            return None
        if path == "/truncated":
            return _http(200, b"right")[:-2]
        if path == "/gzip":
            return _http(200, gzip.compress(b"right"), "Content-Encoding: gzip\r\n")
        return _http(200, b"right")


def _http(status: int, body: bytes, extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status} Reason\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body
