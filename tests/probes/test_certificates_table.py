"""Certificates as evidence: the table."""

from __future__ import annotations

from cryptography import x509

from stagehold.probes.tls.certificates_table import COLUMNS, certificate_rows
from stagehold.probes.tls.facts import ServedChain
from tests.probes.pki import Authority

AUTHORITY = Authority.create()
LEAF = AUTHORITY.leaf("app.test", "192.0.2.1")


def certificates(*given: x509.Certificate) -> ServedChain:
    return ServedChain("192.0.2.9", given, "")


def test_each_certificate_has_a_row_in_the_order_served() -> None:
    """Address, position, names, dates, key and fingerprint of everything served are told."""
    rows = certificate_rows([certificates(LEAF.certificate, AUTHORITY.intermediate.certificate)])

    assert all(len(row) == len(COLUMNS) for row in rows)
    assert [row[COLUMNS.index("position")] for row in rows] == [0, 1]
    assert rows[0][COLUMNS.index("names")] == "app.test 192.0.2.1"
    assert rows[0][COLUMNS.index("key")] == "EC secp256r1"
    assert rows[1][COLUMNS.index("issuer")] == "CN=Test Root"
