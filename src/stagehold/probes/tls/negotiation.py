"""Which version a listener agrees on with a client that offers TLS 1.2 and TLS 1.3: an ordinary handshake."""

from __future__ import annotations

import ssl

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.network.rules import parse_address

_NAMES = {"TLSv1.2": "TLS 1.2", "TLSv1.3": "TLS 1.3"}


def negotiated_version(network: Network, place: tuple[str, int, str], name: str, *, seconds: float) -> str:
    """`TLS 1.3`, `TLS 1.2`, or nothing when the listener speaks neither.

    Args:
        network: the door.
        place: declared host, port, and the pinned address of it to dial.
        name: sent as server name unless it is an address.
        seconds: for connecting, and again for the handshake.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`.
        ProbeError: this machine's OpenSSL lacks TLS 1.3, there is no connection, or no answer in time.
    """
    host, port, address = place
    if not ssl.HAS_TLSv1_3:
        raise ProbeError("the OpenSSL of this machine does not speak TLS 1.3, so it cannot be offered")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Whose certificate it is, and how strong, is what other checks ask.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    with network.connect(host, port, seconds=seconds, address=address) as connection:
        try:
            with context.wrap_socket(
                connection, server_hostname=None if parse_address(name) is not None else name
            ) as tls:
                network.check_certificate(tls.getpeercert(binary_form=True) or b"")
                return _NAMES.get(tls.version() or "", tls.version() or "")
        except TimeoutError as error:
            raise ProbeError(f"{host} ({address}) port {port} did not finish a handshake in time") from error
        except OSError:
            return ""
