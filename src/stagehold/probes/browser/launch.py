"""A real Chromium that trusts what is declared and leaves through the filtering proxy only."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from playwright.sync_api import Browser as PlaywrightBrowser
from playwright.sync_api import BrowserContext, Playwright, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.browser.proxy import FilteringProxy, Refusal
from stagehold.probes.tls.trust_store import make_home
from stagehold.redaction.secret import Secret

LAUNCH_SECONDS = 60
NAVIGATION_SECONDS = 20
ACTION_SECONDS = 8
_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ARGUMENTS = (
    # No name is looked up by the browser itself, and no packet leaves but through the proxy.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-quic",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-sync",
    "--no-pings",
    "--no-first-run",
)


class Chromium:
    """One browser process of a lane; a context manager. Journeys get a context of their own each.

    Args:
        network: the door of the proxy.
        ca_file: PEM of the declared private anchor, None for public roots only.
        headed: show the window, for people at work.
        patience: seconds a person waits for an element.
    """

    def __init__(
        self,
        network: Network,
        *,
        ca_file: Path | None,
        headed: bool = False,
        patience: float = ACTION_SECONDS,
    ) -> None:
        self._patience = patience
        self._proxy = FilteringProxy(network)
        self._ca_file = ca_file
        self._headed = headed
        self._folder = tempfile.TemporaryDirectory(prefix="stagehold-browser-", ignore_cleanup_errors=True)
        self._playwright: Playwright | None = None
        self._browser: PlaywrightBrowser | None = None

    def __enter__(self) -> Self:
        """Start the proxy and the browser (ProbeError when either cannot)."""
        try:
            home = make_home(Path(self._folder.name), self._ca_file)
            self._proxy.start()
            self._playwright = sync_playwright().start()
            self._browser = self._playwright.chromium.launch(
                executable_path=_program(),
                headless=not self._headed,
                chromium_sandbox=not _sandbox_impossible(),
                args=list(_ARGUMENTS),
                env=_environment(home),
                # Chromium leaves loopback out of any proxy unless told not to.
                proxy={"server": self._proxy.url, "bypass": "<-loopback>"},
                timeout=LAUNCH_SECONDS * 1000,
            )
        except PlaywrightError as error:
            self.close()
            raise ProbeError(
                f"the browser did not start: {first_line(error)}", remedy="Run `stagehold doctor --install`."
            ) from error
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def network(self) -> Network:
        """The door it leaves through."""
        return self._proxy.network

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """Connections the browser wanted and did not get."""
        return self._proxy.refusals

    @property
    def version(self) -> str:
        """Of the running browser."""
        return self._browser.version if self._browser is not None else ""

    @contextmanager
    def context(
        self, *, basic: tuple[str, Secret] | None = None, base_url: str | None = None
    ) -> Iterator[BrowserContext]:
        """A clean context: no cookies, no cache; certificates are verified.

        Args:
            basic: user name and password for HTTP Basic, for flows that log in so.
            base_url: what relative paths are relative to.

        Raises:
            ProbeError: the browser is gone.
        """
        if self._browser is None:
            raise ProbeError("the browser has not been started")
        try:
            made = self._browser.new_context(
                ignore_https_errors=False,
                accept_downloads=False,
                service_workers="block",
                locale="en-US",
                base_url=base_url,
                http_credentials={"username": basic[0], "password": basic[1].reveal()} if basic else None,
            )
        except PlaywrightError as error:
            raise ProbeError(f"the browser gave no context: {first_line(error)}") from error
        # Pages look whether there are service workers before they use them; a blocked one would break those that do.
        made.add_init_script("delete Navigator.prototype.serviceWorker")
        made.set_default_timeout(self._patience * 1000)
        made.set_default_navigation_timeout(NAVIGATION_SECONDS * 1000)
        try:
            yield made
        finally:
            with suppress(PlaywrightError):
                made.close()

    def close(self) -> None:
        """End the browser, the proxy and their folder; safe to call twice."""
        with suppress(PlaywrightError):
            if self._browser is not None:
                self._browser.close()
        self._browser = None
        if self._playwright is not None:
            self._playwright.stop()
            self._playwright = None
        self._proxy.stop()
        self._folder.cleanup()


def first_line(error: BaseException) -> str:
    """What happened, without Playwright's call log."""
    return str(error).strip().partition("\n")[0]


def _program() -> str | None:
    """The system's Chromium; None lets Playwright use the one it has installed."""
    return next((found for name in _PROGRAMS if (found := shutil.which(name))), None)


def _sandbox_impossible() -> bool:
    """Chromium's sandbox works neither for uid 0 nor inside a user namespace."""
    if os.getuid() == 0:
        return True
    try:
        mapping = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
    except OSError:
        return False
    return mapping[:3] != ["0", "0", "4294967295"]


def _environment(home: Path) -> dict[str, str | float | bool]:
    """No proxy, key log or other hint of the caller's environment reaches the browser."""
    kept: dict[str, str | float | bool] = {
        name: os.environ[name]
        for name in ("PATH", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR")
        if name in os.environ
    }
    return kept | {"HOME": str(home), "TMPDIR": str(home), "LANG": "C.UTF-8"}
