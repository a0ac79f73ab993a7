"""How an SSH server would let a user in, as it answers the request `none` (RFC 4252 sections 5.1 and 5.2).

asyncssh does the key exchange, with every algorithm it knows: whoever is asked is only asked. No key, agent,
password, configuration or list of known hosts is read or written, and the host key is believed, whatever it is.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from concurrent.futures import ThreadPoolExecutor

import asyncssh

from stagehold.errors import ProbeError

SECONDS = 15.0
"""For the key exchange and one answer."""
PASSWORDS = frozenset({"password", "keyboard-interactive"})
"""RFC 4252 section 8, RFC 4256: both end in somebody typing what can be guessed."""
NOBODY_ASKED = "none"
OTHERS = frozenset({"publickey", "hostbased", "gssapi-with-mic", "gssapi-keyex"})
"""RFC 4252 sections 7 and 9, RFC 4462."""

logging.getLogger("asyncssh").setLevel(logging.WARNING)


def methods_for(connection: socket.socket, user: str) -> tuple[str, ...]:
    """The methods that the server at the other end would go on with for that user; `none` when it lets in at once.

    Raises:
        ProbeError: no key exchange came about, or no answer.
    """
    with ThreadPoolExecutor(1) as aside:  # whoever calls may have an event loop of its own
        return aside.submit(asyncio.run, _ask(connection, user)).result()


async def _ask(connection: socket.socket, user: str) -> tuple[str, ...]:
    try:
        options = await asyncssh.SSHClientConnectionOptions.construct(
            config=None,
            client_keys=None,
            agent_path=None,
            encryption_algs="*",
            mac_algs="*",
            gss_auth=False,
            gss_kex=False,
            connect_timeout=SECONDS,
        )
        async with asyncio.timeout(SECONDS + 5):
            return tuple(
                await asyncssh.get_server_auth_methods(
                    "the server",
                    username=user,
                    sock=connection,
                    kex_algs="*",
                    server_host_key_algs="*",
                    config=None,
                    options=options,
                )
            )
    except TimeoutError as error:
        raise ProbeError(f"it did not tell within {SECONDS:.0f} s how it lets anybody in") from error
    except asyncssh.KeyExchangeFailed as error:
        raise ProbeError(f"no key exchange that is known here: {error.reason}") from error
    except (OSError, asyncssh.Error, ValueError) as error:
        raise ProbeError(f"it did not tell how it lets anybody in: {str(error) or type(error).__name__}") from error
