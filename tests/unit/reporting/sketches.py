"""What the sample verdicts are made of: seventeen invented checks and nine promises."""

from __future__ import annotations

from dataclasses import dataclass

from stagehold.model import Commitment, Severity

DIGEST = "sha256:" + "4f1d" * 16
OTHER_DIGEST = "sha256:" + "0b9e" * 16


@dataclass(frozen=True)
class Sketch:
    """One check in a line."""

    id: str
    suite: str
    claim: str
    proves: tuple[str, ...]
    remedy: str
    cases: tuple[str, ...] = ("",)
    severity: Severity = Severity.BLOCKER
    requires: tuple[str, ...] = ()
    expected: str = ""
    observed: str = ""


SKETCHES = (
    Sketch(
        "TLS-001",
        "tls",
        "No endpoint completes a handshake older than TLS 1.2.",
        ("encrypted-transport",),
        "Remove the version from the listener; keep TLS 1.2 and 1.3.",
        ("SSL 3.0", "TLS 1.0", "TLS 1.1"),
        expected="TLS 1.0 refused",
        observed="ledger.demo.test:8443 completed a TLS 1.0 handshake with ECDHE-RSA-AES256-SHA",
    ),
    Sketch(
        "TLS-008",
        "tls",
        "Each endpoint sends the whole chain up to the anchor.",
        ("trusted-certificate",),
        "Serve the leaf and all intermediates, in order.",
        severity=Severity.CRITICAL,
        expected="leaf and 1 intermediate",
        observed="the leaf alone",
    ),
    Sketch(
        "TLS-009",
        "tls",
        "The certificate names the host that users type.",
        ("trusted-certificate",),
        "Issue the certificate for the name.",
        expected="ledger.demo.test",
        observed="other.demo.test",
    ),
    Sketch(
        "TLS-010",
        "tls",
        "The certificate stays valid long enough for the next release.",
        ("trusted-certificate",),
        "Renew it.",
        severity=Severity.CRITICAL,
        expected="at least 14 days left",
        observed="3 days left",
    ),
    Sketch(
        "NET-001",
        "ports",
        "Exactly the declared ports answer from outside.",
        ("declared-exposure", "firewall-verified"),
        "Close the port, or declare it with its purpose.",
        ("web", "database"),
        expected="8080, 8443",
        observed="8080, 8443, 9229 (node debugger)",
    ),
    Sketch(
        "NET-002",
        "ports",
        "Every declared port answers.",
        ("declared-exposure",),
        "Start the listener.",
        severity=Severity.CRITICAL,
        expected="8080 open",
        observed="8080 refused",
    ),
    Sketch(
        "NET-003",
        "ports",
        "No database port answers from outside.",
        ("database-unreachable",),
        "Bind the database to the inner network only.",
        expected="5432 closed from 10.77.0.1",
        observed="5432 open: PostgreSQL",
    ),
    Sketch(
        "AUT-001",
        "auth",
        "Every test account can log in and is who it says.",
        ("personal-login",),
        "Enable the account.",
        ("a_main", "a_acct", "b_main"),
        expected="logged in as a_acct",
        observed="401 account disabled",
    ),
    Sketch(
        "AUT-007",
        "auth",
        "Guessing one account's password is stopped within 10 tries.",
        ("brute-force-resistance",),
        "Turn the limiter on.",
        requires=("AUT-001",),
        expected="right password refused after 10 wrong ones",
        observed="accepted after 11 wrong ones",
    ),
    Sketch(
        "AUT-024",
        "auth",
        "Logging out ends the session on the server.",
        ("session-integrity",),
        "Delete the session at logout.",
        requires=("AUT-001",),
        expected="401 with the old cookie",
        observed="200 with the old cookie",
    ),
    Sketch(
        "ACC-001",
        "access",
        "Nothing but what is declared public answers anonymous callers.",
        ("authentication-required",),
        "Put the guard back.",
        expected="401",
        observed="GET /api/reports/profit answered 200",
    ),
    Sketch(
        "ACC-008",
        "access",
        "A company gets no object of another company by its identifier.",
        ("tenant-isolation",),
        "Filter by the session's company.",
        ("invoice", "voucher"),
        requires=("AUT-001",),
        expected="404",
        observed="200 with the canary of Alder Oy",
    ),
    Sketch(
        "ACC-010",
        "access",
        "A company changes no object of another company, and nobody one that is not granted.",
        ("tenant-isolation", "role-separation"),
        "Filter by the session's company.",
        requires=("AUT-001",),
        expected="unchanged",
        observed="title changed by Birch Oy",
    ),
    Sketch(
        "HDR-001",
        "headers",
        "Every HTTPS answer, errors too, tells browsers to use HTTPS only.",
        ("transport-policy",),
        "Send the header with `always`.",
        ("/", "/missing"),
        severity=Severity.NORMAL,
        expected="max-age >= 31536000",
        observed="no Strict-Transport-Security on 404",
    ),
    Sketch(
        "FUN-001",
        "functional",
        "What runs is the very build that is to be released.",
        ("release-identity",),
        "Deploy the build.",
        expected=DIGEST,
        observed=OTHER_DIGEST,
    ),
    Sketch(
        "FUN-002",
        "functional",
        "The daily journeys work, click by click.",
        ("working-journeys",),
        "Repair the page.",
        ("approve a voucher",),
        requires=("AUT-001",),
        expected="Approved",
        observed="the page showed: Something went wrong",
    ),
    Sketch(
        "LOD-001",
        "load",
        "The service answers in time at the declared load.",
        ("service-capacity",),
        "Find the slow endpoint in the evidence.",
        ("ledger",),
        expected="p95 of list invoices <= 300 ms",
        observed="p95 1,240 ms (95% bound 1,180 ms)",
    ),
)

STATEMENT = (
    Commitment(
        id="S01",
        text="Servers are reachable only by authorised persons.",
        owner="infrastructure",
        safeguards=("declared-exposure", "authentication-required"),
    ),
    Commitment(
        id="S03",
        text="Rights to databases and systems are company- and employee-specific.",
        owner="application team",
        safeguards=("tenant-isolation", "role-separation"),
    ),
    Commitment(
        id="S05",
        text="Database interfaces are unreachable from external networks.",
        owner="infrastructure",
        safeguards=("database-unreachable",),
    ),
    Commitment(
        id="S06",
        text="Daily backups of all databases and files are made into a separate fire area.",
        owner="infrastructure",
        safeguards=("backups",),
    ),
    Commitment(
        id="S09",
        text="The firewall is tested regularly.",
        owner="infrastructure",
        safeguards=("firewall-verified",),
    ),
    Commitment(
        id="S11",
        text="Software and updates are tested in a separate environment before launch.",
        owner="release management",
        safeguards=("release-identity", "working-journeys"),
    ),
    Commitment(
        id="S14",
        text="Users have personal user names and passwords, and individual sessions.",
        owner="application team",
        safeguards=("personal-login", "session-integrity", "brute-force-resistance"),
    ),
    Commitment(
        id="S15",
        text="HTTPS is used between servers and users.",
        owner="platform",
        safeguards=("encrypted-transport", "trusted-certificate", "transport-policy"),
    ),
    Commitment(
        id="S18",
        text="The service answers in time.",
        owner="application team",
        safeguards=("service-capacity",),
    ),
)
REQUIRED = ("S01", "S03", "S05", "S09", "S11", "S14", "S15", "S18")
