"""Algorithms of SSH, judged by name: each verdict by table, and the data file as a whole."""

from __future__ import annotations

import pytest

from stagehold.probes.ssh.hello import ServerHello
from stagehold.probes.ssh.look import Methods, SshServer, SshServers
from stagehold.probes.ssh.profile import Verdict, judge, judge_all

STRICT = "kex-strict-s-v00@openssh.com"
SOUND = ServerHello("SSH-2.0-x", ("curve25519-sha256", STRICT), ("ssh-ed25519",), ("aes256-ctr",), ("hmac-sha2-256",))


def _weak(hello: ServerHello) -> list[str]:
    return [item.name for item in judge_all(hello) if item.verdict is Verdict.WEAK]


@pytest.mark.parametrize(
    ("about", "name", "verdict"),
    [
        ("kex", "curve25519-sha256@libssh.org", "sound"),
        ("kex", "mlkem768x25519-sha256", "sound"),
        ("kex", "sntrup761x25519-sha512", "sound"),
        ("kex", "diffie-hellman-group14-sha256", "sound"),
        ("kex", "gss-group16-sha512-toWM5Slw5Ew8Mqkay+al2g==", "sound"),
        ("kex", "diffie-hellman-group1-sha1", "weak"),
        ("kex", "diffie-hellman-group14-sha1", "weak"),
        ("kex", "diffie-hellman-group-exchange-sha1", "weak"),
        ("kex", "gss-gex-sha1-toWM5Slw5Ew8Mqkay+al2g==", "weak"),
        ("kex", "rsa1024-sha1", "weak"),
        ("kex", STRICT, "signal"),
        ("kex", "own-exchange@vendor.test", "unknown"),
        ("host_key", "rsa-sha2-512", "sound"),
        ("host_key", "ssh-ed25519-cert-v01@openssh.com", "sound"),
        ("host_key", "ssh-rsa", "weak"),
        ("host_key", "ssh-rsa-cert-v01@openssh.com", "weak"),
        ("host_key", "ssh-dss", "weak"),
        ("cipher", "chacha20-poly1305@openssh.com", "sound"),
        ("cipher", "aes128-gcm@openssh.com", "sound"),
        ("cipher", "arcfour256", "weak"),
        ("cipher", "aes256-cbc", "weak"),
        ("cipher", "rijndael-cbc@lysator.liu.se", "weak"),
        ("cipher", "3des-cbc", "weak"),
        ("cipher", "none", "weak"),
        ("mac", "hmac-sha2-512-etm@openssh.com", "sound"),
        ("mac", "umac-128@openssh.com", "sound"),
        ("mac", "umac-64-etm@openssh.com", "weak"),
        ("mac", "hmac-md5-96-etm@openssh.com", "weak"),
        ("mac", "hmac-sha1-96", "weak"),
        ("mac", "hmac-sha2-256-96", "weak"),
        ("mac", "hmac-sha3-256", "unknown"),
    ],
)
def test_each_name_gets_its_verdict(about: str, name: str, verdict: str) -> None:
    """What RFC 9142, RFC 8758, RFC 8332, OpenSSH and CIS say; a name nobody has judged is unknown."""
    judged = judge(about, name)
    assert judged.verdict.value == verdict
    assert bool(judged.source) is (verdict != "unknown")


def test_chacha_needs_strict_key_exchange() -> None:
    """Without it somebody in between can cut messages off (CVE-2023-48795); CBC with encrypt-then-MAC likewise."""
    chacha = ServerHello("SSH-2.0-x", SOUND.kex, SOUND.host_key, ("chacha20-poly1305@openssh.com",), SOUND.mac)
    assert _weak(chacha) == []
    plain = ServerHello("SSH-2.0-x", ("curve25519-sha256",), SOUND.host_key, chacha.cipher, SOUND.mac)
    assert _weak(plain) == ["chacha20-poly1305@openssh.com"]


@pytest.mark.parametrize(("version", "weak"), [("SSH-1.99-old", True), ("SSH-1.5-older", True), ("SSH-2.0-x", False)])
def test_ssh_1_is_weak(version: str, *, weak: bool) -> None:
    """Version 1.99 says that version 1 is spoken as well (RFC 4253 section 5.1)."""
    hello = ServerHello(version, SOUND.kex, SOUND.host_key, SOUND.cipher, SOUND.mac)
    assert _weak(hello) == ([version] if weak else [])


@pytest.mark.parametrize(
    ("methods", "complaint", "doubt"),
    [
        (("publickey",), "", ""),
        (("publickey", "gssapi-with-mic"), "", ""),
        (("publickey", "password"), "accepts password from a", ""),
        (("keyboard-interactive",), "accepts keyboard-interactive from a", ""),
        (("none",), "lets a in without asking for anything", ""),
        ((), "", "names no method for a"),
        (("publickey", "pin@vendor.test"), "", "unknown method pin@vendor.test"),
    ],
)
def test_methods_are_judged(methods: tuple[str, ...], complaint: str, doubt: str) -> None:
    """Passwords in either form fail, no question fails, and what nobody has defined is not taken for sound."""
    server = SshServer("web", "192.0.2.7", 22, "external", SOUND, (Methods("a", methods),))
    assert server.complaints == ((complaint,) if complaint else ())
    assert server.doubts == ((doubt,) if doubt else ())


def test_nothing_seen_is_no_pass() -> None:
    """Without a server that was looked at, nothing is complete."""
    with pytest.raises(Exception, match="no SSH server was looked at"):
        SshServers(()).require_complete()
