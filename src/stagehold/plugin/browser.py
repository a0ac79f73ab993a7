"""Fixtures for the browser: one Chromium per lane, pages of people who have logged in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page

from stagehold.context import LaneContext
from stagehold.probes.browser.journeys import open_as
from stagehold.probes.browser.launch import Chromium
from stagehold.probes.login.driver import Sessions


@pytest.fixture(scope="session")
def browser(context: LaneContext) -> Iterator[Chromium]:
    """One Chromium per lane, behind the filtering proxy."""
    with Chromium(context.network, ca_file=context.ca_file, headed=context.headed) as chromium:
        yield chromium


@pytest.fixture
def page_as(browser: Chromium, sessions: Sessions) -> Iterator[Callable[[str], Page]]:
    """`page_as("alias")` is a page of a clean context in which the account has logged in through the page."""
    with ExitStack() as contexts:
        yield lambda alias: open_as(contexts.enter_context(browser.context()), sessions.driver, alias).page
