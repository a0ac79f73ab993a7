"""Which protocol versions the endpoints speak."""

import pytest

from stagehold import check

OPTIONS = {"SSL 2.0": "ssl2", "SSL 3.0": "ssl3", "TLS 1.0": "tls1", "TLS 1.1": "tls1_1"}


@check(
    "TLS-001",
    severity="blocker",
    proves=["encrypted-transport"],
    why="Old versions can be broken by somebody on the way, passwords and books included.",
    remedy="Remove the version from the listener; keep TLS 1.2 and TLS 1.3.",
    defects=["tls-1.1-accepted"],
)
@pytest.mark.parametrize("version", OPTIONS)
def test_legacy_version_is_refused(tls_scan, version, evidence):
    """No endpoint completes a handshake older than TLS 1.2.

    Every address of the endpoint is offered every suite of the version (sslyze). Refused means that the
    server answered and declined; an unanswered handshake, or a server that accepts nothing at all, is
    inconclusive.
    Sources: RFC 8996, RFC 9325 section 3.1.1, ASVS 12.1.1, WSTG-CRYP-01, CWE-327.
    """
    evidence.table("suites", ("address", "version", "answer", "suite"), tls_scan.accepted_suites())
    evidence.json("sslyze", tls_scan.raw(version))
    evidence.reproduce(
        f"openssl s_client -connect {tls_scan.dialled} -servername {tls_scan.endpoint.name} "
        f"-{OPTIONS[version]} -cipher ALL:@SECLEVEL=0 </dev/null"
    )
    accepted = tls_scan.accepts(version)
    where = ", ".join(tls_scan.accepting(version))
    evidence.compare(expected=f"{version} is refused", observed=f"accepted at {where}" if accepted else "refused")

    assert not accepted, f"{tls_scan} accepts {version} at {where}"
