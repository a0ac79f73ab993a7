"""Waivers at the real gate: from the draft of a blocked run to GO with a waiver, and every way back to a block."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import yaml

from tests.cli.conftest import Page, Service, Stagehold

Serve = Callable[..., Service]
FILLED = {
    "reason": "The proxy that sets it is replaced on Monday.",
    "risk": "medium",
    "owner": "team-edge",
    "author": "Ada Berg",
    "approved_by": "Jon Holm",
    "ticket": "OPS-9",
}


class WithoutHsts(Page):
    """The service without the header that HDR-001 asks for."""

    hsts = ""


def day(days: float) -> str:
    """The moment so many days from now, as a waiver holds it."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def entry(
    observed: str, *, name: str = "W-1", check: str = "HDR-001", case: str = "web", created: float, expires: float
) -> str:
    values = {
        "id": name, "check": check, "case": case, "observed": observed, **FILLED,
        "created": day(created), "expires": day(expires),
    }  # fmt: skip
    return "  - {" + ", ".join(f"{key}: {json.dumps(value)}" for key, value in values.items()) + "}\n"


def write(folder: Path, *entries: str) -> None:
    text = "schema: stagehold/waivers/v1\nwaivers:\n" + "".join(entries)
    (folder / "waivers.yaml").write_text(text, encoding="utf-8")


def results(out: Path, check: str) -> list[dict[str, Any]]:
    """What Allure is given about a check."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in (out / "allure-results").glob("*-result.json")]
    return [result for result in found if {"name": "as_id", "value": check} in result["labels"]]


def test_from_a_draft_to_go_and_back(serve: Serve, stagehold: Stagehold) -> None:
    """A blocked run leaves a draft; filled in it makes GO with a waiver, shown everywhere; expired it blocks again.

    The three runs share a history: each tells what changed since the last GO, and Allure's trend grows by one.
    """
    service = serve(WithoutHsts)
    endpoint = f"app.foreign.test:{service.port}"
    history = service.folder / "kept" / "history.jsonl"
    history.parent.mkdir()
    command = ("run", service.describe(), "--history", history)

    done = stagehold(*command)

    assert done.code == 1, done.output
    assert "waiver drafts: " in done.output
    draft = (done.out / "waiver-drafts.yaml").read_text(encoding="utf-8")
    (blank,) = yaml.safe_load(draft)["waivers"]
    assert blank["check"] == "HDR-001"

    for key, value in {**FILLED, "id": "W-1", "expires": day(5)}.items():
        draft = draft.replace(f'{key}: ""', f"{key}: {value}")
    unused = entry("the chain is not complete", name="W-2", check="TLS-009", case=endpoint, created=-1, expires=5)
    (service.folder / "waivers.yaml").write_text(draft + unused, encoding="utf-8")
    first, done = done.verdict, stagehold(*command)

    assert done.code == 0, done.output
    assert done.verdict["decision"] == "GO"
    assert done.verdict["headline"].startswith("GO with 1 waiver, valid until ")
    assert done.verdict["valid_until"].startswith(day(5)[:10])
    assert done.verdict["run"]["waivers_digest"].startswith("sha256:")
    assert done.outcome("HDR-001") == "failed"
    states = {item["waiver"]["id"]: item["state"] for item in done.verdict["waivers"]}
    assert states == {"W-1": "in force", "W-2": "unused"}
    assert not (done.out / "waiver-drafts.yaml").exists()
    for text in (
        done.output,
        (done.out / "decision.html").read_text(encoding="utf-8"),
        (done.out / "decision.md").read_text(encoding="utf-8").replace("\\", ""),
    ):
        for words in ("W-1", "team-edge", "Jon Holm", "OPS-9", "remove the waiver"):
            assert words in text, words
    assert "GO with 1 waiver" in done.output
    assert "4 days left" in done.output
    cases = ET.parse(done.out / "junit.xml").getroot().iter("testcase")
    skipped = [case.find("skipped") for case in cases if "HDR-001" in case.get("name", "")]
    told = {item.get("type"): item.get("message", "") for item in skipped if item is not None}
    assert "WAIVED by W-1 until" in told["waived"]
    waived = [item for item in results(done.out, "HDR-001") if {"name": "waiver", "value": "W-1"} in item["labels"]]
    assert [result["status"] for result in waived] == ["skipped"]
    assert {"name": "category", "value": "Waived"} in waived[0]["labels"]

    stale = entry("the chain is not complete", name="W-2", check="TLS-009", case=endpoint, created=-20, expires=5)
    write(service.folder, entry(blank["observed"], created=-10, expires=-3.5), stale)
    second, done = done.verdict, stagehold(*command)

    assert done.code == 1, done.output
    assert done.verdict["decision"] == "NO_GO"
    assert done.verdict["reasons"][0].startswith("HDR-001 failed: Waiver W-1 expired 3 days ago (owner team-edge)")
    assert "Waiver W-1 expired 3 days ago (owner team-edge)" in done.output
    assert any("waiver W-2 (owner team-edge) accepts nothing any more" in reason for reason in done.verdict["reasons"])
    (result,) = [item for item in results(done.out, "HDR-001") if item["status"] == "failed"]
    assert {"name": "category", "value": "Waiver expired"} in result["labels"]

    runs = [json.loads(line) for line in history.read_text(encoding="utf-8").splitlines()]
    assert [(run["decision"], run["waived"]) for run in runs] == [("NO_GO", []), ("GO", ["HDR-001"]), ("NO_GO", [])]
    assert (first["changes"]["run_id"], second["changes"]["run_id"]) == ("", "")
    changes = done.verdict["changes"]
    assert changes["run_id"] == second["run"]["run_id"]
    assert changes["failing_since"] == {"HDR-001": first["run"]["started"]}
    assert changes["newly_failing"] == []
    assert "changed: since the last GO" in done.output
    for page in ("decision.html", "decision.md"):
        assert "last GO" in (done.out / page).read_text(encoding="utf-8"), page
    trend = history.with_name("history.jsonl.allure.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(trend) == 3
    assert trend == (done.out / "allure-report" / "history.jsonl").read_text(encoding="utf-8").splitlines()


def test_a_history_in_the_folder_that_is_emptied_is_refused(serve: Serve, stagehold: Stagehold) -> None:
    """It would be lost at every run, and every run would seem to be the first."""
    service = serve()

    done = stagehold("run", service.describe(), "--history", service.folder / "out" / "history.jsonl")

    assert done.code == 2
    assert "lies in the folder of this run, which is emptied first" in done.output


def test_a_wrong_waiver_file_ends_the_run_before_any_traffic(serve: Serve, stagehold: Stagehold) -> None:
    """Exit 2 with file, line and column; not one connection is made."""
    connections = []
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connections.append(listener.accept())
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    service = serve()
    path = service.describe(base=f"https://app.foreign.test:{listener.getsockname()[1]}")
    write(service.folder, entry("anything", created=-1, expires=5).replace("HDR-001", "HDR-*"))
    try:
        done = stagehold("run", path)
    finally:
        listener.close()

    assert done.code == 2, done.output
    assert "waivers.yaml:3:" in done.output
    assert "names more than one check" in done.output
    assert done.verdict["decision"] == "INCONCLUSIVE"
    assert connections == []
