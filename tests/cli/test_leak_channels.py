"""A secret told through every channel that a check has: found by the search alone, absent behind the redactor.

Each channel tells a secret of its own, so that one that is missed cannot hide behind another.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from stagehold.redaction.registry import SecretRegistry
from stagehold.redaction.scan import scan_tree
from tests.cli.conftest import Done, Service

Serve = Callable[..., Service]

CHECKS = '''
import csv, gzip, io, logging, os, struct, subprocess, sys, threading, warnings, zipfile, zlib
import pytest
from pathlib import Path
from stagehold import ProbeError, check
{off}

def told(channel):
    return os.environ["TOLD_" + channel.upper()]

def claim(number):
    return check(f"ACM-{{number:03d}}", severity="blocker", proves=["encrypted-transport"], remedy="Wait.",
                 traffic="evidence")

def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

def zipped(name, data):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return stream.getvalue()

@claim(1)
def test_says_it_in_an_assertion(sessions):
    """Tells in the message of an assertion; that it could sign in is why its suite knows secrets at all."""
    assert False, "anna logs in with " + told("message")

@claim(2)
def test_compares_it():
    """Tells in what pytest shows of a comparison."""
    assert {{"password": told("comparison")}} == {{}}

@claim(3)
def test_prints_it():
    """Tells on standard output, on standard error and below Python."""
    print("printed", told("stdout"))
    print("printed", told("stderr"), file=sys.stderr)
    subprocess.run(["sh", "-c", "echo $TOLD_CHILD"], check=True)
    os.write(2, told("descriptor").encode())
    assert False

@claim(4)
def test_logs_it():
    """Tells in the log: message, arguments, exception."""
    log = logging.getLogger("anna")
    log.warning("logged %s", told("log"))
    try:
        raise KeyError(told("log_exception"))
    except KeyError:
        log.exception("it broke")
    assert False

@claim(5)
def test_attaches_it(evidence, context):
    """Tells in evidence of every kind."""
    evidence.text("harmless", told("text"))
    evidence.json("answer", {{"a": [{{"password": told("json")}}, {{told("json_key"): 1}}]}})
    evidence.table("accounts", ["user", "password"], [["anna", told("table")]])
    evidence.file("page", f"<p>{{told('file')}}</p>".encode(), "text/html", "html")
    evidence.file("trace", zipped("trace.network", '{{"body": "%s"}}' % told("trace")), "application/zip", "zip")
    evidence.file("har", gzip.compress(told("gzip").encode()), "application/gzip", "gz")
    evidence.file("shot", b"\\x89PNG\\r\\n\\x1a\\n" + chunk(b"IHDR", b"\\0" * 13)
                  + chunk(b"tEXt", b"Title\\0" + told("picture").encode()) + chunk(b"IEND", b""), "image/png", "png")
    evidence.figure("heat map", f"<svg><text>{{told('drawing')}}</text></svg>", f"it shows {{told('alt')}}")
    evidence.text("called " + told("name"), "nothing")

@claim(6)
def test_explains_with_it(evidence):
    """Tells in what people read first."""
    evidence.compare(expected=told("expected"), observed=told("observed"), deviation=told("deviation"))
    evidence.reproduce("curl -u anna:" + told("reproduction"))
    assert False, "it failed"

@claim(7)
def test_breaks_with_it():
    """Tells in the exception of a probe."""
    raise ProbeError("no answer with " + told("probe"), remedy="Change " + told("remedy"))

@claim(8)
def test_crashes_with_it():
    """Tells in an exception nobody expects, chained to another."""
    try:
        raise ValueError(told("cause"))
    except ValueError as error:
        raise ZeroDivisionError(told("crash")) from error

@pytest.fixture
def broken():
    raise RuntimeError(told("fixture"))

@claim(9)
def test_is_set_up_with_it(broken):
    """Tells before the check itself begins."""

@pytest.fixture
def untidy():
    yield
    raise RuntimeError(told("teardown"))

@claim(10)
def test_is_torn_down_with_it(untidy):
    """Tells after the check itself."""

@claim(11)
def test_warns_of_it():
    """Tells in a warning, and in a thread that nobody waits for."""
    warnings.warn("watch out for " + told("warning"))
    thread = threading.Thread(target=lambda: 1 / (told("thread") == {{}}[told("thread")]))
    thread.start()
    thread.join()

@claim(12)
def test_skips_with_it():
    """Tells in the reason of a skip."""
    pytest.skip(told("skip"))
'''
WITH_AN_ID = '''

@claim(13)
@pytest.mark.parametrize("password", [{id}])
def test_is_called_by_it(password):
    """Tells in the id of its case."""
'''
CHANNELS = (
    "message", "comparison", "stdout", "stderr", "child", "descriptor", "log", "log_exception", "text", "json",
    "json_key", "table", "file", "trace", "gzip", "picture", "drawing", "alt", "name", "expected", "observed",
    "deviation", "reproduction", "probe", "remedy", "cause", "crash", "fixture", "teardown", "warning", "thread",
    "skip",
)  # fmt: skip
SWITCH = "from stagehold.redaction.redactor import REDACTOR\nREDACTOR._masks = False"
GATE = f"import sys\n{SWITCH}\nfrom stagehold.cli import main\nsys.exit(main(sys.argv[1:]))"
"""The gate with every layer but the last one off; no option or file can do that."""


def secret_of(channel: str) -> str:
    """Hard for every encoding: a space, an ampersand, a quote and a percent sign."""
    return f'Tr0ub4dor&3 "{channel}" 100%\'s'


def run(service: Service, channels: tuple[str, ...], *, off: bool, written: str = "") -> Done:
    """The gate on a service with these checks, with an account for the secret of each channel.

    `written` is the id of a case, as source text.
    """
    folder = service.folder / "house-rules"
    folder.mkdir()
    source = CHECKS.format(off=SWITCH if off else "") + (WITH_AN_ID.format(id=written) if written else "")
    (folder / "test_own.py").write_text(source, encoding="utf-8")
    accounts = "\n".join(
        f'  - {{alias: {name}, flow: web, user: {name}@foreign.test, password_ref: "env:TOLD_{name.upper()}"}}'
        for name in channels
    )
    more = (
        "suites: [house-rules]\n"
        'flows: {web: {kind: basic, target: web, whoami: {path: /, contains: "A foreign service"}}}\n'
        f"accounts:\n{accounts}\n"
        "consent: {classes: [evidence]}\n"
    )
    out = service.folder / "out"
    start = ["-c", GATE] if off else ["-m", "stagehold"]
    done = subprocess.run(
        [sys.executable, *start, "run", str(service.describe(more)), "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=os.environ | {f"TOLD_{name.upper()}": secret_of(name) for name in channels},
    )
    return Done(done.returncode, done.stdout + done.stderr, out)


def found_in(folder: Path, channels: tuple[str, ...]) -> dict[str, set[str]]:
    """Channel to the files below the folder that hold its secret, in whatever encoding."""
    secrets = SecretRegistry()
    for name in channels:
        secrets.add(name, secret_of(name))
    searched = scan_tree(folder, secrets)
    assert searched.files > 5
    assert searched.unreadable == ()
    return {name: {leak.file for leak in searched.leaks if leak.secret == name} for name in channels}


def test_the_search_alone_finds_every_channel(serve: Serve) -> None:
    """With everything else off: NO_GO for the leak alone, the files set apart, every channel's secret among them."""
    channels = (*CHANNELS, "id")

    done = run(serve(), channels, off=True, written=repr(secret_of("id")))

    assert done.code == 1, done.output
    assert done.verdict["decision"] == "NO_GO"
    assert "a secret was found in the report" in done.verdict["headline"]
    assert all(problem["leak"] for problem in done.verdict["problems"])
    assert done.verdict["checks"] == []
    assert [name for name, files in found_in(done.out / "quarantine", channels).items() if not files] == []
    outside = [path for path in done.out.iterdir() if path.name != "quarantine"]
    assert {path.name for path in outside} >= {"verdict.json", "decision.html", "decision.md", "junit.xml"}
    told = "\n".join([done.output, *(path.read_text(encoding="utf-8") for path in outside)])
    assert "Tr0ub4dor" not in told


def test_behind_the_redactor_no_channel_tells_anything(serve: Serve) -> None:
    """As it is delivered: an ordinary NO_GO, and the secret of no channel anywhere in the run's folder."""
    done = run(serve(), CHANNELS, off=False)

    assert done.code == 1, done.output
    assert not any(problem["leak"] for problem in done.verdict["problems"])
    assert done.outcome("ACM-001") == "failed"
    assert "anna logs in with [redacted:accounts.message.password]" in done.output
    assert (done.out / "allure-report" / "index.html").is_file()
    assert {name: files for name, files in found_in(done.out, CHANNELS).items() if files} == {}
    assert "Tr0ub4dor" not in done.output


def test_a_secret_in_the_id_of_a_case_is_refused(serve: Serve) -> None:
    """It would stand in names, files and histories for ever: the run stops first and names the place."""
    done = run(serve(), ("id",), off=False, written=repr(secret_of("id")))

    assert done.code == 3, done.output
    assert "house-rules/test_own.py:119: the id of a case of ACM-013 holds a secret" in done.verdict["reasons"][0]
    assert "Tr0ub4dor" not in done.output
    assert found_in(done.out, ("id",)) == {"id": set()}


def test_a_secret_that_only_a_lane_can_put_into_an_id_is_refused_there(serve: Serve) -> None:
    """Checks are collected without secrets; where one turns up in an id later, the suite does not run."""
    done = run(serve(), ("id",), off=False, written='os.environ.get("TOLD_ID", "none")')

    assert done.code in {1, 3}, done.output
    assert "the house-rules suite ended early" in done.output
    assert "Tr0ub4dor" not in done.output
    assert found_in(done.out, ("id",)) == {"id": set()}
