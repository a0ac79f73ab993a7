"""Where the service hands in its mail: a submission server (aiosmtpd) that speaks STARTTLS and wants a login."""

from __future__ import annotations

import asyncio
import logging
import ssl
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ledgerlab.lab.errors import LabError
from ledgerlab.lab.plan import MAIL_NAME, MAIL_PORT

if TYPE_CHECKING:
    from aiosmtpd.smtp import AuthResult

_PATIENCE = 10
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


class MailServer:
    """Listens once it was told to, with the certificate that was issued by then."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._servers: list[asyncio.Server] = []
        self._login_without_tls: bool | None = None

    def serve(self, addresses: Sequence[str], pki: Path, *, login_without_tls: bool) -> None:
        """Listens at these addresses; nothing changes where it does already, and logins are as they were.

        Args:
            addresses: of the host.
            pki: the folder with `mail.pem` and `mail.key`.
            login_without_tls: whether a login is offered and taken before TLS, too.

        Raises:
            LabError: the port cannot be had.
        """
        if login_without_tls is self._login_without_tls:
            return
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, daemon=True, name="mail").start()
        begun = asyncio.run_coroutine_threadsafe(self._begin(addresses, pki, login_without_tls), self._loop)
        try:
            begun.result(_PATIENCE)
        except (OSError, TimeoutError) as error:
            raise LabError(f"The mail server cannot listen on port {MAIL_PORT}: {error}") from error
        self._login_without_tls = login_without_tls

    async def _begin(self, addresses: Sequence[str], pki: Path, login_without_tls: bool) -> None:
        from aiosmtpd.smtp import SMTP  # noqa: PLC0415 - while PostgreSQL is being made

        # Otherwise every handshake that is declined leaves a traceback.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        for server in self._servers:
            server.close()
        self._servers = []
        context = _tls(pki)

        def session() -> asyncio.Protocol:
            return SMTP(
                _Outbox(),
                hostname=MAIL_NAME,
                ident="ledgerlab ESMTP",
                tls_context=context,
                auth_required=True,
                auth_require_tls=not login_without_tls,
                authenticator=_refuse,
                loop=asyncio.get_running_loop(),
            )

        for address in addresses:
            self._servers.append(
                await asyncio.get_running_loop().create_server(session, address, MAIL_PORT, reuse_address=True)
            )


class _Outbox:
    """Where mail would go; nobody gets as far."""

    async def handle_DATA(self, *_: object) -> str:  # noqa: N802 - aiosmtpd's
        return "451 4.3.0 Not now"


def _refuse(*_: object) -> AuthResult:
    """Any login may be tried, and none is right."""
    from aiosmtpd.smtp import AuthResult  # noqa: PLC0415

    return AuthResult(success=False, handled=False)


def _tls(pki: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.load_cert_chain(pki / "mail.pem", pki / "mail.key")
    return context
