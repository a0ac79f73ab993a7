"""SSH servers as they are: OpenSSH in several configurations, asyncssh, and listeners that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from stagehold.environment.model import Environment
from stagehold.errors import NotAllowed, NotApplicable, ProbeError
from stagehold.network.door import Network
from stagehold.probes.ssh import hello, look
from stagehold.probes.ssh.look import SshServer, SshServers, look_at_ssh
from tests.probes.judged import outcomes
from tests.probes.tls_servers import fresh_address, raw_server

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
MODERN = (
    "KexAlgorithms curve25519-sha256,sntrup761x25519-sha512@openssh.com",
    "HostKeyAlgorithms ssh-ed25519,rsa-sha2-512",
    "Ciphers chacha20-poly1305@openssh.com,aes256-gcm@openssh.com",
    "MACs hmac-sha2-256-etm@openssh.com",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
)
"""What a hardened sshd says; the first line for a keyword counts, so a test puts its own in front."""


@pytest.fixture(scope="module")
def sshd() -> str:
    """The system's sshd, which wants to be named in full."""
    program = shutil.which("sshd", path=PATH)
    if program is None:
        reason = "there is no sshd here (.ci/setup-tests installs it)"
        if os.environ.get("STAGEHOLD_REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    return program


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with host keys of two kinds."""
    folder = tmp_path_factory.mktemp("keys")
    for kind in ("ed25519", "rsa"):
        asyncssh.generate_private_key(f"ssh-{kind}").write_private_key(folder / kind)
        (folder / kind).chmod(0o600)
    return folder


@contextlib.contextmanager
def openssh(sshd: str, keys: Path, *lines: str) -> Iterator[tuple[str, int]]:
    """A real sshd on an address of its own; `lines` are put before those of `MODERN`."""
    address, folder = fresh_address(), keys
    with socket.create_server((address, 0)) as free:
        port = free.getsockname()[1]
    config = folder / f"sshd_config_{port}"
    fixed = [
        f"Port {port}",
        f"ListenAddress {address}",
        *(f"HostKey {folder / kind}" for kind in ("ed25519", "rsa")),
        "UsePAM no",
        "StrictModes no",
        f"PidFile {folder}/{port}.pid",
    ]
    config.write_text("\n".join([*fixed, *lines, *MODERN]) + "\n")
    with (folder / f"{port}.log").open("w+b") as log:
        server = subprocess.Popen([sshd, "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stderr=log)
        try:
            _wait_for(address, port, server, folder / f"{port}.log")
            yield address, port
        finally:
            server.terminate()
            server.wait(5)


def _wait_for(address: str, port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        if "listening" in log.read_text().lower():
            return
        assert server.poll() is None, log.read_text()
        time.sleep(0.02)
    pytest.fail(f"sshd does not listen on {address} port {port}: {log.read_text()}")


@contextlib.contextmanager
def asyncssh_server(**options: Any) -> Iterator[tuple[str, int]]:
    """A server of another make, with the key of nobody accepted."""
    address, loop = fresh_address(), asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    key = asyncssh.generate_private_key("ssh-ed25519")
    settings: dict[str, Any] = {
        "server_host_keys": [key],
        "authorized_client_keys": asyncssh.import_authorized_keys(key.export_public_key().decode()),
        "server_factory": asyncssh.SSHServer,
        "kex_algs": ["curve25519-sha256", "diffie-hellman-group16-sha512"],
        "encryption_algs": ["aes128-gcm@openssh.com"],
        "mac_algs": ["hmac-sha2-256"],
        **options,
    }

    async def listen() -> Any:
        return await asyncssh.listen(address, 0, **settings)

    listening = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    try:
        yield address, listening.get_port()
    finally:
        loop.call_soon_threadsafe(listening.close)
        loop.call_soon_threadsafe(loop.stop)


def environment(address: str, port: int, more: Mapping[str, object]) -> Environment:
    """One host with one SSH server."""
    document: dict[str, Any] = {
        "environment": {"id": "x"},
        "targets": [{"name": "web", "base_url": "https://app.test", "addresses": ["192.0.2.7"]}],
        "hosts": [{"name": "bastion", "ipv4": [address], "ports": [{"port": port, "service": "ssh", **more}]}],
    }
    return Environment.model_validate(document)


def seen(place: tuple[str, int], **more: object) -> SshServer:
    """What the probe sees of one server."""
    described = environment(*place, more)
    return look_at_ssh(Network.build(described), described, Path()).seen[0]


def verdict(server: SshServer) -> str:
    """What the check says of it."""
    return outcomes("ports", {"ssh_servers": SshServers((server,))})["NET-015"]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the second try."""
    monkeypatch.setattr(look, "_PAUSE", 0.0)


def test_a_hardened_sshd_passes(sshd: str, keys: Path) -> None:
    """Keys only, and algorithms of today."""
    with openssh(sshd, keys) as place:
        server = seen(place)
    assert [told.names for told in server.methods] == [("publickey",)]
    assert verdict(server) == "passed"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("PasswordAuthentication yes", "accepts password from a user that does not exist"),
        ("KbdInteractiveAuthentication yes", "accepts keyboard-interactive from a user that does not exist"),
        ("KexAlgorithms +diffie-hellman-group1-sha1", "key exchange diffie-hellman-group1-sha1"),
        ("KexAlgorithms curve25519-sha256,diffie-hellman-group14-sha1", "key exchange diffie-hellman-group14-sha1"),
        ("HostKeyAlgorithms ssh-ed25519,ssh-rsa", "host key ssh-rsa"),
        ("Ciphers aes256-ctr,aes128-cbc", "cipher aes128-cbc"),
        ("Ciphers aes256-ctr,3des-cbc", "cipher 3des-cbc"),
        ("MACs hmac-sha2-256,hmac-md5", "MAC hmac-md5"),
        ("MACs hmac-sha2-256,umac-64@openssh.com", "MAC umac-64@openssh.com"),
    ],
)
def test_each_weakness_of_an_sshd_fails(sshd: str, keys: Path, line: str, words: str) -> None:
    """One setting of a real sshd at a time, and nothing else is complained about."""
    with openssh(sshd, keys, line) as place:
        server = seen(place)
    assert len(server.complaints) == 1
    assert words in server.complaints[0]
    assert server.doubts == ()
    assert verdict(server) == "failed"


def test_an_sshd_with_only_weak_algorithms_is_still_asked_for_its_methods(sshd: str, keys: Path) -> None:
    """A key exchange comes about with the algorithms of yesterday, too."""
    old = ("KexAlgorithms diffie-hellman-group1-sha1", "HostKeyAlgorithms ssh-rsa", "Ciphers 3des-cbc", "MACs hmac-md5")
    with openssh(sshd, keys, *old, "PasswordAuthentication yes") as place:
        server = seen(place)
    assert server.problem == ""
    assert server.methods[0].names == ("publickey", "password")


def test_a_second_factor_after_a_key_is_no_password(sshd: str, keys: Path) -> None:
    """`AuthenticationMethods publickey,password` lets nobody begin with a password."""
    lines = ("PasswordAuthentication yes", "AuthenticationMethods publickey,password")
    with openssh(sshd, keys, *lines) as place:
        assert verdict(seen(place)) == "passed"


def test_named_users_are_asked_for_as_well(sshd: str, keys: Path) -> None:
    """A `Match User` block makes an exception that a stranger does not see."""
    with openssh(sshd, keys, *MODERN, "Match User backup", "PasswordAuthentication yes", "Match all") as place:
        stranger, both = seen(place), seen(place, users=["backup"])
    assert verdict(stranger) == "passed"
    assert both.complaints == ("accepts password from backup",)


def test_a_server_of_another_make_is_judged_alike() -> None:
    """One of asyncssh with keys only passes, with passwords fails, and with nothing asked for fails."""

    class WithPasswords(asyncssh.SSHServer):
        def password_auth_supported(self) -> bool:
            return True

    class Open(asyncssh.SSHServer):
        def begin_auth(self, username: str) -> bool:
            return False

    with asyncssh_server() as place:
        assert verdict(seen(place)) == "passed"
    with asyncssh_server(server_factory=WithPasswords) as place:
        assert "password" in seen(place).complaints[0]
    with asyncssh_server(server_factory=Open) as place:
        server = seen(place)
    assert server.complaints == ("lets a user that does not exist in without asking for anything",)
    assert verdict(server) == "failed"


def test_a_server_without_a_common_key_exchange_is_not_judged(sshd: str, keys: Path) -> None:
    """What its methods are is not known then, though its algorithms are."""
    listening = _scripted(kex="own-exchange@vendor.test")
    with raw_server(listening) as place:
        server = seen(place)
    assert "no key exchange that is known here" in server.problem
    assert any("not in the profile: key exchange own-exchange@vendor.test" in doubt for doubt in server.doubts)
    assert verdict(server) == "inconclusive"


def _packet(payload: bytes) -> bytes:
    padding = 8 - (len(payload) + 5) % 8 + 8
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def _kexinit(kex: str = "curve25519-sha256", host_key: str = "ssh-ed25519") -> bytes:
    names = [kex, host_key, *["aes256-ctr"] * 2, *["hmac-sha2-256"] * 2, *["none"] * 2, "", ""]
    lists = b"".join(struct.pack(">I", len(name)) + name.encode() for name in names)
    return _packet(b"\x14" + bytes(16) + lists + bytes(5))


def _scripted(kex: str) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(b"SSH-2.0-scripted\r\n" + _kexinit(kex))
            connection.settimeout(0.5)
            while connection.recv(4096):
                pass

    return answer


def _says(*parts: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for part in parts:
                connection.sendall(part)
            connection.settimeout(0.5)
            connection.recv(4096)

    return answer


def _silent(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.settimeout(4)
        while connection.recv(4096):
            pass


DISCONNECT = _packet(b"\x01" + struct.pack(">I", 12) + struct.pack(">I", 18) + b"Too many sessions!" + bytes(4))
BANNER = b"SSH-2.0-x\r\n"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda connection: connection.close(), "limiting connections"),
        (_silent, "it said too little within"),
        (_says(b"Exceeded MaxStartups\r\n"), "it hangs up after"),
        (_says(b"Not allowed at this time\r\n" * 60), "it greets with no version of SSH"),
        (_says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "it hangs up after"),
        (_says(BANNER), "limiting connections"),
        (_says(BANNER, b"\xff" * 40), "no packet of SSH"),
        (_says(BANNER, DISCONNECT), "refuses to go on: .*Too many sessions!"),
        (_says(BANNER, _packet(b"\x14" + bytes(16) + b"\0\0\0\x40abc")), "cut short"),
        (_says(BANNER, _packet(b"\x14" + bytes(16) + bytes(40))), "offers nothing at all"),
    ],
    ids=["hangs-up", "silent", "throttled", "talks", "http", "banner-only", "garbage", "disconnect", "short", "empty"],
)
def test_a_server_that_does_not_say_enough_is_not_judged(
    answer: Callable[[socket.socket], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each way of not answering is inconclusive, with its reason."""
    monkeypatch.setattr(hello, "SECONDS", 0.7)
    with raw_server(answer) as place:
        server = seen(place)
    with pytest.raises(ProbeError, match=words):
        SshServers((server,)).require_complete()
    assert verdict(server) == "inconclusive"


def test_messages_before_the_algorithms_are_passed_over() -> None:
    """A server may say something in clear lines, and send messages that are to be ignored."""
    ignore = _packet(b"\x02" + struct.pack(">I", 3) + b"abc")
    with (
        raw_server(_says(b"Welcome\r\n" + BANNER + ignore + _kexinit())) as (address, port),
        socket.create_connection((address, port), 3) as connection,
    ):
        told = hello.read_hello(connection)
    assert told.kex == ("curve25519-sha256",)
    assert told.mac == ("hmac-sha2-256",)


def test_a_closed_port_is_not_judged() -> None:
    """Nobody listens: that is NET-002's to fail, and nothing is known here."""
    address = fresh_address()
    with socket.create_server((address, 0)) as free:
        port = free.getsockname()[1]
    server = seen((address, port))
    assert "no connection" in server.problem
    assert verdict(server) == "inconclusive"


def test_a_throttled_connection_is_tried_once_more() -> None:
    """Servers limit connections for moments: the second answer counts."""
    tries: list[int] = []

    def answer(connection: socket.socket) -> None:
        tries.append(1)
        if len(tries) == 1:
            connection.close()
        else:
            _scripted("curve25519-sha256")(connection)

    with raw_server(answer) as place:
        server = seen(place)
    assert server.hello is not None
    assert len(tries) > 1


def test_without_ssh_the_check_does_not_apply() -> None:
    """No port with `service: ssh` is declared."""
    described = environment("127.0.0.1", 443, {"service": "https"})
    with pytest.raises(NotApplicable, match="no host declares a port with `service: ssh`"):
        look_at_ssh(Network.build(described), described, Path())


def test_traffic_needs_consent() -> None:
    """An environment that consents to reading only is not connected to."""
    described = environment("127.0.0.1", 22, {})
    described = described.model_copy(update={"consent": described.consent.model_copy(update={"classes": ()})})
    with pytest.raises(NotAllowed, match="ordinary"):
        look_at_ssh(Network.build(described), described, Path())


def test_nobodys_known_hosts_are_written(
    sshd: str, keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home folder stays as empty as it was."""
    monkeypatch.setenv("HOME", str(tmp_path))
    with openssh(sshd, keys) as place:
        assert verdict(seen(place)) == "passed"
    assert list(tmp_path.iterdir()) == []
