"""The worker's answer about one address, read strictly into facts. Pure: no network, no judgement.

A rejected suite is only a refusal when the server answered with one: sslyze also files handshakes that timed
out or that the server hung up on, and leaves out the suites its own OpenSSL could not offer.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.x509.oid import PublicKeyAlgorithmOID

from stagehold.probes.tls.facts import COMMANDS, AddressScan, ServedChain, VersionFact

CERTIFICATES = "certificate_info"
"""sslyze's scan command for them."""
_RSA_KEYS = {PublicKeyAlgorithmOID.RSAES_PKCS1_v1_5, PublicKeyAlgorithmOID.RSASSA_PSS}
_NO_ANSWER = ("timed out", "rejected the connection", "closed the connection", "interrupted", "Internal error")
"""Parts of sslyze's words for handshakes that ended without an answer about the suite."""


def read_answer(address: str, answer: dict[str, Any], raw: str = "") -> AddressScan:
    """The facts in one answer of the worker; a scan without a positive control yields a `problem`."""
    tool = str(answer.get("tool", ""))
    scan = answer.get("scan") or {}
    if scan.get("scan_status") != "COMPLETED" or not scan.get("scan_result"):
        why = _last_line(scan.get("connectivity_error_trace")) or "sslyze gave no reason"
        return AddressScan(address, tool=tool, problem=f"no TLS connection: {why}", raw=raw)
    results: dict[str, Any] = scan["scan_result"]
    again = answer.get("again") or {}
    versions = {
        version: _version(version, results.get(command), again.get(command) or {})
        for version, command in COMMANDS.items()
    }
    problem = ""
    if not any(fact.accepted for fact in versions.values()):
        problem = "positive control failed: not one protocol version was accepted"
    elif control := answer.get("control", "the scan did not say"):
        problem = f"positive control failed: after the scan the server no longer shook hands ({control})"
    chains, chain_problem = _chains(address, results.get(CERTIFICATES))
    chain_problem = chain_problem or _unseen_chain(chains, versions)
    return AddressScan(
        address=address,
        versions=versions,
        chains=chains,
        chain_problem=chain_problem,
        client_certificate=str((scan.get("connectivity_result") or {}).get("client_auth_requirement", "")),
        tool=tool,
        problem=problem,
        raw=raw,
    )


def _version(version: str, attempt: dict[str, Any] | None, again: Mapping[str, Sequence[str]]) -> VersionFact:
    if problem := _attempt_problem(attempt):
        return VersionFact(version, problem=problem)
    assert attempt is not None  # noqa: S101 - _attempt_problem has refused None
    result = attempt["result"]
    late = set(again.get("accepted", ()))
    accepted = tuple(item["cipher_suite"]["name"] for item in result["accepted_cipher_suites"])
    accepted += tuple(sorted(late.difference(accepted)))
    rejected = [item for item in result["rejected_cipher_suites"] if item["cipher_suite"]["name"] not in late]
    settled = set(again.get("refused", ()))
    unanswered = [
        item
        for item in rejected
        if any(part in item["error_message"] for part in _NO_ANSWER) and item["cipher_suite"]["name"] not in settled
    ]
    if accepted:
        refused = len(rejected) - len(unanswered)
        return VersionFact(version, accepted=accepted, refused=refused, unanswered=len(unanswered))
    if unanswered:
        problem = f"{len(unanswered)} of {len(rejected)} handshakes were never answered"
        return VersionFact(version, refused=len(rejected) - len(unanswered), problem=problem)
    if not rejected:
        return VersionFact(version, problem="not one suite of this version was offered")
    return VersionFact(version, refused=len(rejected))


def _chains(address: str, attempt: dict[str, Any] | None) -> tuple[tuple[ServedChain, ...], str]:
    if problem := _attempt_problem(attempt):
        return (), problem
    assert attempt is not None  # noqa: S101 - _attempt_problem has refused None
    chains = []
    for deployment in attempt["result"]["certificate_deployments"]:
        pem = "".join(item["as_pem"].strip() + "\n" for item in deployment["received_certificate_chain"])
        try:
            certificates = tuple(x509.load_pem_x509_certificates(pem.encode()))
            staple = base64.b64decode(deployment.get("stapled_der") or "", validate=True)
        except ValueError as error:
            return (), f"a served certificate cannot be parsed: {error}"
        if deployment.get("ocsp_response") and not staple:
            return (), "the stapled answer was not handed over"
        chains.append(ServedChain(address, certificates, pem, staple))
    return tuple(chains), ""


def _unseen_chain(chains: Sequence[ServedChain], versions: Mapping[str, VersionFact]) -> str:
    """Which kind of certificate must exist by the suites that were accepted, and was not seen; in words."""
    authentications = [
        suite.partition("_WITH_")[0].split("_")
        for fact in versions.values()
        for suite in fact.accepted
        if "_WITH_" in suite and not {"PSK", "SRP"}.intersection(suite.split("_"))
    ]
    wanted = {kind for parts in authentications for kind in ("RSA", "ECDSA") if kind in parts}
    keys = [chain.leaf.public_key_algorithm_oid for chain in chains]
    seen = {"RSA" if key in _RSA_KEYS else "ECDSA" for key in keys}
    missing = sorted(wanted - seen) if chains else []
    return f"the certificate for clients of {' and '.join(missing)} was not seen" if missing else ""


def _attempt_problem(attempt: dict[str, Any] | None) -> str:
    if attempt is None:
        return "sslyze did not run this part of the scan"
    if attempt.get("status") == "COMPLETED" and attempt.get("result"):
        return ""
    reason = str(attempt.get("error_reason") or attempt.get("status")).lower().replace("_", " ")
    detail = _last_line(attempt.get("error_trace"))
    return f"sslyze: {reason}{f' ({detail})' if detail else ''}"


def _last_line(trace: str | None) -> str:
    lines = [line.strip() for line in (trace or "").splitlines() if line.strip()]
    return lines[-1].rpartition(": ")[2] if lines else ""
