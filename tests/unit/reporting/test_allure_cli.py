"""A report of Allure's is believed only when it is there, shows what was written, and calls nobody."""

from __future__ import annotations

import base64
import json
import stat
from collections import Counter
from pathlib import Path

import pytest

from stagehold.errors import ReportError
from stagehold.reporting import allure_cli
from stagehold.reporting.allure import write_allure_results
from stagehold.reporting.allure_cli import find_allure_cli, find_node, generate_allure_report
from tests.unit.reporting import samples
from tests.unit.reporting.samples import with_evidence

SHELL = Path("/bin/sh")
ANALYTICS = '<script async src="https://www.googletagmanager.com/gtag/js?id=G-X"></script>\n<script>ga()</script>'


def page(statuses: list[str], *, analytics: str = ANALYTICS, more: str = "") -> str:
    data = ",".join(
        f'd("data/test-results/{number}.json","{base64.b64encode(json.dumps({"status": s}).encode()).decode()}")'
        for number, s in enumerate(statuses)
    )
    return f"<!DOCTYPE html><html><head></head><body>{analytics}{more}<script>{data}</script></body></html>"


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """The folder of a GO run with its results written."""
    folder = tmp_path / "run"
    write_allure_results(with_evidence(samples.go(), folder), folder)
    return folder


def generate(run_folder: Path, tmp_path: Path, script: str, html: str = "") -> Path:
    """Run a shell script in the place of the CLI; `$PAGE` is the page it may write."""
    source = tmp_path / "page.html"
    source.write_text(html)
    cli = tmp_path / "cli.sh"
    cli.write_text(f"PAGE={source}\n{script}\n")
    return generate_allure_report(run_folder, node=SHELL, cli=cli)


WRITES = "mkdir out && cp $PAGE out/index.html"
RIGHT = ["passed"] * 24


def test_a_right_page_is_silenced(run_folder: Path, tmp_path: Path) -> None:
    """The page is kept without the analytics script and with a policy that forbids connections."""
    html = generate(run_folder, tmp_path, WRITES, page(RIGHT)).read_text("utf-8")
    assert "googletagmanager" not in html
    assert "ga()" not in html
    assert html.index("Content-Security-Policy") < html.index("<body>")


@pytest.mark.parametrize(
    ("script", "html", "says"),
    [
        (f"{WRITES}; echo sorry; exit 1", page(RIGHT), "ended with code 1: sorry"),
        ("exit 0", "", "wrote no report"),
        (WRITES, page(RIGHT[1:]), "shows 23 passed, but 24 passed were written"),
        (WRITES, page([*RIGHT, "passed"]), "shows 25 passed"),
        (WRITES, page(["failed", *RIGHT[1:]]), "shows 1 failed, 23 passed"),
        (WRITES, page([]), "shows no results"),
        (WRITES, "", "analytics script was found 0 times"),
        (WRITES, page(RIGHT, analytics=ANALYTICS * 2), "analytics script was found 2 times"),
        (WRITES, page(RIGHT, more='<img src="//x.example/p">'), "would load something from the network"),
        (WRITES, page(RIGHT, more="<script src=https://x.example/p></script>"), "would load something"),
        (WRITES, page(RIGHT).replace("<head>", "<h>"), "does not begin as a page does"),
        (WRITES, page(RIGHT).replace('","ey', '","*y'), "shows no results"),
    ],
)
def test_anything_else_is_refused(run_folder: Path, tmp_path: Path, script: str, html: str, says: str) -> None:
    """Failing, writing nothing, too few, too many or other results, or a page that calls: no report."""
    with pytest.raises(ReportError, match=says):
        generate(run_folder, tmp_path, script, html)
    assert not (run_folder / "allure-report").exists()


def test_a_stale_report_does_not_survive(run_folder: Path, tmp_path: Path) -> None:
    """When a new report cannot be made, the one from before is gone, too."""
    old = generate(run_folder, tmp_path, WRITES, page(RIGHT))
    with pytest.raises(ReportError):
        generate(run_folder, tmp_path, "exit 1")
    assert not old.exists()


def test_a_hanging_program_is_ended(run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its time the program and what it started are ended."""
    monkeypatch.setattr(allure_cli, "LONGEST", 0.5)
    with pytest.raises(ReportError, match="did not end"):
        generate(run_folder, tmp_path, "sleep 60 & sleep 60")


def test_no_results_are_no_report(tmp_path: Path) -> None:
    """An empty folder is refused before anything is started."""
    (tmp_path / "allure-results").mkdir()
    with pytest.raises(ReportError, match="holds no result"):
        generate_allure_report(tmp_path, node=SHELL, cli=tmp_path / "x")


def test_options_of_the_surroundings_do_not_reach_the_program(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`NODE_OPTIONS` and `ALLURE_…` of the caller are not passed on."""
    monkeypatch.setenv("NODE_OPTIONS", "--require ./evil.js")
    monkeypatch.setenv("ALLURE_TESTPLAN_PATH", "plan.json")
    script = f'test -z "$NODE_OPTIONS$ALLURE_TESTPLAN_PATH" || exit 7; {WRITES}'
    assert generate(run_folder, tmp_path, script, page(RIGHT)).is_file()


def tools(folder: Path, version: str) -> Path:
    package = folder / "allure/node_modules/allure"
    package.mkdir(parents=True)
    (package / "cli.js").write_text("")
    (package / "package.json").write_text(json.dumps({"version": version}))
    return folder


def test_the_named_tools_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`STAGEHOLD_TOOLS` decides where the CLI is; another version than the pinned one is refused."""
    monkeypatch.setenv("STAGEHOLD_TOOLS", str(tools(tmp_path / "right", allure_cli.VERSION)))
    assert find_allure_cli() == tmp_path / "right/allure/node_modules/allure/cli.js"
    monkeypatch.setenv("STAGEHOLD_TOOLS", str(tools(tmp_path / "old", "3.4.0")))
    with pytest.raises(ReportError, match=r"is allure 3\.4\.0"):
        find_allure_cli()


def test_a_missing_cli_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the CLI the error says what to do."""
    monkeypatch.setattr(allure_cli, "tool_folders", lambda: (tmp_path,))
    with pytest.raises(ReportError, match="is not installed") as raised:
        find_allure_cli()
    assert "stagehold doctor --install" in raised.value.remedy


@pytest.mark.parametrize(
    ("says", "accepted"),
    [("v22.1.0", True), ("v26.0.0", True), ("v20.20.2", False), ("v8.1.1", False), ("?", False)],
)
def test_a_node_of_the_system_must_be_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, *, accepted: bool
) -> None:
    """Without the one in Playwright's wheel, Node on PATH is taken from version 22 on."""
    monkeypatch.setattr(allure_cli, "_node_of_playwright", lambda: tmp_path / "nowhere")
    node = tmp_path / "node"
    node.write_text(f"#!/bin/sh\necho '{says}'\n")
    node.chmod(node.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    if accepted:
        assert find_node() == node
    else:
        with pytest.raises(ReportError, match="22 or newer"):
            find_node()


def test_no_node_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any Node the error says so."""
    monkeypatch.setattr(allure_cli, "_node_of_playwright", lambda: tmp_path / "nowhere")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ReportError, match="no Node"):
        find_node()


def test_the_node_of_the_wheel_is_preferred() -> None:
    """What Playwright's wheel carries is used as it is."""
    assert find_node().parts[-3:] == ("playwright", "driver", "node")


def test_counting_ignores_what_is_no_result() -> None:
    """Only the embedded test results count."""
    html = page(["passed", "failed"]) + 'd("widgets/tree.json","e30=")'
    assert allure_cli._shown_statuses(html) == Counter({"passed": 1, "failed": 1})
