"""`python -m tests.strangers.printed_commands FOLDER`: the reproductions of a faulty service, each run as printed.

Run in a network of its own; prints what does not work, as a list in JSON.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from stagehold.model import CaseResult, Outcome
from tests.strangers import stage
from tests.strangers.reproductions import collected, run, troubles

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


def main(folder: Path) -> None:
    """Start the service, check it, and do what the reports say."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    (folder / "checks").mkdir()
    (folder / "checks" / "test_own.py").write_text(OWN, encoding="utf-8")
    text = TEXT.replace("consent:", "vantage: {external: {agent: local}}\nsuites: [checks]\nconsent:")
    text = text.replace("targets:", "hosts: [{name: edge, ipv4: [ADDRESS], ports: [{port: 9444}]}]\ntargets:")
    text = re.sub(r"classes: \[.*?\]", "classes: [evidence, ordinary, canary-write, intrusive]", text)
    with stage.flask_api(folder, PEOPLE, "read-forgets-tenant") as stranger:
        environment = stranger.describe(text)
        told = stage.check(environment, "tls", "headers", "auth", "access", "checks", "NET-001", "NET-002", "NET-008")
        cases = collected(folder)
        found = troubles(cases, folder)
        by_check: dict[str, CaseResult] = {}
        for case in cases:
            if case.check not in by_check or case.outcome is Outcome.FAILED:
                by_check[case.check] = case
        assert {"TLS-001", "HDR-001", "HDR-013", "ACC-008", "OWN-001"} <= set(by_check), told.output

        own = by_check["OWN-001"].reproduce
        assert f"--resolve items.stranger.test:9443:{stranger.address} --cacert ca.pem" in own
        assert '"openapi"' in run(by_check["OWN-001"], folder).stdout
        surplus, missing = by_check["NET-001"], by_check["NET-002"]
        assert surplus.outcome is missing.outcome is Outcome.FAILED
        assert re.search(r"9443/tcp +open", run(surplus, folder).stdout)
        assert re.search(r"9444/tcp +closed", run(missing, folder).stdout)
        assert "Verify return code: 0 (ok)" in run(by_check["TLS-008"], folder).stdout
        assert re.match(r"HTTP/1\.1 401", run(by_check["ACC-008"], folder).stdout)
    assert "\n    curl " in told.output
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
