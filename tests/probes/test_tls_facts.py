"""Reading a scan's answer: everything the answer does not prove is unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from stagehold.environment.model import TlsEndpoint
from stagehold.errors import ProbeError
from stagehold.probes.tls.facts import COMMANDS, TlsScan
from stagehold.probes.tls.reading import CERTIFICATES, read_answer
from tests.probes.pki import issue

LEAF = issue("app.test", names=("app.test",))
TIMED_OUT = "Connection to server timed out during the TLS handshake"
HUNG_UP = (
    TIMED_OUT,
    "Server rejected the connection",
    "Server closed the connection during the TLS handshake",
    "Server interrupted the TLS handshake",
    "TLS alert: Internal error",
)
REFUSED = "TLS alert: protocol version "


def suites(accepted: int = 0, rejected: int = 0, message: str = REFUSED) -> dict[str, Any]:
    return {
        "status": "COMPLETED",
        "error_reason": None,
        "error_trace": None,
        "result": {
            "accepted_cipher_suites": [{"cipher_suite": {"name": f"A{n}"}} for n in range(accepted)],
            "rejected_cipher_suites": [
                {"cipher_suite": {"name": f"R{n}"}, "error_message": message} for n in range(rejected)
            ],
        },
    }


def failed(reason: str) -> dict[str, Any]:
    return {
        "status": "ERROR",
        "error_reason": reason,
        "error_trace": "Traceback\n  x\nBoom: it broke\n",
        "result": None,
    }


def answer(**changes: Any) -> dict[str, Any]:
    results: dict[str, Any] = {command: suites(rejected=3) for command in COMMANDS.values()}
    results[COMMANDS["TLS 1.2"]] = suites(accepted=2, rejected=5)
    results[CERTIFICATES] = {
        "status": "COMPLETED",
        "result": {"certificate_deployments": [{"received_certificate_chain": [{"as_pem": LEAF.pem}]}]},
    }
    results.update(changes)
    results = {command: result for command, result in results.items() if result != "absent"}
    return {"tool": "sslyze 1", "scan": {"scan_status": "COMPLETED", "scan_result": results}, "control": ""}


def scan(document: dict[str, Any]) -> TlsScan:
    return TlsScan(TlsEndpoint(host="app.test"), (read_answer("192.0.2.1", document),))


def test_a_complete_answer_is_read() -> None:
    """Accepted, refused and served are told as they are."""
    found = scan(answer())

    assert found.accepts("TLS 1.2")
    assert not found.accepts("TLS 1.1")
    assert found.chains[0].leaf == LEAF.certificate


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (suites(rejected=3, message=TIMED_OUT), "3 of 3 handshakes were never answered"),
        (suites(), "not one suite of this version was offered"),
        (failed("CONNECTIVITY_ISSUE"), "connectivity issue .it broke"),
        (failed("BUG_IN_SSLYZE"), "bug in sslyze"),
        ({"status": "NOT_SCHEDULED", "error_reason": None, "error_trace": None, "result": None}, "not scheduled"),
        ("absent", "did not run"),
    ],
)
def test_a_version_that_was_not_measured_is_unknown(result: Any, words: str) -> None:
    """A time-out, an error or an omission never reads as refused, and leaves the other versions alone."""
    found = scan(answer(**{COMMANDS["TLS 1.1"]: result}))

    with pytest.raises(ProbeError, match=words):
        found.accepts("TLS 1.1")
    assert not found.accepts("TLS 1.0")
    assert [row[2] for row in found.accepted_suites() if row[1] == "TLS 1.1"] == ["unknown"]


def test_one_accepted_suite_outweighs_unanswered_ones() -> None:
    """A version is accepted as soon as one suite is."""
    mixed = suites(accepted=1, rejected=5, message=TIMED_OUT)

    assert scan(answer(**{COMMANDS["TLS 1.1"]: mixed})).accepts("TLS 1.1")


@pytest.mark.parametrize(
    ("accepted", "seen"),
    [
        ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", True),
        ("TLS_DH_anon_WITH_AES_128_GCM_SHA256", True),
        ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", False),
        ("TLS_RSA_WITH_AES_128_CBC_SHA", False),
        ("TLS_RSA_PSK_WITH_AES_128_CBC_SHA", True),
    ],
)
def test_a_chain_that_must_exist_and_was_not_seen_is_told(accepted: str, seen: bool) -> None:
    """A suite of RSA is accepted only with a certificate of RSA: without its chain nothing passes."""
    tls12 = suites(accepted=2, rejected=5)
    tls12["result"]["accepted_cipher_suites"][0]["cipher_suite"]["name"] = accepted
    found = scan(answer(**{COMMANDS["TLS 1.2"]: tls12}))

    if seen:
        assert found.chains
    else:
        with pytest.raises(ProbeError, match="clients of RSA was not seen"):
            assert found.chains


@pytest.mark.parametrize("message", HUNG_UP)
def test_a_hang_up_is_a_refusal_only_when_it_was_settled(message: str) -> None:
    """Suites that the server hung up on count as refused, or accepted, when the second offer said so."""
    command = COMMANDS["TLS 1.1"]
    document = answer(**{command: suites(rejected=3, message=message)})

    def told(**again: list[str]) -> TlsScan:
        return scan({**document, "again": {command: again}})

    assert not told(refused=["R0", "R1", "R2"], accepted=[]).accepts("TLS 1.1")
    assert told(refused=["R0"], accepted=["R1"]).suites("TLS 1.1") == (("192.0.2.1", "R1"),)
    for unsettled in (told(refused=["R0", "R1"], accepted=[]), told(), scan(document)):
        with pytest.raises(ProbeError, match="never answered"):
            unsettled.accepts("TLS 1.1")


def test_an_unsettled_suite_of_an_accepted_version_is_told() -> None:
    """The version is accepted, and of its suites one is not known."""
    mixed = suites(accepted=1, rejected=2, message=HUNG_UP[1])
    found = scan({**answer(**{COMMANDS["TLS 1.1"]: mixed}), "again": {COMMANDS["TLS 1.1"]: {"refused": ["R0"]}}})

    assert found.accepts("TLS 1.1")
    assert found.unknown(["TLS 1.1"]) == ("192.0.2.1: TLS 1.1: 1 handshakes were never answered",)


REFUSES, ACCEPTS = suites(rejected=3), suites(accepted=1)


@pytest.mark.parametrize(
    ("tls13", "negotiated", "gaps", "words"),
    [
        (ACCEPTS, "TLS 1.3", (), ""),
        (ACCEPTS, "TLS 1.3", ("something else is not known",), ""),
        (REFUSES, "TLS 1.3", (), ""),
        (failed("BUG_IN_SSLYZE"), "TLS 1.3", (), ""),
        (REFUSES, "TLS 1.2", (), "refuses TLS 1.3"),
        (REFUSES, "", (), "refuses TLS 1.3"),
        (ACCEPTS, "TLS 1.2", (), "agrees on TLS 1.2"),
        (ACCEPTS, "", ("no answer",), None),
        (ACCEPTS, "", (), None),
        (failed("BUG_IN_SSLYZE"), "", (), None),
        (suites(rejected=3, message=TIMED_OUT), "", ("no answer",), None),
    ],
)
def test_tls_13_is_preferred_missing_or_not_known(
    tls13: dict[str, Any], negotiated: str, gaps: tuple[str, ...], words: str | None
) -> None:
    """Preferred is what was agreed on; what was not seen (None) is a ProbeError."""
    one = replace(read_answer("192.0.2.1", answer(**{COMMANDS["TLS 1.3"]: tls13})), negotiated=negotiated, gaps=gaps)
    found = TlsScan(TlsEndpoint(host="app.test"), (one,))

    if words is None:
        with pytest.raises(ProbeError):
            found.not_preferring_tls13()
    else:
        assert [words in problem for problem in found.not_preferring_tls13()] == ([True] if words else [])


def test_one_address_without_tls_13_is_enough() -> None:
    """A balancer with one old machine behind it does not prefer TLS 1.3, whatever another address hides."""
    old = replace(read_answer("192.0.2.1", answer()), negotiated="TLS 1.2")
    hidden = read_answer("192.0.2.2", {})
    fine = replace(read_answer("192.0.2.3", answer(**{COMMANDS["TLS 1.3"]: ACCEPTS})), negotiated="TLS 1.3")

    assert TlsScan(TlsEndpoint(host="app.test"), (old, hidden)).not_preferring_tls13()
    for unknown in ((fine, hidden), ()):
        with pytest.raises(ProbeError):
            TlsScan(TlsEndpoint(host="app.test"), unknown).not_preferring_tls13()


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"scan": None},
        {"scan": {"scan_status": "ERROR_NO_CONNECTIVITY", "scan_result": None}},
        {"scan": {"scan_status": "COMPLETED", "scan_result": None}},
        {**answer(), "control": "Server rejected the connection"},
        {key: value for key, value in answer().items() if key != "control"},
        answer(**{COMMANDS["TLS 1.2"]: suites(rejected=5)}),
    ],
)
def test_without_a_positive_control_nothing_is_known(document: dict[str, Any]) -> None:
    """No connection, no accepted version, or no handshake afterwards: every question is inconclusive."""
    found = scan(document)

    for version in COMMANDS:
        with pytest.raises(ProbeError):
            found.accepts(version)
    with pytest.raises(ProbeError):
        assert found.chains


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ("absent", "did not run"),
        (failed("CLIENT_CERTIFICATE_NEEDED"), "client certificate needed"),
        ({"status": "COMPLETED", "result": {"certificate_deployments": []}}, "no certificate was served"),
        (
            {
                "status": "COMPLETED",
                "result": {"certificate_deployments": [{"received_certificate_chain": [{"as_pem": "junk"}]}]},
            },
            "cannot be parsed",
        ),
    ],
)
def test_an_unseen_chain_is_unknown(result: Any, words: str) -> None:
    """Certificates that were not seen cannot be judged; the versions still can."""
    found = scan(answer(**{CERTIFICATES: result}))

    with pytest.raises(ProbeError, match=words):
        assert found.chains
    assert not found.accepts("TLS 1.1")


def test_a_scan_of_no_address_says_nothing() -> None:
    """An endpoint without addresses is not one that refuses everything."""
    nothing = TlsScan(TlsEndpoint(host="app.test"), ())

    with pytest.raises(ProbeError):
        nothing.accepts("TLS 1.1")
    with pytest.raises(ProbeError):
        assert nothing.chains
