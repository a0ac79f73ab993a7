"""Faults of the TLS listener and its certificates."""

from __future__ import annotations

from ledgerlab.defects.model import Certificate, Defect

DEFECTS: tuple[Defect, ...] = (
    Defect(
        "tls-1.1-accepted",
        "The https listener still accepts TLS 1.1, for some old client.",
        settings={
            "minimum_tls": "TLSv1_1",
            "ciphers": "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0",
        },
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
)
