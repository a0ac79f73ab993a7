"""Secrets nobody registered are recognised by their shape; what only resembles one is not."""

from __future__ import annotations

import base64

import pytest

from stagehold.redaction.shapes import find_shapes

BODY = base64.b64encode(bytes(range(48))).decode()
TOKEN = "Zq81mVnX0pLr5TgK2bWd"
HEADER = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("a private key", f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----"),
        ("a private key", f"-----BEGIN RSA PRIVATE KEY-----\\n{BODY}\\n-----END"),
        ("a private key", f"-----BEGIN OPENSSH PRIVATE KEY-----\r\n{BODY}"),
        ("a private key", f"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{BODY}"),
        ("a JSON Web Token", f"x {HEADER}.eyJzdWIiOiJhIn0.c2lnbmF0dXJlc2lnbmF0dXJl y"),
        ("an access key", "AWS_ACCESS_KEY_ID=AKIAIOSFODNN7QWERTYU"),
        ("a bearer token", f"Authorization: Bearer {TOKEN}"),
        ("a bearer token", f"authorization=bearer%20{TOKEN}"),
        ("a cookie that was set", f"Set-Cookie: sid={TOKEN}; Path=/"),
        ("a cookie that was set", f'{{"name": "set-cookie", "value": "sid={TOKEN}; Path=/"}}'),
        ("a cookie that was set", f"'set-cookie': 'sid={TOKEN}'"),
    ],
)
def test_a_secret_is_recognised(kind: str, text: str) -> None:
    """Each shape fires, and what it covers is the secret itself."""
    data = text.encode()
    ((found, start, end),) = [span for span in find_shapes(data) if span[0] == kind]

    assert found == kind
    assert len(data[start:end]) >= 16
    assert b"Bearer" not in data[start:end]


@pytest.mark.parametrize(
    "text",
    [
        f"-----BEGIN CERTIFICATE-----\n{BODY}\n-----END CERTIFICATE-----",
        f"-----BEGIN PUBLIC KEY-----\n{BODY}",
        "-----BEGIN PRIVATE KEY-----\n[redacted]\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----...",
        "eyJhbGciOiJub25lIn0 is the header",
        "eyJ9999999999.aaaaaaaaaa.bbbbbbbbbbbbbbbbbbbb",
        "AKIAIOSFODNN7EXAMPLE",
        "curl -H 'Authorization: Bearer $TOKEN_OF_THE_ACCOUNT'",
        "Authorization: Bearer [redacted:sessions.anna.token]",
        "a bearer of good news that is twenty characters and longer",
        "Set-Cookie: theme=dark; Path=/",
        "Set-Cookie: sid=[redacted:sessions.anna.sid]; Path=/",
        "the forget-me-not",
    ],
)
def test_what_only_resembles_a_secret_does_not_block(text: str) -> None:
    """Certificates, documentation, placeholders and what the redactor left behind pass."""
    assert list(find_shapes(text.encode())) == []
