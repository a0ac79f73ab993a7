"""A company's check that tells a secret: the gate blocks, sets the files apart, and names the secret only."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Done, Page, Service, Stagehold

Serve = Callable[..., Service]

PASSWORD = "Tr0ub4dor&3 horse"
MORE = """
suites: [house-rules]
flows:
  web: {kind: basic, target: web, whoami: {path: /, contains: "A foreign service"}}
accounts:
  - {alias: anna, flow: web, user: anna@foreign.test, password_ref: "env:ANNA_PASSWORD"}
policy: {required_commitments: [P1]}
consent: {classes: [evidence]}
"""
CHECK = '''
import bz2, logging
from stagehold import check


@check("ACM-001", severity="blocker", proves=["encrypted-transport"], remedy="Wait.", traffic="evidence")
def test_tells(sessions, evidence):
    """Tells."""
    account = sessions.driver.environment.account("anna")
    secret = sessions.driver.password(account).reveal()
    logging.getLogger("anna").warning("logged %s", secret)
    print("printed", secret)
    evidence.text("harmless", "the password is " + secret)
    {leak}
    assert not secret, f"anna logs in with {{secret}}"
'''
PACKED = 'evidence.file("dump", bz2.compress(b"user=anna&pass=" + secret.encode()), "application/x-bzip2", "bz2")'


def tell(service: Service, stagehold: Stagehold, leak: str = "", command: str = "run", *what: str) -> Done:
    folder = service.folder / "house-rules"
    folder.mkdir()
    (folder / "test_own.py").write_text(CHECK.format(leak=leak), encoding="utf-8")
    return stagehold(command, service.describe(MORE), *what, env={"ANNA_PASSWORD": PASSWORD})


def files_with_password(folder: Path) -> list[str]:
    texts = (PASSWORD, PASSWORD.replace("&", "&amp;"))
    return [
        path.relative_to(folder).as_posix()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(text.encode() in path.read_bytes() for text in texts)
    ]


def test_a_leak_is_no_go_and_the_files_are_set_apart(serve: Serve, stagehold: Stagehold) -> None:
    """A password in an archive: exit 1, the files in `quarantine/`, name and place outside; a rebuilt report, too."""
    done = tell(serve(), stagehold, PACKED)

    assert done.code == 1, done.output
    assert done.verdict["decision"] == "NO_GO"
    assert "a secret was found in the report" in done.verdict["headline"]
    (problem,) = done.verdict["problems"]
    assert problem["leak"]
    assert "accounts.anna.password in evidence/house-rules/ACM-001/" in problem["what"]
    assert "unpacked" in problem["what"]
    assert "Change the secret now" in problem["remedy"]
    assert "Change the secret now" in done.output
    outside = {path.name for path in done.out.iterdir()}
    assert outside == {
        "quarantine", "verdict.json", "decision.html", "decision.md", "junit.xml", "manifest.json",
        "github-annotations.txt",
    }  # fmt: skip
    assert stat.S_IMODE((done.out / "quarantine").stat().st_mode) == 0o700
    assert (done.out / "quarantine" / "events.jsonl").is_file()
    assert not any(
        name.startswith("quarantine") for name in json.loads((done.out / "manifest.json").read_text())["files"]
    )
    assert PASSWORD not in done.output
    assert files_with_password(done.out) == []

    again = stagehold("report", done.out)

    assert again.code == 1, again.output
    assert "a secret was found in the report" in again.output
    assert "searched for" in again.output
    assert {path.name for path in done.out.iterdir()} == outside


def test_what_the_redactor_takes_out_is_no_leak(serve: Serve, stagehold: Stagehold, tmp_path: Path) -> None:
    """Message, traceback, output, log and evidence of a check lose the password; the failure is an ordinary one."""
    done = tell(serve(), stagehold, "", "check", "ACM-001")

    assert done.code == 1, done.output
    assert "anna logs in with [redacted:accounts.anna.password]" in done.output
    (folder,) = (tmp_path / "work" / "reports" / "checks").iterdir()
    assert "[redacted:accounts.anna.password]" in (folder / "events.jsonl").read_text(encoding="utf-8")
    log = (folder / "lanes" / "house-rules.log").read_text(encoding="utf-8")
    assert "printed [redacted:accounts.anna.password]" in log
    assert "logged [redacted:accounts.anna.password]" in log
    assert files_with_password(folder) == []
    assert PASSWORD not in done.output


def test_a_person_at_work_is_told_as_well(serve: Serve, stagehold: Stagehold, tmp_path: Path) -> None:
    """`stagehold check` searches, too: exit 1, files set apart, and no observation on the terminal."""
    done = tell(serve(), stagehold, PACKED, "check", "ACM-001")

    assert done.code == 1, done.output
    assert "A secret was found in the report: accounts.anna.password" in done.output
    assert PASSWORD not in done.output
    (folder,) = (tmp_path / "work" / "reports" / "checks").iterdir()
    assert [path.name for path in folder.iterdir()] == ["quarantine"]


class Minting(Page):
    """Whoever shows a password gets a session cookie; the page shows it once more in a form nobody masks."""

    def end_headers(self) -> None:
        self.send_header("Set-Cookie", "sid=Zq81mVnX0pLr5TgK2bWd; Path=/; Secure; HttpOnly; SameSite=Lax")
        super().end_headers()


MINTED = '''
import bz2, os
from stagehold import check


@check("ACM-001", severity="blocker", proves=["encrypted-transport"], remedy="Wait.", traffic="evidence")
def test_tells(sessions, evidence, context):
    """Tells a cookie that the gate itself has never seen."""
    session = sessions.of("anna")
    (cookie,) = [item for item in session.credentials() if item.kind == "cookie"]
    evidence.file("dump", bz2.compress(cookie.value.encode()), "application/x-bzip2", "bz2")
    {end}
'''


@pytest.mark.parametrize("end", ["", "import signal; os.kill(os.getpid(), signal.SIGKILL)"], ids=["ends", "is killed"])
def test_a_cookie_that_only_a_lane_knew_is_found_by_the_gate(serve: Serve, stagehold: Stagehold, end: str) -> None:
    """What a login gave in a lane reaches the search of the gate, also when the lane is killed."""
    service = serve(Minting)
    folder = service.folder / "house-rules"
    folder.mkdir()
    (folder / "test_own.py").write_text(MINTED.format(end=end), encoding="utf-8")

    done = stagehold("run", service.describe(MORE), env={"ANNA_PASSWORD": PASSWORD})

    assert done.code == 1, done.output
    assert "sessions.anna.sid in evidence/house-rules/ACM-001/" in done.verdict["problems"][0]["what"]
    assert b"Zq81mVnX0pLr5TgK2bWd" not in b"".join(p.read_bytes() for p in done.out.rglob("*") if p.is_file())
