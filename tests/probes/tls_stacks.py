"""TLS servers of stacks that nobody here wrote: OpenSSL's `s_server`, nginx, Node, Python's `ssl` and its moods."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import playwright
from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey
from tlslite.errors import TLSError

from tests.probes.pki import Issued, write_chain
from tests.probes.tls_servers import fresh_address, raw_server

NODE = Path(playwright.__file__).parent / "driver" / "node"
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"
PORT = 8443
AEAD = "ECDHE+AESGCM:ECDHE+CHACHA20"
STARTING = 20.0
Place = tuple[str, int]
_NODE_SERVER = """
const fs = require('fs'), [, , chain, key, host, port, options] = process.argv;
const settings = {cert: fs.readFileSync(chain), key: fs.readFileSync(key), ...JSON.parse(options)};
require('https').createServer(settings, (_, reply) => reply.end('ok')).listen(Number(port), host);
"""


@contextlib.contextmanager
def openssl_server(folder: Path, chain: Sequence[Issued], *options: str) -> Iterator[Place]:
    """`openssl s_server` with a chain (leaf first) and further options."""
    leaf, *others = chain
    write_chain(folder, leaf, *others)
    (folder / "others.pem").write_text("".join(other.pem for other in others))
    command = ["openssl", "s_server", "-accept", f"{(address := fresh_address())}:{PORT}", "-quiet", "-www"]
    command += ["-cert", str(folder / "chain.pem"), "-key", str(folder / "key.pem")]
    command += ["-cert_chain", str(folder / "others.pem")] if others else []
    with _process([*command, *options], address):
        yield address, PORT


@contextlib.contextmanager
def nginx_server(folder: Path, chain: Sequence[Issued], *directives: str, more: str = "") -> Iterator[Place]:
    """One https server of nginx; `more` is put beside it."""
    write_chain(folder, *chain)
    address = fresh_address()
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi"))
    temporary += f"uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;"
    server = f"listen {address}:{PORT} ssl; server_name app.test; ssl_certificate {folder}/chain.pem;"
    server += f"ssl_certificate_key {folder}/key.pem; {' '.join(directives)} return 200 ok;"
    more = more.replace("LISTEN", f"{address}:{PORT}")
    configuration = f"""
        daemon off; worker_processes 1; pid {folder}/nginx.pid; events {{ worker_connections 512; }}
        http {{ access_log off; {temporary} {more} server {{ {server} }} }}
    """
    (folder / "nginx.conf").write_text(configuration.replace("FOLDER", str(folder)))
    with _process([NGINX, "-e", f"{folder}/error.log", "-p", str(folder), "-c", f"{folder}/nginx.conf"], address):
        yield address, PORT


@contextlib.contextmanager
def haproxy_server(folder: Path, chain: Sequence[Issued], bind: str = "", rules: str = "") -> Iterator[Place]:
    """HAProxy in front of nothing: options of its `bind` line, and rules before it answers with 200."""
    chain_file, key_file = write_chain(folder, *chain)
    (folder / "both.pem").write_text(chain_file.read_text() + key_file.read_text())
    address = fresh_address()
    (folder / "haproxy.cfg").write_text(
        "global\n maxconn 500\ndefaults\n mode http\n timeout client 10s\n timeout server 10s\n timeout connect 5s\n"
        f"frontend tests\n bind {address}:{PORT} ssl crt {folder}/both.pem {bind}\n {rules}\n"
        " http-request return status 200 content-type text/plain string ok\n"
    )
    with _process([HAPROXY, "-db", "-q", "-f", str(folder / "haproxy.cfg")], address):
        yield address, PORT


@contextlib.contextmanager
def node_server(folder: Path, chain: Sequence[Issued], options: str = "{}") -> Iterator[Place]:
    """Node's https with options of `tls.createServer` as JSON."""
    files = write_chain(folder, *chain)
    script = folder / "server.js"
    script.write_text(_NODE_SERVER)
    address = fresh_address()
    with _process([str(NODE), str(script), *map(str, files), address, str(PORT), options], address):
        yield address, PORT


@contextlib.contextmanager
def tlslite_server(folder: Path, chain: Sequence[Issued], **settings: object) -> Iterator[Place]:
    """tlslite-ng, written in Python alone: speaks what no OpenSSL of today does, and refuses what it need not take."""
    files = write_chain(folder, *chain)
    served = X509CertChain()
    served.parsePemList(files[0].read_text())
    key = parsePEMKey(files[1].read_text(), private=True, implementations=["python"])
    wanted = HandshakeSettings()
    for name, value in {"minVersion": (3, 3), **settings}.items():
        setattr(wanted, name, value)

    def handle(connection: socket.socket) -> None:
        tls = TLSConnection(connection)
        with contextlib.suppress(TLSError, OSError):
            tls.handshakeServer(certChain=served, privateKey=key, settings=wanted)
            tls.recv(1)
            tls.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            tls.close()

    with raw_server(handle) as place:
        yield place


@contextlib.contextmanager
def _process(command: Sequence[str], address: str) -> Iterator[None]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + STARTING
        while True:
            assert process.poll() is None, f"it ended by itself: {' '.join(command)}"
            with contextlib.suppress(OSError), socket.create_connection((address, PORT), 1):
                break
            assert time.monotonic() < deadline, f"nothing listens at {address}: {' '.join(command)}"
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def context(folder: Path, chain: Sequence[Issued], ciphers: str = AEAD) -> ssl.SSLContext:
    """Of Python's `ssl`, for a server with this chain."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(*write_chain(folder, *chain))
    made.set_ciphers(ciphers)
    return made


@contextlib.contextmanager
def resetting_server(made: ssl.SSLContext) -> Iterator[Place]:
    """A server that resets the connection where others would send an alert, as some load balancers do."""
    with raw_server(lambda connection: _shake(connection, made)) as place:
        yield place


@contextlib.contextmanager
def breaking_server(made: ssl.SSLContext) -> Iterator[Place]:
    """A server that resets every connection after its own first messages, as a proxy with a dead machine behind it."""
    with raw_server(lambda connection: _shake(connection, made, break_off=True)) as place:
        yield place


@contextlib.contextmanager
def limited_server(made: ssl.SSLContext, most: int) -> Iterator[Place]:
    """A server that closes every connection beyond so many at a time without a word."""
    slots = threading.Semaphore(most)

    def handle(connection: socket.socket) -> None:
        if not slots.acquire(blocking=False):
            return
        try:
            # Long enough that connections meet.
            time.sleep(0.004)
            with made.wrap_socket(connection, server_side=True) as tls:
                tls.recv(1)
        finally:
            slots.release()

    with raw_server(handle) as place:
        yield place


@contextlib.contextmanager
def slow_server(made: ssl.SSLContext, seconds: float) -> Iterator[Place]:
    """A server that thinks before each handshake."""

    def handle(connection: socket.socket) -> None:
        time.sleep(seconds)
        with made.wrap_socket(connection, server_side=True) as tls:
            tls.recv(1)

    with raw_server(handle) as place:
        yield place


def _shake(connection: socket.socket, made: ssl.SSLContext, *, break_off: bool = False) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = made.wrap_bio(incoming, outgoing, server_side=True)
    step: Callable[[], object] = tls.do_handshake
    while True:
        try:
            step()
        except ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
            if break_off:
                _reset(connection)
                return
            if not (data := connection.recv(16384)):
                return
            incoming.write(data)
        except ssl.SSLError:
            _reset(connection)
            return
        else:
            if step == tls.read:
                return
            connection.sendall(outgoing.read())
            step = tls.read


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
