"""Every reproduction works as it is printed, against services that nobody here wrote."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from stagehold.model import CaseResult, Outcome
from tests.ports.conftest import play_alone, require_network
from tests.ports.stage import as_root_of_our_own
from tests.strangers.reproductions import tool_of, troubles

ROOT = Path(__file__).parents[2]
TOOLS = re.compile(r"^\s*(curl|nmap|dig|sslyze|ssh|nc|psql|openssl s_client) +[-@]")


def test_reproductions_of_a_stranger_work_as_printed(tmp_path: Path) -> None:
    """Encryption, logins, rights, headers and open ports of a faulty service: each command runs and shows an answer.

    In a network of its own: whoever listens at every address of the machine would be an open port of the service's.
    """
    require_network(as_root_of_our_own(), ("unshare", "ip", "nft", "nmap"))

    assert play_alone(as_root_of_our_own(), "tests.strangers.printed_commands", (str(tmp_path),), 300) == []


def calls(path: Path) -> list[ast.expr]:
    """What is given to `evidence.reproduce` in a file."""
    return [
        node.args[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "reproduce"
        if node.args
    ]


@pytest.mark.parametrize("path", sorted((ROOT / "suites").rglob("test_*.py")), ids=lambda path: path.name)
def test_suites_leave_commands_to_the_builders(path: Path) -> None:
    """No check writes a command of its own: a place that forgets the pinned address or the CA cannot come to be."""
    for given in calls(path):
        for node in ast.walk(given):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not TOOLS.match(node.value) or "TLS-013" in path.read_text(encoding="utf-8"), node.value


def test_there_is_one_builder_for_each_tool() -> None:
    """In the library, command lines of these tools begin nowhere but where they are built."""
    built = {"command_lines.py"}
    # The protocols whose clients nothing else starts.
    other = {("probes/ssh/look.py", "ssh"), ("probes/starttls/facts.py", "psql"), ("probes/dns/facts.py", "dig")}
    found = set()
    for path in sorted((ROOT / "src" / "stagehold").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        alone = [node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)]
        documented = {id(value) for value in alone if isinstance(value, ast.Constant)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or id(node) in documented:
                continue
            if (told := TOOLS.match(node.value)) and path.name not in built and len(node.value.split()) > 1:
                found.add((path.relative_to(ROOT / "src" / "stagehold").as_posix(), told[1]))
    assert found <= other, found - other


def test_the_runner_would_see_what_does_not_work(tmp_path: Path) -> None:
    """Positive control: an unknown tool, a command that fails, one that shows nothing, a placeholder unexplained."""
    case = CaseResult(check="AAA-001", case="", outcome=Outcome.FAILED)
    for command, words in (
        ("telnet localhost", "no known tool"),
        ("curl -sSi http://127.0.0.1:9/", "nobody listens"),
        ("nmap --version >/dev/null", "shows nothing"),
        ('curl -V >/dev/null; echo "$TOKEN"', "what to set ['TOKEN']"),
    ):
        assert words in troubles([case.model_copy(update={"reproduce": command})], tmp_path)[0], command
    assert tool_of('nsenter -t "$(cat f)" --net -- curl -si http://x') == "curl"
