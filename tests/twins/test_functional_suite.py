"""The functional suite as a person runs it, on a Flask shop: each journey is walked once and judged three times."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stagehold.events import read_events
from stagehold.model import Outcome
from tests.probes.pki import Authority, write_chain
from tests.twins.auth_stage import NAME
from tests.twins.journey_flask import PASSWORD, Shop, serving
from tests.twins.test_journey_flask import FLOWS, JOURNEY

pytestmark = pytest.mark.slow
PRODUCTION = {
    "hosts": ["shop.example", "*.shop.example"],
    "database_ids": ["1147"],
    "mail_domains": ["shop.example", "!test.shop.example"],
}
RECORD = {"target": "app", "path": "/ops", "database_ids": ["/database"], "mail_domains": ["/relay"]}


def outcomes(folder: Path) -> dict[str, tuple[Outcome, str]]:
    """Each check of the one run in the folder, with its outcome and message."""
    (run,) = (folder / "reports" / "checks").iterdir()
    return {case.check: (case.outcome, case.message) for case in read_events(run).cases}


@pytest.fixture(scope="module")
def shop_at(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Callable[[Path], list[str]]]]:
    """The shop, and what checks its functional suite from a folder: exit code and output."""
    folder = tmp_path_factory.mktemp("suite")
    authority = Authority.create()
    chain, key = write_chain(folder, authority.leaf(NAME), authority.intermediate)
    authority.ca_file(folder)
    (folder / "ada").write_text(PASSWORD)
    shop = Shop()
    with serving(shop, chain, key) as port:
        document = {
            "environment": {"id": "shop"},
            "targets": [{"name": "app", "base_url": f"https://{NAME}:{port}", "addresses": ["127.0.0.1"]}],
            "tls": {"trust": {"kind": "private", "ca_file": "ca.pem"}},
            "flows": {"web": {"target": "app", **FLOWS["web"]}},
            "accounts": [{"alias": "web-ada", "flow": "web", "user": "ada", "password_ref": "file:ada"}],
            "journeys": [JOURNEY],
            "consent": {"classes": ["evidence", "ordinary", "canary-write"]},
            "deny": {"production": PRODUCTION},
            "evidence": {"environment": [RECORD]},
        }
        (folder / "environment.yaml").write_text(json.dumps(document))  # JSON is YAML

        def check(where: Path) -> list[str]:
            command = [sys.executable, "-m", "stagehold", "check", str(folder / "environment.yaml")]
            command += ["FUN-002", "FUN-003", "FUN-005", "TLS-020"]
            done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=180, check=False)
            return [str(done.returncode), done.stdout + done.stderr]

        yield shop, check


def test_a_sound_shop_passes_and_is_walked_once(
    shop_at: tuple[Shop, Callable[[Path], list[str]]], tmp_path: Path
) -> None:
    """All checks of journeys pass on one walk, and a record that is not production's is apart."""
    shop, check = shop_at
    shop.faults, shop.database, shop.orders = set(), "4711", []
    code, output = check(tmp_path)

    assert code == "0", output
    assert {name: outcome for name, (outcome, _) in outcomes(tmp_path).items()} == dict.fromkeys(
        ("FUN-002", "FUN-003", "FUN-005", "TLS-020"), Outcome.PASSED
    )
    assert len(shop.orders) == 1


def test_each_fault_fails_the_check_whose_claim_it_breaks(
    shop_at: tuple[Shop, Callable[[Path], list[str]]], tmp_path: Path
) -> None:
    """A page that throws is FUN-003's and not FUN-002's; a database of production FUN-005's, a picture TLS-020's."""
    shop, check = shop_at
    shop.faults, shop.database, shop.orders = {"throws", "server-error", "plain-picture"}, "1147", []
    code, output = check(tmp_path)
    found = outcomes(tmp_path)

    assert code == "1", output
    assert {name: outcome for name, (outcome, _) in found.items()} == {
        "FUN-002": Outcome.PASSED,
        "FUN-003": Outcome.FAILED,
        "FUN-005": Outcome.FAILED,
        "TLS-020": Outcome.FAILED,
    }
    assert "GET /broken/4711: 503" in found["FUN-003"][1]
    assert "img src http://127.0.0.2:9080/logo.png on /orders" in found["TLS-020"][1]
    assert "database identity: 1147 is production's" in found["FUN-005"][1]
    assert len(shop.orders) == 1
