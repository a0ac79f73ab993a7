"""The gate on a service nobody here wrote, described in a dozen lines; and everything that must block it."""

from __future__ import annotations

import http.server
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Page, Service, Stagehold
from tests.free_ports import free_port

Serve = Callable[..., Service]


class WithoutHsts(Page):
    """The same service without the header."""

    hsts = ""


def test_a_thin_description_can_be_go(serve: Serve, stagehold: Stagehold) -> None:
    """A statement that speaks of HTTPS only is proven with targets and a CA; the rest is named as not configured."""
    done = stagehold("run", serve().describe())

    assert done.code == 0, done.output
    assert done.verdict["decision"] == "GO"
    assert done.outcome("TLS-001") == "passed"
    assert done.outcome("NET-001") == "uncovered"
    assert "GO" in done.output
    for name in ("decision.html", "decision.md", "junit.xml", "manifest.json", "events.jsonl"):
        assert (done.out / name).is_file(), name
    assert (done.out / "allure-report" / "index.html").is_file()


def test_the_default_statement_names_what_is_not_proven(serve: Serve, stagehold: Stagehold) -> None:
    """Against all eighteen sentences the same description blocks, and every open sentence is named."""
    done = stagehold("run", serve().describe(statement=False))

    assert done.code == 3, done.output
    states = {c["commitment"]["id"]: c["state"] for c in done.verdict["commitments"]}
    assert states["S15"] == "kept"
    assert states["S05"] == "not proven"
    assert len(states) == 18


def test_a_real_fault_is_no_go(serve: Serve, stagehold: Stagehold) -> None:
    """A service without HSTS is refused, with the check, the promise, what was seen and what to do."""
    done = stagehold("run", serve(WithoutHsts).describe())

    assert done.code == 1, done.output
    assert done.verdict["decision"] == "NO_GO"
    assert [c["spec"]["id"] for c in done.verdict["checks"] if c["outcome"] == "failed"] == ["HDR-001"]
    for words in ("HDR-001", "P1", "All traffic is encrypted"):
        assert words in done.output


@pytest.mark.parametrize("variable", ["PYTEST_ADDOPTS", "ALLURE_TESTPLAN_PATH", "PYTEST_PLUGINS"])
def test_steering_variables_are_refused(serve: Serve, stagehold: Stagehold, variable: str) -> None:
    """A surrounding that could deselect checks does not get a decision."""
    done = stagehold("run", serve().describe(), env={variable: "-k nothing"})

    assert done.code == 2
    assert variable in done.output
    assert done.verdict["decision"] == "INCONCLUSIVE"


def test_wrong_file_is_a_usage_error_with_line_and_column(serve: Serve, stagehold: Stagehold) -> None:
    """A misspelt key names the file, the place and the key that was meant; the verdict blocks."""
    path = serve().describe("polcy: {strict: true}\n")

    done = stagehold("run", path)

    assert done.code == 2
    assert "environment.yaml:6:1" in done.output
    assert "policy" in done.output
    assert done.verdict["decision"] == "INCONCLUSIVE"


def test_unknown_environment_is_a_usage_error(stagehold: Stagehold) -> None:
    """A name that does not exist is said in words."""
    done = stagehold("run", "no-such-environment")

    assert done.code == 2
    assert "no-such-environment" in done.output


def test_unreachable_target_is_no_decision(serve: Serve, stagehold: Stagehold) -> None:
    """A port nobody listens on gives exit 3 with the address."""
    port = free_port()

    done = stagehold("run", serve().describe(base=f"https://app.foreign.test:{port}"))

    assert done.code == 3
    assert done.verdict["decision"] == "INCONCLUSIVE"
    assert str(port) in done.output


def test_name_that_does_not_resolve_is_no_decision(serve: Serve, stagehold: Stagehold) -> None:
    """A name without an address gives exit 3 and is named."""
    path = serve().describe()
    text = (
        path.read_text(encoding="utf-8")
        .replace(", addresses: [127.0.0.1]", "")
        .replace("foreign.test", "foreign.invalid")
    )
    path.write_text(text, encoding="utf-8")

    done = stagehold("run", path)

    assert done.code == 3
    assert "app.foreign.invalid" in done.output


@pytest.mark.parametrize("answer", [b"", b"\x00\xffgarbage" * 50], ids=["never answers", "talks garbage"])
def test_a_host_that_is_no_service_is_no_decision(serve: Serve, stagehold: Stagehold, answer: bytes) -> None:
    """What accepts connections and does not speak TLS proves nothing, within a bounded time."""
    held = []
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            held.append(connection)
            if answer:
                connection.sendall(answer)
                connection.close()

    threading.Thread(target=accept, daemon=True).start()
    base = f"https://app.foreign.test:{listener.getsockname()[1]}"
    try:
        done = stagehold("run", serve().describe(base=base), timeout=240)
    finally:
        listener.close()

    assert done.code == 3, done.output
    assert done.verdict["decision"] == "INCONCLUSIVE"
    assert done.outcome("TLS-001") == "inconclusive"
    assert [lane["suite"] for lane in done.verdict["run"]["lanes"] if lane["note"]] == []


def test_denied_address_receives_nothing(serve: Serve, stagehold: Stagehold) -> None:
    """`deny.production` wins over the description: not one connection arrives."""
    connections = []
    listener = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            try:
                connections.append(listener.accept())
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    more = 'deny: {production: {cidrs: ["127.0.0.0/8"]}}\n'
    done = stagehold("run", serve().describe(more, base=f"https://app.foreign.test:{listener.getsockname()[1]}"))
    time.sleep(0.2)
    listener.close()

    assert done.code in {2, 3}, done.output
    assert connections == []
    assert "127.0.0.1" in done.output


def test_missing_tool_is_no_decision(serve: Serve, stagehold: Stagehold, tmp_path: Path) -> None:
    """Without nmap the run ends at once, says what is missing and how to get it."""
    bare = tmp_path / "bin"
    bare.mkdir()
    hosts = "hosts: [{name: edge, ipv4: [127.0.0.1], ports: []}]\n"
    done = stagehold("run", serve().describe(hosts), env={"PATH": str(bare)})

    assert done.code == 3
    assert "nmap" in done.output
    assert done.verdict["decision"] == "INCONCLUSIVE"


def test_killed_at_any_moment_the_verdict_blocks(serve: Serve, tmp_path: Path) -> None:
    """A kill -9 of a run that would be GO leaves a verdict that is not GO, and no process of ours behind."""
    description = serve().describe()
    rng = random.Random(7)
    for moment in [0.4, *(rng.uniform(0.6, 9.0) for _ in range(4))]:
        out = tmp_path / f"out-{moment:.2f}"
        process = subprocess.Popen(
            [sys.executable, "-m", "stagehold", "run", str(description), "--out", str(out)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path, start_new_session=True,
        )  # fmt: skip
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
        code = process.wait()
        text = (out / "verdict.json").read_text(encoding="utf-8") if out.exists() else ""
        if code == -signal.SIGKILL:
            assert '"decision": "GO"' not in text, moment
            _wait_until_nobody_works_in(out)
        else:
            assert code == 0


def _wait_until_nobody_works_in(out: Path) -> None:
    """Lanes notice that their parent is gone and end themselves."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        working = [
            entry.parent.name for entry in Path("/proc").glob("[0-9]*/cmdline") if str(out).encode() in _read(entry)
        ]
        if not working:
            return
        time.sleep(0.2)
    pytest.fail(f"still working: {working}")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_run_says_so(serve: Serve, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and a CI runner's polite end give exit 3 and a verdict that says what happened."""
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "stagehold", "run", str(serve().describe()), "--out", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path,
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and "lane_started" not in _read(out / "events.jsonl").decode():
        time.sleep(0.05)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)

    assert process.returncode == 3, output
    verdict = json.loads((out / "verdict.json").read_text(encoding="utf-8"))
    assert any(number.name in reason for reason in verdict["reasons"])
    assert verdict["expected_checks"] > 60
    _wait_until_nobody_works_in(out)


def test_second_run_on_a_busy_environment_is_refused(serve: Serve, stagehold: Stagehold, tmp_path: Path) -> None:
    """Two runs would measure each other: the second one ends at once with exit 3."""
    description = serve().describe()
    out = tmp_path / "first"
    first = subprocess.Popen(
        [sys.executable, "-m", "stagehold", "run", str(description), "--out", str(out)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and not (out / "context.json").exists():
            time.sleep(0.05)
        done = stagehold("run", description)
    finally:
        first.wait(120)

    assert done.code == 3
    assert "busy" in done.output
    assert first.returncode == 0


def test_full_disk_while_writing_the_reports_blocks(serve: Serve, tmp_path: Path) -> None:
    """With a file size limit that stops the report, a run that proved everything is still no GO."""
    out = tmp_path / "out"
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from stagehold.cli import main; sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "run", str(serve().describe()), "--out", str(out)],
        capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 3, done.stdout + done.stderr
    assert '"decision": "INCONCLUSIVE"' in (out / "verdict.json").read_text(encoding="utf-8")
    assert "reports could not be written" in done.stdout


OWN_CHECK = '''
from stagehold import check


@check("ACM-001", severity="blocker", proves=["encrypted-transport"], remedy="Answer in time.", traffic="evidence")
def test_start_page_says_whose_it_is(target, http, evidence):
    """The start page names the service."""
    text = http(target).request("GET", "/").text
    evidence.compare(expected="{words}", observed=text)

    assert "{words}" in text, "the start page does not name the service"
'''


@pytest.mark.parametrize(("words", "code"), [("foreign service", 0), ("somebody else", 1)], ids=["kept", "broken"])
def test_a_companys_own_folder_of_checks_works_like_ours(
    serve: Serve, stagehold: Stagehold, words: str, code: int
) -> None:
    """Checks beside the environment run in a lane of their own, appear in the reports and block."""
    service = serve()
    folder = service.folder / "house-rules"
    folder.mkdir()
    (folder / "test_names.py").write_text(OWN_CHECK.replace("{words}", words), encoding="utf-8")

    done = stagehold("run", service.describe("suites: [house-rules]\n"))

    assert done.code == code, done.output
    assert done.outcome("ACM-001") == ("passed" if code == 0 else "failed")
    assert "house-rules" in {lane["suite"] for lane in done.verdict["run"]["lanes"]}


def test_an_empty_folder_of_own_checks_blocks(serve: Serve, stagehold: Stagehold) -> None:
    """A folder that is named and holds nothing proves nothing."""
    service = serve()
    (service.folder / "house-rules").mkdir()

    done = stagehold("run", service.describe("suites: [house-rules]\n"))

    assert done.code == 2
    assert "house-rules holds no check" in done.output


def test_a_build_that_was_named_and_not_seen_is_no_go_for_it(serve: Serve, stagehold: Stagehold) -> None:
    """`--release` without a place that tells the running build blocks, though the statement does not speak of it."""
    done = stagehold("run", serve().describe(), "--release", f"sha256:{'a' * 64}")

    assert done.code == 3, done.output
    assert "nothing showed that the tested build is" in done.output
    assert done.verdict["commitments"][0]["state"] == "kept"


def test_an_empty_release_is_a_usage_error(serve: Serve, stagehold: Stagehold) -> None:
    """A pipeline whose variable is empty does not get a decision about whatever runs."""
    done = stagehold("run", serve().describe(), "--release", "")

    assert done.code == 2
    assert "--release is empty" in done.output


EDITING_CHECK = '''
from pathlib import Path
from stagehold import check


@check("ACM-001", severity="blocker", proves=["encrypted-transport"], remedy="Wait.", traffic="evidence")
def test_is_edited_meanwhile():
    """Is edited while the run goes on."""
    with Path(__file__).open("a") as stream:
        stream.write("# edited")
'''


def test_checks_that_change_during_a_run_block(serve: Serve, stagehold: Stagehold) -> None:
    """The verdict names the digest of the checks; when they are edited meanwhile, it would name others."""
    service = serve()
    folder = service.folder / "house-rules"
    folder.mkdir()
    (folder / "test_own.py").write_text(EDITING_CHECK, encoding="utf-8")

    done = stagehold("run", service.describe("suites: [house-rules]\n"))

    assert done.code == 3, done.output
    assert "the checks changed while the run was going on" in done.output


def test_a_target_on_plain_http_is_no_go(serve: Serve, stagehold: Stagehold) -> None:
    """A second target without TLS breaks the promise, at a literal address and beside declared endpoints, too."""
    service = serve()
    path = service.describe()
    plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), WithoutHsts)
    threading.Thread(target=plain.serve_forever, daemon=True).start()
    text = path.read_text(encoding="utf-8")
    more = f'  - {{name: reports, base_url: "http://127.0.0.1:{plain.server_port}"}}\ntls:'
    path.write_text(text.replace("tls:", more, 1), encoding="utf-8")
    try:
        done = stagehold("run", path)
    finally:
        plain.shutdown()
        plain.server_close()

    assert done.code == 1, done.output
    assert "plain HTTP, without TLS" in done.output
