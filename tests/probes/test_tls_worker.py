"""The scanning process: parts without a connection are done again, and hang-ups are settled one at a time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from sslyze.server_connectivity import TlsVersionEnum

from stagehold.probes.tls import worker

REQUEST = {"hostname": "app.test", "port": 443, "address": "192.0.2.1", "sni": "app.test", "timeout": 1}
TLS11 = "tls_1_1_cipher_suites"


def lost() -> dict[str, Any]:
    return {"status": "ERROR", "error_reason": "CONNECTIVITY_ISSUE"}


def done() -> dict[str, Any]:
    return {"status": "COMPLETED"}


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], int]]:
    """The first scan loses TLS 1.1 and the certificates, the second one the certificates again."""
    told: list[tuple[list[str], int]] = []

    def scan(_: object, __: object, commands: Iterable[str], *, at_once: int) -> tuple[None, dict[str, Any]]:
        told.append((sorted(commands), at_once))
        broken = {TLS11, "certificate_info"} if len(told) == 1 else {"certificate_info"}
        return None, {"scan_result": {name: lost() if name in broken else done() for name in told[-1][0]}}

    monkeypatch.setattr(worker, "_scan", scan)
    monkeypatch.setattr(worker, "_ask_again", lambda *_: {})
    monkeypatch.setattr(worker, "_control", lambda *_: "")
    monkeypatch.setattr(worker, "PATIENCE", 0)
    return told


def test_what_had_no_connection_is_scanned_again_alone(scans: list[tuple[list[str], int]]) -> None:
    """Only that, one connection at a time; what fails twice stays an error."""
    answer = worker.scan({**REQUEST, "commands": [TLS11, "certificate_info", "heartbleed"]})

    assert scans == [(["certificate_info", "heartbleed", TLS11], 5), (["certificate_info", TLS11], 1)]
    results = answer["scan"]["scan_result"]
    assert {name: result["status"] for name, result in results.items()} == {
        TLS11: "COMPLETED",
        "certificate_info": "ERROR",
        "heartbleed": "COMPLETED",
    }


def rejecting(*messages: str) -> dict[str, Any]:
    suites = [
        {"cipher_suite": {"openssl_name": str(n), "name": str(n)}, "error_message": message}
        for n, message in enumerate(messages)
    ]
    return {"status": "COMPLETED", "result": {"rejected_cipher_suites": suites}}


@pytest.mark.parametrize(
    ("messages", "again"),
    [
        (("TLS alert: handshake failure", "Server rejected the connection"), True),
        (("Server rejected the connection", "Server rejected the connection"), False),
        (("TLS alert: handshake failure", "TLS alert: handshake failure"), False),
    ],
)
def test_where_connections_are_limited_the_certificates_are_fetched_again(
    monkeypatch: pytest.MonkeyPatch, messages: tuple[str, ...], again: bool
) -> None:
    """A server that hangs up by turns may have hung up on the one handshake that would have shown another chain."""
    asked: list[tuple[list[str], int]] = []

    def scan(_: object, __: object, commands: Iterable[str], *, at_once: int) -> tuple[None, dict[str, Any]]:
        asked.append((sorted(commands), at_once))
        return None, {"scan_result": {TLS11: rejecting(*messages), "certificate_info": done()}}

    for name, stub in (("_scan", scan), ("_ask_again", lambda *_: {}), ("_control", lambda *_: "")):
        monkeypatch.setattr(worker, name, stub)
    monkeypatch.setattr(worker, "PATIENCE", 0)

    worker.scan({**REQUEST, "commands": [TLS11, "certificate_info"]})

    assert asked[1:] == ([(["certificate_info"], 1)] if again else [])


SUITES = {"A": "TLS_A", "B": "TLS_B"}


@pytest.mark.parametrize(
    ("answers", "alive", "accepted", "refused"),
    [
        # Hangs up on the whole list, and shakes hands with others: policy.
        ([["A", "B", "hung up"]], True, [], ["TLS_A", "TLS_B"]),
        ([["A", "B", "refused"]], False, [], ["TLS_A", "TLS_B"]),
        # Shut out: nothing is known.
        ([["A", "B", "hung up"]] * 2, False, [], []),
        ([["A", "B", "timed out"]], True, [], []),
        # One of them was accepted after all.
        ([["A", "B", "accepted"], ["A", "refused"], ["B", "accepted"]], True, ["TLS_B"], ["TLS_A"]),
        (
            [["A", "B", "accepted"], ["A", "accepted"], ["B", "hung up"], ["B", "hung up"]],
            True,
            ["TLS_A"],
            ["TLS_B"],
        ),
        ([["A", "B", "accepted"], ["A", "hung up"], ["B", "accepted"], ["A", "hung up"]], False, ["TLS_B"], []),
    ],
)
def test_a_hang_up_is_settled_or_stays_open(
    monkeypatch: pytest.MonkeyPatch, answers: list[list[str]], alive: bool, accepted: list[str], refused: list[str]
) -> None:
    """Refused is what is declined, or hung up on by a server that shakes hands otherwise; all else stays in doubt."""
    left = list(answers)

    def offer(_: object, __: object, suites: Iterable[str]) -> str:
        *asked, answer = left.pop(0)
        assert list(suites) == asked
        return answer

    monkeypatch.setattr(worker, "_offer", offer)
    monkeypatch.setattr(worker, "_shakes_hands", lambda _: alive)
    monkeypatch.setattr(worker, "PATIENCE", 0)

    found = worker._settle(object(), TlsVersionEnum.TLS_1_1, SUITES)  # type: ignore[arg-type]

    assert found == {"accepted": accepted, "refused": refused}
    assert left == []
