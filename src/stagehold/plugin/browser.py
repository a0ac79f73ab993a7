"""Fixture for the browser: one Chromium per lane."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stagehold.context import LaneContext
from stagehold.probes.browser.launch import Chromium


@pytest.fixture(scope="session")
def browser(context: LaneContext) -> Iterator[Chromium]:
    """One Chromium per lane, behind the filtering proxy."""
    with Chromium(context.network, ca_file=context.ca_file, headed=context.headed) as chromium:
        yield chromium
