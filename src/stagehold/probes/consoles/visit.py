"""Plain GET requests to one web listener at one numeric address, whoever's certificate it shows.

A console behind a self-signed certificate is reachable all the same, so the certificate is compared with the deny
list and not verified; nothing secret is ever sent.
"""

from __future__ import annotations

import http.client
import ssl
import threading
import time
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from stagehold import __version__
from stagehold.command_lines import curl
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.network.rules import normal, parse_address
from stagehold.probes.consoles.fingerprints import Page

SECONDS = 10.0
"""For one answer."""
_MOST = 512 * 1024
_HOPS = 3
_REDIRECTS = range(300, 400)


@dataclass(frozen=True)
class Place:
    """One web listener: the address to dial, and the name to ask for."""

    secure: bool
    name: str
    port: int
    address: str
    target: bool
    """Whether it belongs to a declared target, and not only to a port of a host."""

    @property
    def url(self) -> str:
        """Its base URL, by name."""
        return f"{'https' if self.secure else 'http'}://{self._host}:{self.port}"

    @property
    def _host(self) -> str:
        return f"[{self.name}]" if ":" in self.name else self.name

    def __str__(self) -> str:
        return f"{self.url} at {self.address}"

    def curl(self, path: str) -> str:
        """A command line that asks for a path of it."""
        return curl(f"{self.url}{path}", options=("-k",), address=self.address)


class Visitor:
    """Connections to a place, one for each thread that asks, opened again when the listener closes them."""

    def __init__(self, network: Network, place: Place) -> None:
        self.place = place
        self.sent = 0
        self._network = network
        self._kept: list[http.client.HTTPConnection] = []
        """Those that no request runs on."""
        self._lock = threading.Lock()

    def get(self, path: str) -> Page:
        """The answer to a path, at most three redirects within the place followed.

        Raises:
            NotAllowed, DeniedByProduction: as for `Network.dial`, or the certificate holds a denied key.
            ProbeError: no connection, no TLS, no complete answer in time, not HTTP.
        """
        page = self._once(path)
        for _ in range(_HOPS):
            if page.status not in _REDIRECTS or not page.location:
                break
            goal = urlsplit(urljoin(f"{self.place.url}{page.path}", page.location))
            if (goal.scheme, normal(goal.hostname or ""), _port(goal.scheme, goal.port)) != self._own():
                break
            onward = (goal.path or "/") + (f"?{goal.query}" if goal.query else "")
            if onward == page.path:
                break
            page = self._once(onward)
        return page

    def _own(self) -> tuple[str, str, int]:
        return ("https" if self.place.secure else "http", normal(self.place.name), self.place.port)

    def _once(self, path: str) -> Page:
        with self._lock:
            kept = self._kept.pop() if self._kept else None
            self.sent += 1
        if kept is not None:
            # A kept connection may just have been closed by the other side; a fresh one tells.
            try:
                return self._ask(kept, path)
            except TimeoutError as error:
                raise self._no_answer(path, error) from error
            except (OSError, http.client.HTTPException, ValueError):
                self.sent += 1
        try:
            return self._ask(self._open(), path)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._no_answer(path, error) from error

    def _no_answer(self, path: str, error: Exception) -> ProbeError:
        if isinstance(error, TimeoutError):
            self._network.silence.waited_in_vain((self.place.address, self.place.port))
        reason = str(error) or type(error).__name__
        return ProbeError(f"GET {path} of {self.place}: no valid answer ({reason})")

    def _ask(self, connection: http.client.HTTPConnection, path: str) -> Page:
        """Ask on a connection, which is kept afterwards where that is possible, and else closed."""
        keep = False
        try:
            page, keep = self._exchange(connection, path)
        finally:
            if keep:
                with self._lock:
                    self._kept.append(connection)
            else:
                connection.close()
        return page

    def _exchange(self, connection: http.client.HTTPConnection, path: str) -> tuple[Page, bool]:
        end = time.monotonic() + SECONDS
        # http.client adds the Host header from the name it was made with.
        connection.request("GET", path, headers={"User-Agent": f"stagehold/{__version__}", "Accept": "*/*"})
        response = connection.getresponse()
        self._network.silence.heard((self.place.address, self.place.port))
        if (coding := response.getheader("Content-Encoding", "identity")) != "identity":
            raise ValueError(f"it is encoded as {coding}, which nobody asked for")
        body = b""
        while len(body) < _MOST and (part := response.read1(65_536)):
            body += part
            if time.monotonic() > end:
                raise TimeoutError("the answer took too long")
        if response.length == 0:
            # `read1` does not notice that this was all, and the connection would be lost.
            response.read()
        headers = "\n".join(f"{name.lower()}: {value}" for name, value in response.getheaders())
        location = response.getheader("Location") or ""
        page = Page(path, response.status, headers, body.decode("utf-8", "replace"), location)
        return page, response.isclosed() and not response.will_close

    def _open(self) -> http.client.HTTPConnection:
        place = self.place
        # An address that only a target's name is pinned to is let through by that name, not by itself.
        host = place.name if place.target else place.address
        raw = self._network.connect(host, place.port, seconds=SECONDS, address=place.address)
        connection = http.client.HTTPConnection(place.name, place.port, timeout=SECONDS)
        connection.auto_open = 0  # every connection goes through the door
        if place.secure:
            name = None if parse_address(place.name) is not None else place.name
            try:
                raw = _unverified().wrap_socket(raw, server_hostname=name)
                self._network.check_certificate(raw.getpeercert(binary_form=True) or b"")
            except BaseException:
                raw.close()
                raise
        connection.sock = raw
        return connection

    def close(self) -> None:
        """Close the connections that no request runs on."""
        with self._lock:
            kept, self._kept = self._kept, []
        for connection in kept:
            connection.close()


def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def _port(scheme: str, port: int | None) -> int:
    return port or (443 if scheme == "https" else 80)
