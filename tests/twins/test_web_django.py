"""The headers suite's detectors on Django: its debug pages, and what it shows without them."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.free_ports import free_port
from tests.twins.web_stage import running, site


def _responses(folder: Path, mode: str) -> dict[str, set[str]]:
    port = free_port()
    with running([sys.executable, "-m", "tests.twins.web_django", str(port), mode], port) as url:
        return site(url, folder).responses()


def test_debug_pages_are_caught(tmp_path: Path) -> None:
    """DEBUG = True shows URL patterns for a missing page and a trace for an error."""
    said = _responses(tmp_path, "debug")

    assert set(said) == {"HDR-012"}
    assert "a debug page" in str(said["HDR-012"])
    assert "a Python trace" in str(said["HDR-012"])


def test_production_pages_are_sound(tmp_path: Path) -> None:
    """Django's own pages for missing and broken things tell nothing."""
    assert _responses(tmp_path, "production") == {}
