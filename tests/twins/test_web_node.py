"""The headers suite's detectors on services in Node: a single-page application, and Express as it comes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stagehold.reporting.allure_cli import find_node
from tests.free_ports import free_port
from tests.strangers.stage import EXPRESS
from tests.twins.web_stage import Site, running, site

HERE = Path(__file__).parent
PRICES = "GET /api/prices"
KEYS: dict[str, Any] = {
    "inventory": {
        "target": "app",
        "openapi": "file:openapi.json",
        "public_operations": [PRICES],
    }
}
_PRICES = {"parameters": [{"name": "id", "in": "query", "schema": {"type": "integer"}}], "responses": {"200": {}}}
DESCRIBED = {"openapi": "3.1.0", "info": {"title": "Shop", "version": "1"}, "paths": {"/api/prices": {"get": _PRICES}}}

Switch = Callable[..., Site]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """One process for all tests here, and the file it reads its faults from."""
    folder = tmp_path_factory.mktemp("node")
    (folder / "openapi.json").write_text(json.dumps(DESCRIBED))
    faults = folder / "faults"
    faults.write_text("")
    process = subprocess.Popen([find_node(), HERE / "web_node.js", faults], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield faults, f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def with_faults(stage: tuple[Path, str]) -> Iterator[Switch]:
    """The application with these faults, described; sound again afterwards."""
    faults, url = stage

    def switch(*names: str) -> Site:
        faults.write_text("\n".join(names))
        return site(url, faults.parent, **KEYS)

    yield switch
    faults.write_text("")


def test_shell_for_every_path_is_no_finding(with_faults: Switch) -> None:
    """A page with a fresh nonce for every path, 200 each time, holds no repository, no console and no metrics."""
    looked = with_faults()

    assert looked.responses() == {}
    assert looked.exposures() == {}


def test_page_that_repeats_its_path_is_no_finding(with_faults: Switch) -> None:
    """A title made of what was asked for, phpMyAdmin say, makes no console of the shell."""
    assert with_faults("repeats").exposures() == {}


def test_what_lies_beside_the_shell_is_found(with_faults: Switch) -> None:
    """Between shells, each thing is found by its own check alone; a console that asks for a password is one too."""
    looked = with_faults("bundle-copies", "docs", "git", "console", "console-asks", "console-refused")

    assert looked.exposures() == {
        "HDR-013": {"Swagger UI"},
        "HDR-014": {"forgotten copy of a file", "git repository"},
        "NET-009": {"phpMyAdmin", "mongo-express"},
    }


def test_console_that_repeats_its_name_is_found(with_faults: Switch) -> None:
    """Where unknown paths are repeated, the form of a console still tells it."""
    assert with_faults("repeats", "console").exposures() == {"NET-009": {"phpMyAdmin"}}


def test_block_page_proves_nothing(with_faults: Switch) -> None:
    """A protection that answers for suspicious paths is said, and not taken for their absence."""
    said = with_faults("blocks").exposures()

    assert set(said) == {"HDR-014"}
    assert "cf-mitigated" in str(said["HDR-014"])


def test_any_name_answers_with_the_file(with_faults: Switch) -> None:
    """Where every name that begins with a file's is answered with it, no copy can be told from it."""
    said = with_faults("prefix").exposures()

    assert set(said) == {"HDR-014"}
    assert "inconclusive: " in str(said["HDR-014"])
    assert "any name that begins with /bundle.js" in str(said["HDR-014"])


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        (("eval",), {"HDR-002": "text may be run as script"}),
        (("throws",), {}),
        (("tells-stack",), {"HDR-012": "a JavaScript trace"}),
    ],
)
def test_faults_of_responses(with_faults: Switch, faults: tuple[str, ...], expected: dict[str, str]) -> None:
    """Each fault makes exactly its check complain; an error in general words, with an identifier, does not."""
    said = with_faults(*faults).responses()

    assert set(said) == set(expected)
    assert all(words in str(said[check]) for check, words in expected.items())


@pytest.mark.parametrize(("mode", "tells"), [("development", True), ("production", False)])
def test_express_as_it_comes(tmp_path: Path, mode: str, tells: bool) -> None:
    """Express shows its stack unless it is told that this is production, and then nothing of the inside."""
    port = free_port()
    environ = {**os.environ, "NODE_PATH": str(EXPRESS), "NODE_ENV": mode}
    with running([find_node(), HERE / "web_express.js", str(port)], port, environ=environ) as url:
        looked = site(url, tmp_path)
        said = {words for item in looked.errors(looked.samples()).judged for words in item.complaints}

    assert any("a JavaScript trace" in words for words in said) is tells
    assert bool(said) is tells
