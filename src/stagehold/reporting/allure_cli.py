"""`allure-report/index.html`: one file that opens from disk, shows what was written, and calls nobody.

The pinned npm package `allure` renders it. Its page loads an analytics script when somebody looks at it,
and has no option against that (3.18.0 sets `analyticsEnable: true`); so the script is taken out here and a
content security policy forbids every connection.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from shutil import which

import playwright

from stagehold.errors import ReportError
from stagehold.reporting.allure import FOLDER, expected_statuses
from stagehold.reporting.allure_case import CATEGORIES
from stagehold.reporting.text import clean
from stagehold.shipped import PACKAGE, repository

REPORT = "allure-report"
VERSION = "3.18.0"
OLDEST_NODE = 22
HISTORY = "history.jsonl"
_RUNS_KEPT = 30
LONGEST, _LEAST = 180.0, 60.0
"""Seconds that rendering may take: whatever is left of the run's time, within these."""
_TAIL = 800

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' data:; style-src 'unsafe-inline' data: blob:; "
    "img-src data: blob:; font-src data:; media-src data: blob:; frame-src blob: data:; "
    "connect-src data: blob:; worker-src blob:; form-action 'none'"
)
_NO_SCORE = """<style>div:has(> div > [data-testid="report-header"]) > div:has(> article) { display: none }</style>"""
"""Takes away the ring with the share of passed results: 93 % in green above a NO-GO reads as nearly good."""
_CHARTS = (
    {"type": "statusDynamics", "title": "Results of each run", "limit": _RUNS_KEPT},
    {"type": "statusTransitions", "title": "What changed from run to run", "limit": _RUNS_KEPT},
    {"type": "testResultSeverities", "title": "Results by severity", "includeUnset": False},
)
_ANALYTICS = re.compile(
    r'<script async src="https://www\.googletagmanager\.com/[^"]*"></script>\s*<script>.*?</script>',
    re.DOTALL,
)
_REMOTE = re.compile(
    r"<(?:script|link|img|iframe|object|embed)\b[^>]{0,300}?\b(?:src|href|data)=[\"']?(?:https?:)?//",
    re.IGNORECASE,
)
_RESULT = re.compile(r'd\("data/test-results/[^"]+\.json","([A-Za-z0-9+/=]*)"\)')


def tool_folders() -> tuple[Path, ...]:
    """Where tools of stagehold's own are looked for, first match wins."""
    named = os.environ.get("STAGEHOLD_TOOLS")
    root = repository(PACKAGE)
    return (
        *((Path(named),) if named else ()),
        *((root / ".tools",) if root else ()),
        Path.home() / ".local/share/stagehold/tools",
    )


def find_node() -> Path:
    """The Node that Playwright's wheel carries, else one on PATH of at least version 22.

    Raises:
        ReportError: there is none; older versions fail in ways that look like results.
    """
    carried = _node_of_playwright()
    if carried.is_file() and os.access(carried, os.X_OK):
        return carried
    found = which("node")
    if not found:
        raise ReportError("no Node was found", remedy=f"Install Node {OLDEST_NODE} or newer, or Playwright's wheel.")
    try:
        answer = subprocess.run(
            [found, "--version"], env={"PATH": os.defpath}, capture_output=True, text=True, timeout=20, check=False
        ).stdout.strip()
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReportError(f"{found} does not tell its version: {error}") from error
    version = re.fullmatch(r"v(\d+)\..*", answer)
    if not version or int(version[1]) < OLDEST_NODE:
        raise ReportError(
            f"{found} is Node {answer or 'of an unknown version'}; {OLDEST_NODE} or newer is needed",
            remedy=f"Install Node {OLDEST_NODE} or newer, or Playwright's wheel, which carries one.",
        )
    return Path(found)


def _node_of_playwright() -> Path:
    return Path(playwright.__file__).parent / "driver" / "node"


def find_allure_cli() -> Path:
    """`cli.js` of the pinned npm package.

    Raises:
        ReportError: it is not installed, or another version is.
    """
    for folder in tool_folders():
        cli = folder / "allure/node_modules/allure/cli.js"
        if not cli.is_file():
            continue
        try:
            version = json.loads((cli.parent / "package.json").read_text(encoding="utf-8"))["version"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ReportError(f"{cli.parent} does not tell its version: {error}") from error
        if version != VERSION:
            raise ReportError(f"{cli.parent} is allure {version}; {VERSION} is pinned", remedy=_INSTALL)
        return cli
    raise ReportError(f"the npm package allure {VERSION} is not installed", remedy=_INSTALL)


_INSTALL = "Install it with `make` or `stagehold doctor --install`."


def generate_allure_report(
    run_folder: Path,
    *,
    node: Path,
    cli: Path,
    name: str = "stagehold",
    history: Path | None = None,
    seconds: float = LONGEST,
) -> Path:
    """Render `allure-results/` of the run into `allure-report/index.html` and return that file.

    Args:
        run_folder: the folder of the run.
        node: the Node to run it with.
        cli: the program's `cli.js`.
        name: what the report is called.
        history: Allure's own history of earlier runs (JSONL), for trends; with this run added to it, it is
            written beside the report. Lines that are no run are left out, never a reason to have no report.
        seconds: what is left of the run's time; rendering gets at least a minute.

    Raises:
        ReportError: the program fails, does not end in time, or the page is missing, is not understood, would
            call somebody, or shows other results than were written (counted by status).
    """
    target = run_folder / REPORT / "index.html"
    results = run_folder / FOLDER
    try:
        target.unlink(missing_ok=True)  # a stale report must not outlive a failure to make a new one
    except OSError as error:
        raise ReportError(f"the old {REPORT}/index.html could not be removed: {error}") from error
    written = expected_statuses(results)
    if not written:
        raise ReportError(f"{FOLDER} holds no result: there is nothing to show")
    with tempfile.TemporaryDirectory(prefix="stagehold-allure-") as scratch:
        work = Path(scratch)
        _copy(results, work / FOLDER)
        (work / "allurerc.json").write_text(json.dumps(_config(name)), encoding="utf-8")
        (work / HISTORY).write_bytes(_whole_lines(history))
        said = _run(
            [str(node), str(cli), "generate", "--config", "allurerc.json", "--output", "out", FOLDER], work, seconds
        )
        page = work / "out/index.html"
        if not page.is_file():
            raise ReportError(f"allure wrote no report: {said}")
        html = page.read_text(encoding="utf-8")
        known = (work / HISTORY).read_bytes()
    html = _silence(html)
    shown = _shown_statuses(html)
    if shown != written:
        raise ReportError(f"the Allure report shows {_in_words(shown)}, but {_in_words(written)} were written")
    try:
        target.parent.mkdir(exist_ok=True)
        partial = target.with_suffix(".partial")
        partial.write_text(html, encoding="utf-8")
        partial.replace(target)
        if history is not None:
            (target.parent / HISTORY).write_bytes(known)
    except OSError as error:
        raise ReportError(f"{REPORT}/index.html could not be written: {error}") from error
    return target


def _whole_lines(history: Path | None) -> bytes:
    """The lines of the file that are JSON objects of Allure's; the program would stop at any other."""
    try:
        lines = history.read_bytes().splitlines() if history and history.is_file() else []
    except OSError as error:
        raise ReportError(f"the history {history} cannot be read: {error.strerror}") from error
    return b"".join(line + b"\n" for line in lines[-_RUNS_KEPT:] if _is_run(line))


def _is_run(line: bytes) -> bool:
    try:
        run = json.loads(line)
    except ValueError:
        return False
    return isinstance(run, dict) and isinstance(run.get("testResults"), dict) and "timestamp" in run


def _config(name: str) -> dict[str, object]:
    return {
        "name": name,
        "historyPath": HISTORY,
        "historyLimit": _RUNS_KEPT,
        "plugins": {
            "awesome": {
                "options": {
                    "reportName": name,
                    "singleFile": True,
                    "groupBy": ["epic", "feature", "story"],
                    "reportLanguage": "en",
                    "theme": "auto",
                    "charts": _CHARTS,
                }
            }
        },
        "categories": {
            "rules": [
                {
                    "name": name,
                    "matchers": {"statuses": [status], "labels": {"category": f"^{name}$"}},
                }
                for name, status in CATEGORIES.items()
            ]
        },
    }


def _copy(results: Path, target: Path) -> None:
    """The program works on a copy under a plain name, so that it can change nothing of the run."""
    target.mkdir()
    for path in results.iterdir():
        if path.is_symlink() or not path.is_file():
            raise ReportError(f"{FOLDER}/{path.name} is not a regular file")
        (target / path.name).write_bytes(path.read_bytes())


def _run(command: list[str], folder: Path, seconds: float = LONGEST) -> str:
    """Run to its end and return the end of what it said."""
    seconds = min(LONGEST, max(_LEAST, seconds))
    environment = {"PATH": os.defpath, "HOME": str(folder), "TMPDIR": str(folder), "CI": "1", "NO_COLOR": "1"}
    log = folder / "said.log"
    # Into a file and not a pipe: a grandchild that lives on would keep a pipe open for ever.
    try:
        with log.open("wb") as stream:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise ReportError(f"allure could not be started: {error}", remedy=_INSTALL) from error
    try:
        code = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise ReportError(f"allure did not end within {seconds:.0f} s") from error
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=LONGEST)
    said = clean(log.read_bytes().decode("utf-8", "replace")).strip()[-_TAIL:] or "it said nothing"
    if code != 0:
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
        raise ReportError(f"allure {how}: {said}")
    return said


def _silence(html: str) -> str:
    """The page without the analytics script and the score, and with a policy that forbids every connection."""
    quiet, removed = _ANALYTICS.subn("", html)
    if removed != 1:
        raise ReportError(f"the analytics script was found {removed} times in the Allure report, not once")
    head = "<head>"
    if quiet.count(head, 0, 2000) != 1:
        raise ReportError("the Allure report does not begin as a page does")
    quiet = quiet.replace(
        head, f'{head}\n    <meta http-equiv="Content-Security-Policy" content="{POLICY}">\n    {_NO_SCORE}', 1
    )
    if _REMOTE.search(quiet):
        raise ReportError("the Allure report would load something from the network")
    return quiet


def _shown_statuses(html: str) -> Counter[str]:
    try:
        return Counter(json.loads(base64.b64decode(data, validate=True))["status"] for data in _RESULT.findall(html))
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise ReportError(f"the data of the Allure report cannot be read: {error}") from error


def _in_words(statuses: Counter[str]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(statuses.items())) or "no results"
