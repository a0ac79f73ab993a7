"""Recognises protocols by the first bytes a listener sends, unasked or in answer to a harmless greeting. Pure.

Sources: RFC 9110 (HTTP), RFC 8446 (TLS), RFC 4253 section 4.2 (SSH), RFC 5321 (SMTP), RFC 959 (FTP), RFC 9051
(IMAP), RFC 1939 (POP3), RFC 6143 (VNC), RFC 854 (Telnet); the protocol chapters of PostgreSQL's, MySQL's, Redis's,
MongoDB's, memcached's and Cassandra's manuals, MS-TDS section 2.2, AMQP 0-9-1 section 4.2.2, AMQP 1.0 section 2.2,
Neo4j's Bolt handshake, RFC 4511 (LDAP), RFC 1035 (DNS), RFC 9113 section 3.4 (HTTP/2).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

SYNONYMS: dict[str, frozenset[str]] = {
    "https": frozenset({"https", "https-alt", "ssl/http", "ssl/https", "http/tls", "wss", "h2"}),
    "http": frozenset({"http", "http-alt", "http-proxy", "http-redirect", "www", "www-http", "ws"}),
    "postgresql": frozenset({"postgresql", "postgres", "pgsql"}),
    "mysql": frozenset({"mysql", "mariadb"}),
    "redis": frozenset({"redis", "valkey"}),
    "mongodb": frozenset({"mongodb", "mongo", "mongod"}),
    "mssql": frozenset({"mssql", "ms-sql-s", "ms-sql", "sqlserver", "tds"}),
    "memcached": frozenset({"memcached", "memcache"}),
    "bolt": frozenset({"bolt", "neo4j"}),
    "cassandra": frozenset({"cassandra", "cassandra-native", "cql"}),
    "oracle": frozenset({"oracle", "oracle-tns", "oracle-db"}),
    "db2": frozenset({"db2", "ibm-db2", "drda"}),
    "firebird": frozenset({"firebird", "gds_db"}),
    "ldap": frozenset({"ldap"}),
    "ldaps": frozenset({"ldaps", "ssl/ldap", "ldapssl"}),
    "amqp": frozenset({"amqp"}),
    "ssh": frozenset({"ssh", "sftp"}),
    "smtp": frozenset({"smtp", "submission"}),
    "smtps": frozenset({"smtps", "submissions", "ssl/smtp"}),
    "ftp": frozenset({"ftp"}),
    "ftps": frozenset({"ftps", "ssl/ftp"}),
    "imap": frozenset({"imap", "imap2"}),
    "imaps": frozenset({"imaps", "ssl/imap"}),
    "pop3": frozenset({"pop3", "pop-3"}),
    "pop3s": frozenset({"pop3s", "ssl/pop3"}),
    "amqps": frozenset({"amqps", "ssl/amqp"}),
    "telnet": frozenset({"telnet"}),
    "vnc": frozenset({"vnc", "rfb"}),
    "dns": frozenset({"dns", "domain"}),
    "tls": frozenset({"tls", "ssl"}),
}
"""Our name of a protocol to the names it goes by (IANA's, nmap's and everyday ones)."""

DATABASES = frozenset(
    {
        "postgresql", "mysql", "redis", "mongodb", "mssql", "memcached", "bolt", "cassandra", "oracle", "db2",
        "firebird",
    }
)  # fmt: skip
_NAMES = {synonym: name for name, synonyms in SYNONYMS.items() for synonym in synonyms}
OVER_TLS = {
    "http": "https", "smtp": "smtps", "ftp": "ftps", "imap": "imaps", "pop3": "pop3s", "amqp": "amqps", "ldap": "ldaps",
}  # fmt: skip
"""A protocol to its name when it is spoken inside TLS."""
MAY_BE_INSIDE_TLS = DATABASES.union(OVER_TLS.values(), {"amqp"})
"""Services of which it is not told by their name alone whether TLS comes first."""

MONGO_REQUEST = 0x53484C44
_DOCUMENT = (
    b"\x10hello\0" + struct.pack("<i", 1) + b"\x02$db\0" + struct.pack("<i", 6) + b"admin\0"
)  # BSON: {hello: 1, $db: "admin"}
_BSON = struct.pack("<i", len(_DOCUMENT) + 5) + _DOCUMENT + b"\0"

GREETINGS: dict[str, bytes] = {
    "http": b"GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: stagehold\r\nAccept: */*\r\nConnection: close\r\n\r\n",
    "postgresql": struct.pack("!ii", 8, 80877103),
    "redis": b"PING\r\n",
    "mongodb": struct.pack("<iiiiI", 21 + len(_BSON), MONGO_REQUEST, 0, 2013, 0) + b"\0" + _BSON,
    # PRELOGIN with one option, the version, and the terminator.
    "mssql": b"\x12\x01\x00\x14\x00\x00\x00\x00" + b"\x00\x00\x06\x00\x06\xff" + b"\x11\x00\x00\x00\x00\x00",
    "memcached": b"version\r\n",
    "amqp": b"AMQP\x00\x00\x09\x01",
    # OPTIONS, version 4 of the protocol.
    "cassandra": b"\x04\x00\x00\x00\x05\x00\x00\x00\x00",
    # A search for the root entry alone, without any of its attributes.
    "ldap": b"\x30\x2a\x02\x01\x01\x63\x25\x04\x00\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00"
    b"\x87\x0bobjectClass\x30\x05\x04\x031.1",
    "bolt": b"\x60\x60\xb0\x17" + b"\0\0\4\4\0\0\0\4\0\0\0\3\0\0\0\1",
    # A question for the root's name servers, without recursion; over TCP its length goes before.
    "dns": b"\x00\x11\x73\x68\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01",
}
"""What a client of the protocol says first; none of it asks for data, changes anything or logs in."""


_MYSQL_ERRORS = range(1000, 7000)


def _mysql(reply: bytes) -> bool:
    """A packet that holds the greeting of protocol 10, or an error, such as too many connections."""
    if len(reply) < 9 or int.from_bytes(reply[:3], "little") + 4 > len(reply) or reply[3] > 1:  # noqa: PLR2004
        return False
    if reply[4] == 0x0A:  # noqa: PLR2004 - the version of the protocol
        return bool(re.match(rb"[\x20-\x7e]{3,60}\x00", reply[5:]))
    code, words = int.from_bytes(reply[5:7], "little"), reply[7:]
    return reply[4] == 0xFF and code in _MYSQL_ERRORS and bool(re.match(rb"#?[\x20-\x7e]+", words))  # noqa: PLR2004


_BANNERS: tuple[tuple[str, Callable[[bytes], object]], ...] = (
    ("mongodb", re.compile(rb"HTTP/1\.[01] .*access MongoDB over HTTP", re.DOTALL).match),
    ("http", re.compile(rb"HTTP/[0-9.]+ [1-9][0-9]{2}").match),
    # The SETTINGS frame that a server of HTTP/2 without TLS sends first.
    ("http", re.compile(rb"\x00\x00[\x00-\xc0]\x04[\x00\x01]\x00\x00\x00\x00").match),
    ("ssh", re.compile(rb"SSH-[12]\.").match),
    ("smtp", re.compile(rb"220[ -][^\r\n]*(SMTP|Postfix|Exim|Sendmail|MailHog|Mailpit)", re.IGNORECASE).match),
    ("ftp", re.compile(rb"220[ -][^\r\n]*FTP", re.IGNORECASE).match),
    ("imap", re.compile(rb"\* (OK|PREAUTH)\b").match),
    ("pop3", re.compile(rb"\+OK\b").match),
    ("vnc", re.compile(rb"RFB [0-9]{3}\.[0-9]{3}\n").match),
    ("amqp", re.compile(rb"AMQP[\x00-\x03]|\x01\x00\x00.{4}\x00\x0a\x00\x0a", re.DOTALL).match),
    ("telnet", re.compile(rb"\xff[\xfb-\xfe].", re.DOTALL).match),
    ("mysql", _mysql),
    ("tls", re.compile(rb"\x16\x03[\x00-\x04]|\x15\x03[\x00-\x04]\x00\x02").match),
)


def canonical(service: str) -> str:
    """Our name of a service, or the declared one in lower case when it is none of ours."""
    name = service.strip().lower()
    return _NAMES.get(name, name)


def recognise(reply: bytes, greeting: str = "") -> str:
    """The protocol that these first bytes belong to, a key of `SYNONYMS`; empty when they tell nothing.

    Args:
        reply: what the listener sent.
        greeting: the key of `GREETINGS` it was greeted with; short answers mean something only as answers.
    """
    if reply and reply == GREETINGS.get(greeting):
        # An echo says nothing of who speaks.
        return ""
    if greeting in _ANSWERS and _ANSWERS[greeting](reply):
        return greeting
    return next((name for name, fits in _BANNERS if fits(reply)), "")


def _mongo(reply: bytes) -> bool:
    if len(reply) < 16:  # noqa: PLR2004 - a message header
        return False
    _, _, about, code = struct.unpack("<iiii", reply[:16])
    return about == MONGO_REQUEST and code in {1, 2013}


def _postgres(reply: bytes) -> bool:
    return reply in {b"S", b"N"} or (reply[:1] == b"E" and bool(re.search(rb"S(FATAL|ERROR)\x00", reply)))


_ANSWERS: dict[str, Callable[[bytes], object]] = {
    "postgresql": _postgres,
    "redis": re.compile(rb"\+PONG|-(NOAUTH|DENIED|ERR|LOADING|MISCONF)\b").match,
    "mongodb": _mongo,
    "mssql": re.compile(rb"\x04\x01").match,
    "memcached": re.compile(rb"VERSION ").match,
    "bolt": re.compile(rb"\x00\x00[\x00-\x09][\x01-\x09]$").match,
    "cassandra": re.compile(rb"[\x83-\x86].\x00\x00[\x00\x06]", re.DOTALL).match,
    "ldap": re.compile(rb"\x30(?:[\x00-\x7f]|\x81.|\x82..|\x84....)\x02\x01[\x00\x01][\x64\x65\x78]", re.DOTALL).match,
    # A response (RFC 1035 section 4.1.1) to that very question.
    "dns": re.compile(rb"..\x73\x68[\x80-\xff].", re.DOTALL).match,
}
"""Short answers, which mean something only as answers to the greeting of the same name."""


def spoken_by(declared: str, seen: str) -> bool:
    """Whether what was seen is what is declared; `tls` stands for anything inside TLS."""
    wanted = canonical(declared)
    return seen == wanted or (wanted == "tls" and seen in OVER_TLS.values())
