"""Servers of mail, directories and databases for the tests, scripted; TLS begins where their protocols say."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ledgerlab.lab.modes import unprivileged
from ledgerlab.lab.postgres import binaries
from tests.probes.tls_servers import raw_server

Place = tuple[str, int]
Prepare = Callable[[ssl.SSLContext], None]
LONG_OID = b"\x8a\x161.3.6.1.4.1.1466.20037"


def nothing(context: ssl.SSLContext) -> None:
    """TLS as Python has it."""
    del context


@dataclass(frozen=True)
class Lines:
    """What a server of lines (SMTP, IMAP) says: to a part of the client's line, in capitals; the first that fits."""

    greeting: str
    plain: Mapping[str, str]
    inside: Mapping[str, str] = field(default_factory=dict)
    upgrade: str = "STARTTLS"


@contextlib.contextmanager
def line_server(
    script: Lines, chain: Path, key: Path, *, prepare: Prepare = nothing, tls_first: bool = False
) -> Iterator[Place]:
    """Speaks by the script; begins TLS at once, or when told and the answer to the upgrade is not a refusal."""
    context = _context(chain, key, prepare)

    def handle(connection: socket.socket) -> None:
        if tls_first:
            with context.wrap_socket(connection, server_side=True) as tls:
                _speak(tls, script.greeting, script.inside)
        elif _speak(connection, script.greeting, script.plain, script.upgrade):
            with context.wrap_socket(connection, server_side=True) as tls:
                _speak(tls, "", script.inside)

    with raw_server(handle) as place:
        yield place


def _speak(connection: socket.socket, greeting: str, answers: Mapping[str, str], upgrade: str = "\0") -> bool:
    """Until the client has had its upgrade (True), or is gone."""
    if greeting:
        connection.sendall(greeting.encode() + b"\r\n")
    file = connection.makefile("rb")
    while line := file.readline().decode("latin-1").strip():
        found = next((answer for part, answer in answers.items() if part in line.upper()), "500 what\r\n")
        if found == "hang up":
            return False
        connection.sendall(found.encode())
        if upgrade in line.upper() and (" OK" in found or found.startswith("220")):
            return True
    return False


@contextlib.contextmanager
def ldap_server(
    chain: Path,
    key: Path,
    *,
    plain: int,
    inside: int = 49,
    tls: bytes = b"\x0a\x01\x00\x04\x00\x04\x00",
    suffix: bytes = b"dc=mail,dc=test",
    long: bool = False,
) -> Iterator[Place]:
    """Answers StartTLS with that body and binds with these codes; `long`: lengths as Active Directory writes them.

    Names that are not below `suffix` are wrong before anything else, as OpenLDAP has it.
    """
    context = _context(chain, key, nothing)

    def answer(connection: socket.socket, code: int) -> bool:
        while data := connection.recv(4096):
            number = data[4]
            if b"1.3.6.1.4.1.1466.20037" in data:
                connection.sendall(_result(number, 0x78, tls, long=long))
                if tls[2] == 0:
                    return True
            elif b"namingContexts" in data:
                if suffix:
                    values = b"\x31" + bytes([len(suffix) + 2]) + b"\x04" + bytes([len(suffix)]) + suffix
                    attribute = b"\x04\x0enamingContexts" + values
                    attributes = b"\x30" + bytes([len(attribute) + 2]) + b"\x30" + bytes([len(attribute)]) + attribute
                    connection.sendall(_result(number, 0x64, b"\x04\x00" + attributes, long=long))
                connection.sendall(_result(number, 0x65, b"\x0a\x01\x00\x04\x00\x04\x00", long=long))
            else:
                connection.sendall(
                    _result(
                        number,
                        0x61,
                        b"\x0a\x01" + bytes([code if suffix in data else 49]) + b"\x04\x00\x04\x00",
                        long=long,
                    )
                )
        return False

    def handle(connection: socket.socket) -> None:
        if answer(connection, plain):
            with context.wrap_socket(connection, server_side=True) as secured:
                answer(secured, inside)

    with raw_server(handle) as place:
        yield place


def _result(number: int, kind: int, body: bytes, *, long: bool) -> bytes:
    def sized(tag: int, content: bytes) -> bytes:
        size = b"\x84" + len(content).to_bytes(4, "big") if long else bytes([len(content)])
        return bytes([tag]) + size + content

    return sized(0x30, b"\x02\x01" + bytes([number]) + sized(kind, body))


@contextlib.contextmanager
def postgres_server(folder: Path, *rules: str) -> Iterator[tuple[Path, str]]:
    """A real PostgreSQL with these lines of pg_hba.conf; yields the folder of its socket and its TCP address.

    Its binaries know no TLS: `upgrading_front` stands in for that.
    """
    home = folder / "pg"
    home.mkdir(mode=0o777)
    home.chmod(0o777)
    programs, prefix = binaries(), unprivileged("loopback")
    run = [
        *prefix,
        str(programs / "initdb"),
        "--pgdata",
        f"{home}/data",
        "--no-sync",
        "--auth",
        "trust",
        "--locale",
        "C",
    ]
    subprocess.run([*run, "--username", "postgres"], check=True, capture_output=True, cwd=home, timeout=60)
    (home / "data" / "pg_hba.conf").write_text("\n".join(rules) + "\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": home, "fsync": "off"}
    settings |= {"shared_buffers": "16MB", "max_connections": "10", "dynamic_shared_memory_type": "mmap"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    server = subprocess.Popen(
        [*prefix, str(programs / "postgres"), "-D", f"{home}/data", *options], cwd=home, stderr=subprocess.DEVNULL
    )
    try:
        end = time.monotonic() + 20
        while not (home / f".s.PGSQL.{port}").exists():
            assert server.poll() is None
            assert time.monotonic() < end
            time.sleep(0.02)
        yield home / f".s.PGSQL.{port}", f"127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)


@contextlib.contextmanager
def upgrading_front(chain: Path, key: Path, plain: str, inside: Path, *, offers: bytes = b"S") -> Iterator[Place]:
    """Takes TLS off for a PostgreSQL: who comes without is led to its TCP port, who comes with to its socket.

    So the rules for `host` are those without TLS, and the ones for `local` those inside it.
    """
    context = _context(chain, key, nothing)
    host, _, port = plain.partition(":")

    def handle(connection: socket.socket) -> None:
        first = connection.recv(8, socket.MSG_PEEK)
        if first[4:8] == b"\x04\xd2\x16\x2f":
            connection.recv(8)
            connection.sendall(offers)
            if offers != b"S":
                return
            with context.wrap_socket(connection, server_side=True) as tls, socket.socket(socket.AF_UNIX) as far:
                far.connect(str(inside))
                _join(tls, far)
        else:
            with socket.create_connection((host, int(port))) as far:
                _join(connection, far)

    with raw_server(handle) as place:
        yield place


def _join(near: socket.socket, far: socket.socket) -> None:
    def back() -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(4096):
                near.sendall(data)
        with contextlib.suppress(OSError):
            near.shutdown(socket.SHUT_RDWR)

    thread = threading.Thread(target=back, daemon=True)
    thread.start()
    with contextlib.suppress(OSError):
        while data := near.recv(4096):
            far.sendall(data)
    with contextlib.suppress(OSError):
        far.shutdown(socket.SHUT_WR)
    thread.join(5)


def _context(chain: Path, key: Path, prepare: Prepare) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    prepare(context)
    return context
