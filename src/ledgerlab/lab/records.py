"""What the company keeps about its firewall: which ports were approved, and when it was tested."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

from ledgerlab.lab.plan import DNS_PORT, HTTPS_PORT, MAIL_PORT, PARTNER_PORT, REDIRECT_PORT, SSH_PORT, Plan

APPROVAL = "approvals/ports.yaml"
TESTS = "evidence/firewall-tests.jsonl"
_ENVIRONMENT = "demo"
_USUALLY = timedelta(days=1)
_NEGLECTED = timedelta(days=200)


def write_records(plan: Plan) -> None:
    """Writes both, as they are with the plan's defects."""
    for name, text in ((APPROVAL, _approval(plan)), (TESTS, _tests(plan))):
        path = plan.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def _approval(plan: Plan) -> str:
    before_partners = any(defect.approved_before_partners for defect in plan.chosen)
    open_ports = sorted(
        {HTTPS_PORT, REDIRECT_PORT, SSH_PORT, MAIL_PORT, DNS_PORT} | (set() if before_partners else {PARTNER_PORT})
    )
    places = ("external", "office") if plan.mode == "namespace" else ("external",)
    rows = sorted(
        [vantage, host, address, ports]
        for vantage in places
        for host, addresses, ports in (
            ("web", plan.web_addresses, open_ports),
            ("database", plan.database_addresses, []),
        )
        for address in addresses
    )
    digest = hashlib.sha256(json.dumps(rows, separators=(",", ":")).encode()).hexdigest()
    lines = [
        "schema: port-approval/1",
        f"environment: {_ENVIRONMENT}",
        "approved_by: Nora Berg, network operations",
        f'approved_on: "{datetime.now(UTC).date().isoformat()}"',
        f"digest: sha256:{digest}",
        "matrix:",
    ]
    lines += [
        f'  - {{vantage: {vantage}, host: {host}, address: "{address}", open: {ports}}}'
        for vantage, host, address, ports in rows
    ]
    return "\n".join(lines) + "\n"


def _tests(plan: Plan) -> str:
    neglected = any(defect.firewall_tests_neglected for defect in plan.chosen)
    newest = datetime.now(UTC) - (_NEGLECTED if neglected else _USUALLY)
    entries = [
        {
            "schema": "firewall-test/1",
            "environment": _ENVIRONMENT,
            "finished": (newest - age).isoformat(timespec="seconds"),
            "vantage": "external",
            "complete": True,
            "hosts": ["web", "database"],
        }
        for age in (timedelta(days=7), timedelta(0))
    ]
    return "".join(json.dumps(entry) + "\n" for entry in entries)
