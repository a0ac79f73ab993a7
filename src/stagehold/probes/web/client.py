"""HTTP to one target: `requests` behind the network's door, trusting only what the environment declares."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from http.cookiejar import Cookie
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.cookies import RequestsCookieJar

from stagehold import __version__
from stagehold.environment.model import Target
from stagehold.errors import NotAllowed, ProbeError
from stagehold.network.door import Network
from stagehold.network.rules import normal
from stagehold.probes.login.door import Door, Guard, bare, cause

MAX_REDIRECTS = 10


class _Jar(RequestsCookieJar):
    """A jar that may be read while another thread of the same person puts a cookie in."""

    def __iter__(self) -> Iterator[Cookie]:  # type: ignore[override] # the stubs say names; a jar yields cookies
        with self._cookies_lock:  # type: ignore[attr-defined] # http.cookiejar's own
            return iter(list(super().__iter__()))


class GuardedSession(requests.Session):
    """A session whose only way out is the door; whatever else is mounted is never used."""

    def __init__(self, door: Door) -> None:
        super().__init__()
        self.door = door
        self.cookies = _Jar()
        self.trust_env = False
        self.max_redirects = MAX_REDIRECTS
        self.headers["User-Agent"] = f"stagehold/{__version__}"

    def get_adapter(self, url: str) -> Door:
        """The door, for HTTP; anything else is refused."""
        if urlsplit(url).scheme.lower() not in {"http", "https"}:
            raise NotAllowed(f"{bare(url)} is not HTTP")
        return self.door

    def request(self, method: Any, url: Any, *args: Any, **kwargs: Any) -> requests.Response:
        """As `requests.Session.request`; every failure of the exchange is a ProbeError in words.

        The client's time bounds the whole exchange, redirects included.
        """
        self.door.guard.deadline = time.monotonic() + self.door.seconds
        try:
            return super().request(method, url, *args, **kwargs)
        except requests.TooManyRedirects as error:
            raise ProbeError(f"{method} {bare(url)}: more than {MAX_REDIRECTS} redirects") from error
        except (requests.RequestException, ValueError) as error:
            raise ProbeError(f"{method} {bare(url)}: {cause(error)}") from error
        finally:
            self.door.guard.deadline = 0.0


class HttpClient:
    """One person's browser, so to speak: its own cookies and connections.

    Several threads may ask at once; each then has a connection of its own, and cookies are shared.

    Args:
        network: the door.
        target: paths are joined to its `base_url`.
        ca_file: PEM of the declared private anchor; None for the public store. Always verified.
        timeout: seconds for a whole exchange: connecting, redirects, headers, body.
        address: one of the pinned addresses of the target's host, to look at one node; default: the first.
        tally: counts the requests per target name, for whoever wants to know how much was sent.
    """

    def __init__(
        self,
        network: Network,
        target: Target,
        *,
        ca_file: Path | None,
        timeout: float = 10.0,
        address: str | None = None,
        tally: Counter[str] | None = None,
    ) -> None:
        self.target = target
        self.sent = 0
        """Requests this client has sent, redirects included."""
        self._tally = tally
        self._lock = threading.Lock()

        def line() -> GuardedSession:
            guard = Guard(network, normal(target.host), address)
            trust: str | bool = str(ca_file) if ca_file is not None else True
            return GuardedSession(Door(guard, trust=trust, seconds=timeout, sent=self._count))

        self._new_line = line
        self._first = line()
        self._idle = [self._first]
        self.session: requests.Session = self._first
        """Whose cookies, headers and hooks every request has."""

    def request(
        self,
        method: str,
        path_or_url: str,
        *,
        json: object | None = None,
        data: Mapping[str, str] | bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
        allow_redirects: bool = False,
        raw_target: str | None = None,
    ) -> requests.Response:
        """Send a request and read the whole answer (at most 10 MiB).

        Args:
            method: the HTTP method.
            path_or_url: a path under `base_url`, or an absolute http(s) URL, which passes the same door.
            json: sent as a JSON body.
            data: sent as a form (mapping) or as it is.
            headers: added to the session's.
            allow_redirects: follow at most ten redirects, each through the door.
            raw_target: request-target to send without any normalisation; for malformed requests.

        Raises:
            NotAllowed, DeniedByProduction: the address is not in the allow-list, or is production.
            ProbeError: no connection, no trust, no complete answer in time, not HTTP, too large.
        """
        if raw_target is not None and allow_redirects:
            raise ValueError("a raw request-target and redirects do not go together")
        line = self._take()
        line.door.guard.raw_target = raw_target
        try:
            return line.request(
                method,
                self.url(path_or_url),
                json=json,
                data=data,
                headers=dict(headers) if headers is not None else None,
                allow_redirects=allow_redirects,
            )
        finally:
            line.door.guard.raw_target = None
            with self._lock:
                self._idle.append(line)

    def url(self, path_or_url: str) -> str:
        """The absolute URL of a path under the target; an absolute http(s) URL stays as it is."""
        if path_or_url.lower().startswith(("http://", "https://")):
            return path_or_url
        return f"{self.target.base_url}/{path_or_url.lstrip('/')}"

    def let_go(self) -> None:
        """Close the connections that are kept and that no request runs on."""
        with self._lock:
            for line in self._idle:
                line.door.close()

    def close(self) -> None:
        """Close the connections; cookies are forgotten with the object."""
        self.let_go()
        self.session.close()

    def _take(self) -> GuardedSession:
        """A line that nobody uses: the first one, so that whoever asks one thing at a time keeps one connection."""
        with self._lock:
            free = self._first if self._first in self._idle else next(iter(self._idle), None)
            if free is not None:
                self._idle.remove(free)
        line = free or self._new_line()
        line.cookies, line.headers, line.hooks = self.session.cookies, self.session.headers, self.session.hooks
        return line

    def _count(self, _url: str) -> None:
        with self._lock:
            self.sent += 1
            if self._tally is not None:
                self._tally[self.target.name] += 1
