"""Faults of the TLS listener and its certificates."""

from __future__ import annotations

from ledgerlab.defects.model import Certificate, Defect, Edit

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "tls-1.1-accepted",
        "The https listener still accepts TLS 1.1, for some old client, and with it suites without AEAD.",
        settings={
            "minimum_tls": "TLSv1_1",
            "ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0",
        },
    ),
    Defect(
        "tls-1.3-missing",
        "The https listener was pinned to TLS 1.2 during an incident, and stayed so.",
        settings={"maximum_tls": "TLSv1_2"},
    ),
    Defect(
        "cbc-suite-accepted",
        "A CBC suite was put back into the list of suites, for some old client.",
        settings={"ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA256"},
    ),
    Defect(
        "null-suite-accepted",
        "A suite without encryption, once enabled to read the traffic, is still accepted.",
        settings={"ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-NULL-SHA:@SECLEVEL=0"},
    ),
    Defect(
        "weak-certificate-key",
        "The certificate of the partners' name has an RSA key of 1024 bits, which their old programs asked for.",
        settings={"partner_ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:@SECLEVEL=0"},
        certificate=Certificate(rsa_bits=1024),
    ),
    Defect(
        "incomplete-chain",
        "Under the partners' name the intermediate certificate is not served.",
        certificate=Certificate(with_intermediate=False),
    ),
    Defect(
        "certificate-for-other-name",
        "Under the partners' name the certificate of another service is installed.",
        certificate=Certificate(name="payroll.demo.test"),
    ),
    Defect(
        "certificate-expires-soon",
        "The certificate of the partners' name has three days left; nobody renewed it.",
        certificate=Certificate(days_left=3),
    ),
    Defect(
        "login-over-plain-http",
        "The plain-HTTP port serves the login page itself, for devices that could not follow the redirect.",
        edits=(
            Edit(
                "listeners.py",
                "        plain = redirect_app(settings)\n",
                "        redirect = redirect_app(settings)\n\n"
                "        async def plain(scope: Scope, receive: Receive, send: Send) -> None:\n"
                '            served = protection if scope.get("path") == "/login" else redirect\n'
                "            await served(scope, receive, send)\n\n",
            ),
        ),
    ),
)
