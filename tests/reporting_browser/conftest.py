"""A real Chromium for the pages that people open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Literal, Protocol

import pytest
from playwright.sync_api import Browser, Dialog, Page, sync_playwright

LOCAL = ("data:", "blob:", "about:", "file:")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium of the system where there is one, else Playwright's own; ended here, because two do not run at once."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=which("chromium") or which("chromium-browser"),
            args=["--no-sandbox"] if os.geteuid() == 0 else [],
        )
        yield chromium
        chromium.close()


@dataclass
class Opened:
    """A page with what it tried: requests to anywhere but itself, script errors, dialogs."""

    page: Page
    remote: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)


class Opener(Protocol):
    """Opens a file from disk in a browser window of its own."""

    def __call__(self, path: Path, *, width: int = 1200, scheme: Literal["light", "dark"] = "light") -> Opened: ...


@pytest.fixture
def open_file(browser: Browser) -> Iterator[Opener]:
    """Opens files, recording from before the first byte; requests to elsewhere are recorded and cut off."""
    contexts = []

    def is_remote(url: str) -> bool:
        return not url.startswith(LOCAL)

    def opener(path: Path, *, width: int = 1200, scheme: Literal["light", "dark"] = "light") -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        opened = Opened(context.new_page())

        def dismiss(dialog: Dialog) -> None:
            opened.dialogs.append(dialog.message)
            dialog.dismiss()

        context.on("request", lambda r: opened.remote.append(r.url) if is_remote(r.url) else None)
        context.route(is_remote, lambda route: route.abort())
        opened.page.on("pageerror", lambda error: opened.errors.append(str(error)))
        opened.page.on("dialog", dismiss)
        opened.page.goto(path.as_uri())
        return opened

    yield opener
    for context in contexts:
        context.close()
