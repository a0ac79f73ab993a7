"""Every reproduction works as it is printed, against services that nobody here wrote."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from stagehold.model import CaseResult, Outcome
from tests.strangers import stage
from tests.strangers.reproductions import collected, run, tool_of, troubles

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "tests" / "strangers" / "environments" / "items.yaml").read_text(encoding="utf-8")
PEOPLE = (
    stage.Person("ann", "alder", "admin"),
    stage.Person("cid", "alder", "clerk"),
    stage.Person("bob", "birch", "admin"),
)
OWN = '''
from stagehold import check


@check("OWN-001", severity="normal", proves=["information-restraint"], remedy="Leave it out.")
def test_own(target, http, evidence):
    """The API does not name its age."""
    answer = http(target).request("GET", "/openapi.json")
    evidence.compare(expected="no age", observed=f"status {answer.status_code}")
    evidence.reproduce(f'curl -s -H "Authorization: Bearer $TOKEN" {target.base_url}/openapi.json  # TOKEN is yours')
    assert answer.status_code == 404, f"status {answer.status_code}"
'''
TOOLS = re.compile(r"^\s*(curl|nmap|dig|sslyze|ssh|nc|psql|openssl s_client) +[-@]")


def test_reproductions_of_a_stranger_work_as_printed(tmp_path: Path) -> None:
    """Encryption, logins, rights, headers and open ports of a faulty service: each command runs and shows an answer."""
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks" / "test_own.py").write_text(OWN, encoding="utf-8")
    text = TEXT.replace("consent:", "vantage: {external: {agent: local}}\nsuites: [checks]\nconsent:")
    text = text.replace("targets:", "hosts: [{name: edge, ipv4: [ADDRESS], ports: [{port: 9444}]}]\ntargets:")
    text = re.sub(r"classes: \[.*?\]", "classes: [evidence, ordinary, canary-write, intrusive]", text)
    with stage.flask_api(tmp_path, PEOPLE, "read-forgets-tenant") as stranger:
        environment = stranger.describe(text)
        told = stage.check(environment, "tls", "headers", "auth", "access", "checks", "NET-001", "NET-002", "NET-008")
        cases = collected(tmp_path)
        assert "\n\n".join(troubles(cases, tmp_path)) == ""
        by_check: dict[str, CaseResult] = {}
        for case in cases:
            if case.check not in by_check or case.outcome is Outcome.FAILED:
                by_check[case.check] = case
        assert {"TLS-001", "HDR-001", "HDR-013", "ACC-008", "OWN-001"} <= set(by_check), told.output

        own = by_check["OWN-001"].reproduce
        assert f"--resolve items.stranger.test:9443:{stranger.address} --cacert ca.pem" in own
        assert '"openapi"' in run(by_check["OWN-001"], tmp_path).stdout
        surplus, missing = by_check["NET-001"], by_check["NET-002"]
        assert surplus.outcome is missing.outcome is Outcome.FAILED
        assert re.search(r"9443/tcp +open", run(surplus, tmp_path).stdout)
        assert re.search(r"9444/tcp +closed", run(missing, tmp_path).stdout)
        assert "Verify return code: 0 (ok)" in run(by_check["TLS-008"], tmp_path).stdout
        assert re.match(r"HTTP/1\.1 401", run(by_check["ACC-008"], tmp_path).stdout)
    assert "\n    curl " in told.output


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
