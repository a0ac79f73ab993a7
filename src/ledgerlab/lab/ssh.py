"""The administrators' entrance to the web host: an SSH server (asyncssh) that lets in who has the right key."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ledgerlab.lab.errors import LabError
from ledgerlab.lab.plan import SSH_PORT

if TYPE_CHECKING:
    import asyncssh

_PATIENCE = 10
_KEX = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "diffie-hellman-group16-sha512",
)
_CIPHERS = ("chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr")
_CODES = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-512")


class SshServer:
    """Listens once it was told to; its host key is a new one each time it starts."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[asyncssh.SSHAcceptor] = []
        self._passwords: bool | None = None

    def serve(self, addresses: Sequence[str], *, passwords: bool) -> None:
        """Listens at these addresses, with passwords or without; nothing changes where it does already.

        Raises:
            LabError: the port cannot be had.
        """
        if passwords is self._passwords:
            return
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            threading.Thread(target=self._loop.run_forever, daemon=True, name="ssh").start()
        begun = asyncio.run_coroutine_threadsafe(self._begin(addresses, passwords), self._loop)
        try:
            begun.result(_PATIENCE)
        except (OSError, TimeoutError) as error:
            raise LabError(f"SSH cannot listen on port {SSH_PORT}: {error}") from error
        self._passwords = passwords

    async def _begin(self, addresses: Sequence[str], passwords: bool) -> None:
        import asyncssh  # noqa: PLC0415 - takes a third of a second, while PostgreSQL is being made

        class Administrators(asyncssh.SSHServer):
            def password_auth_supported(self) -> bool:
                return True  # where the configuration has passwords; none is right, but any may be tried

        for listener in self._listeners:
            listener.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(listener.wait_closed(), 2)
        self._listeners = []
        key, administrator = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
        accepted = asyncssh.import_authorized_keys(administrator.export_public_key().decode())
        for address in addresses:
            self._listeners.append(
                await asyncssh.listen(
                    address,
                    SSH_PORT,
                    server_host_keys=[key],
                    authorized_client_keys=accepted,
                    server_factory=Administrators,
                    password_auth=passwords,
                    kbdint_auth=False,
                    kex_algs=_KEX,
                    encryption_algs=_CIPHERS,
                    mac_algs=_CODES,
                    login_timeout=20,
                    reuse_address=True,
                    config=None,
                )
            )
