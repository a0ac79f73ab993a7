"""Faults of the TLS listener and its certificates."""

from __future__ import annotations

from ledgerlab.defects.model import Certificate, Defect, Edit, NewFile

_OLD_PRIME = """\
-----BEGIN DH PARAMETERS-----
MIGHAoGBAOz5oEjqoqM/6oqPO7fWjnGNb6kVjIltdU6le4bscYHFT8JAZw7sMG4b
mkUPZzkKN1TpLBXUOH/GHcc4RBzZYtzgVGg4IRFkVAXpz2tdK0IA+UbozJnSKBIg
U0bScb2Ipindn8L26vg7+DTOxABAeHx6Y2SBBfFD1s+O5rgPDCP/AgEC
-----END DH PARAMETERS-----
"""
"""Of 1024 bits, made with `openssl dhparam`."""

_HEARTBEATS = '''"""Heartbeats (RFC 6520) for partners whose firewalls forget connections that are idle."""

from __future__ import annotations

import struct
from asyncio.sslproto import SSLProtocol

HEARTBEAT = 24
_received = SSLProtocol.buffer_updated
_memory = bytearray(65536)


def _answer(connection: SSLProtocol, size: int) -> None:
    data = connection.get_buffer(size)[:size]
    if size < 8 or data[0] != HEARTBEAT:
        _received(connection, size)
        return
    _memory[: size - 8] = data[8:]
    (length,) = struct.unpack_from("!H", data, 6)
    body = struct.pack("!BH", 2, length) + _memory[: length + 16]
    connection._transport.write(struct.pack("!B2sH", HEARTBEAT, data[1:3].tobytes(), len(body)) + body)


def answer_heartbeats() -> None:
    """Makes every listener of this process answer them."""
    SSLProtocol.buffer_updated = _answer
'''
"""The mistake of OpenSSL 1.0.1: as many bytes are sent back as the message says that it carries."""

_EARLY_DATA = '''"""Early data of TLS 1.3 (RFC 8446 section 2.3), which Python's `ssl` has no switch for."""

from __future__ import annotations

import _ssl
import ctypes
import ssl

LIBRARY = ctypes.PyDLL(getattr(_ssl, "__file__", None))
LIBRARY.SSL_set_max_early_data.argtypes = [ctypes.c_void_p, ctypes.c_uint32]
LIBRARY.SSL_read_early_data.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]
LIBRARY.SSL_get_error.argtypes = [ctypes.c_void_p, ctypes.c_int]
MOST = 16384
ERROR, MORE, FINISHED = range(3)
WANT_READ = 2


class EarlyObject(ssl.SSLObject):
    """Reads what comes before the end of the handshake, and hands it out first."""

    _early = b""
    _finished = False

    def _handle(self) -> int:
        # After the head of the object and its socket.
        address = id(self._sslobj) + object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p)
        return ctypes.c_void_p.from_address(address).value or 0

    def do_handshake(self) -> None:
        connection, data, read = self._handle(), ctypes.create_string_buffer(MOST), ctypes.c_size_t()
        LIBRARY.SSL_set_max_early_data(connection, MOST)
        while not self._finished:
            LIBRARY.ERR_clear_error()
            answer = LIBRARY.SSL_read_early_data(connection, data, MOST, ctypes.byref(read))
            if answer == ERROR:
                if LIBRARY.SSL_get_error(connection, 0) == WANT_READ:
                    raise ssl.SSLWantReadError(WANT_READ, "more is to come")
                break
            self._early += data.raw[: read.value]
            self._finished = answer == FINISHED
        super().do_handshake()

    def read(self, len: int = 1024, buffer: bytearray | memoryview | None = None) -> bytes | int:
        if not self._early:
            return super().read(len, buffer)
        part, self._early = self._early[:len], self._early[len:]
        if buffer is None:
            return part
        buffer[: part.__len__()] = part
        return part.__len__()
'''

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "mail-login-without-tls",
        "An old scanner cannot speak TLS, so the mail server takes logins without (smtpd_tls_auth_only=no).",
        mail_login_without_tls=True,
    ),
    Defect(
        "tls-1.1-accepted",
        "The https listener still accepts TLS 1.1, for some old client, and with it suites without AEAD.",
        settings={
            "minimum_tls": "TLSv1_1",
            "ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0",
        },
    ),
    Defect(
        "tls-1.3-missing",
        "The https listener was pinned to TLS 1.2 during an incident, and stayed so.",
        settings={"maximum_tls": "TLSv1_2"},
    ),
    Defect(
        "cbc-suite-accepted",
        "A CBC suite was put back into the list of suites, for some old client.",
        settings={"ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA256"},
    ),
    Defect(
        "null-suite-accepted",
        "A suite without encryption, once enabled to read the traffic, is still accepted.",
        settings={"ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"},
    ),
    Defect(
        "static-rsa-suite-accepted",
        "Under the partners' name a suite without fresh keys is accepted, with an RSA certificate for it.",
        settings={"partner_ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:AES128-GCM-SHA256"},
        certificate=Certificate(rsa_bits=2048),
    ),
    Defect(
        "small-curve-accepted",
        "A curve of 224 bits was put at the head of the list of groups, for the terminals of one customer.",
        edits=(Edit("openssl.cnf", "Groups = X25519:", "Groups = secp224r1:X25519:"),),
    ),
    Defect(
        "small-dh-prime",
        "Under the partners' name DHE is accepted, with a prime of 1024 bits that came along from the old server.",
        settings={"partner_ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:DHE-RSA-AES128-GCM-SHA256:@SECLEVEL=1"},
        certificate=Certificate(rsa_bits=2048),
        files=(NewFile("dhparam.pem", _OLD_PRIME),),
        edits=(
            Edit(
                "listeners.py",
                "    def choose(connection",
                '    partners.load_dh_params(Path(__file__).with_name("dhparam.pem"))\n\n    def choose(connection',
            ),
        ),
    ),
    Defect(
        "client-renegotiation-allowed",
        "Renegotiation by clients was switched on again, for a program that asks for it on long connections.",
        edits=(
            Edit(
                "listeners.py",
                "| ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION\n",
                "| ssl.OP_NO_COMPRESSION\n"
                "    # SSL_OP_ALLOW_CLIENT_RENEGOTIATION, which Python does not name.\n"
                "    context.options |= 0x100\n",
            ),
        ),
    ),
    Defect(
        "heartbleed-at-the-listener",
        "The listener answers heartbeats, with as many bytes as they claim to carry, out of its memory.",
        files=(NewFile("heartbeats.py", _HEARTBEATS),),
        edits=(
            Edit(
                "listeners.py",
                "    context = tls_context(settings)\n",
                "    answer_heartbeats()\n    context = tls_context(settings)\n",
            ),
            Edit(
                "listeners.py",
                "from ledgerlab.service.config import Settings\n",
                "from ledgerlab.service.config import Settings\n"
                "from ledgerlab.service.heartbeats import answer_heartbeats\n",
            ),
        ),
    ),
    Defect(
        "early-data-accepted",
        "Early data of TLS 1.3 was switched on, to save partners far away a round trip; every request is taken early.",
        files=(NewFile("early_data.py", _EARLY_DATA),),
        edits=(
            Edit(
                "listeners.py",
                "    context.load_cert_chain(certificate, key)\n",
                "    context.sslobject_class = EarlyObject\n    context.load_cert_chain(certificate, key)\n",
            ),
            Edit(
                "listeners.py",
                "from ledgerlab.service.middleware import HSTS,",
                "from ledgerlab.service.early_data import EarlyObject\nfrom ledgerlab.service.middleware import HSTS,",
            ),
        ),
    ),
    Defect(
        "weak-certificate-key",
        "The certificate of the partners' name has an RSA key of 1024 bits, which their old programs asked for.",
        settings={"partner_ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=0"},
        certificate=Certificate(rsa_bits=1024),
    ),
    Defect(
        "incomplete-chain",
        "Under the partners' name the intermediate certificate is not served.",
        certificate=Certificate(with_intermediate=False),
    ),
    Defect(
        "certificate-for-other-name",
        "Under the partners' name the certificate of another service is installed.",
        certificate=Certificate(name="payroll.demo.test"),
    ),
    Defect(
        "certificate-expires-soon",
        "The certificate of the partners' name has three days left; nobody renewed it.",
        certificate=Certificate(days_left=3),
    ),
    Defect(
        "certificate-lives-too-long",
        "The certificate of the partners' name was issued for two years, so that nobody has to think of it.",
        certificate=Certificate(days_left=730),
    ),
    Defect(
        "certificate-revoked",
        "The certificate of the partners' name was revoked after its key had leaked, and never replaced.",
        certificate=Certificate(revoked=True),
    ),
    Defect(
        "api-redirects-plain-http",
        "Programs that come over plain HTTP are sent on to https, so that their address need not be mended.",
        edits=(
            Edit(
                "listeners.py",
                '            headers = [(b"content-length", b"0")]\n'
                '            await send({"type": "http.response.start", "status": 403, "headers": headers})\n',
                "            goal = f\"https://{settings.api_name}:{settings.https_port}{scope['path']}\".encode()\n"
                '            headers = [(b"location", goal), (b"content-length", b"0")]\n'
                '            await send({"type": "http.response.start", "status": 308, "headers": headers})\n',
            ),
        ),
    ),
    Defect(
        "login-over-plain-http",
        "The plain-HTTP port serves the login page itself, for devices that could not follow the redirect.",
        edits=(
            Edit(
                "listeners.py",
                "        plain = redirect_app(settings)\n",
                "        redirect = redirect_app(settings)\n\n"
                "        async def plain(scope: Scope, receive: Receive, send: Send) -> None:\n"
                '            served = protection if scope.get("path") == "/login" else redirect\n'
                "            await served(scope, receive, send)\n\n",
            ),
        ),
    ),
)
