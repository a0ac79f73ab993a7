"""Where revocation lists come from: a URL behind the door, or a file beside the environment."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from stagehold.environment.model import Target
from stagehold.environment.values import is_url
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.web.client import HttpClient

SECONDS = 10.0
"""For one list, from connecting to its last byte."""
_OK = 200


def fetch_list(source: str, *, network: Network, folder: Path, ca_file: Path | None) -> bytes:
    """The bytes of a list, not read yet; at most 10 MiB from a URL.

    Args:
        source: an http(s) URL, or a path relative to `folder`.
        network: the door; the URL's host and port must be declared (`tls.crl`), those of its redirects too.
        folder: the environment's.
        ca_file: the declared private anchor, for https.

    Raises:
        NotAllowed, DeniedByProduction: the host is not declared, or is production.
        ProbeError: no connection, no complete answer in time, another status than 200, no such file.
    """
    if not is_url(source):
        try:
            return (folder / source).read_bytes()
        except OSError as error:
            raise ProbeError(f"the file cannot be read: {error.strerror or error}") from error
    try:
        parts = urlsplit(source)
        base = f"{parts.scheme.lower()}://{parts.netloc}"
        client = HttpClient(network, Target(name="revocation list", base_url=base), ca_file=ca_file, timeout=SECONDS)
    except ValueError as error:
        raise ProbeError(f"this is no URL that can be asked: {error}") from error
    try:
        response = client.request("GET", source, allow_redirects=True)
        if response.status_code != _OK:
            raise ProbeError(f"the answer is status {response.status_code}")
        return response.content
    finally:
        client.close()
