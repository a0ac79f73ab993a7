"""Recognises secrets written into a file, so that they are refused and never repeated (CWE-798, CWE-532)."""

from __future__ import annotations

import base64
import re

from stagehold.documents.problems import Path

SECRET_KEY = re.compile(
    r"pass?-?_?(word|wd|phrase|code)|\bpas[a-z]*word|passw|pwd|(^|[_-])(pw|pin)($|[_-])|secret|token|credential"
    r"|api[_-]?key|access[_-]?key|private[_-]?key|authori[sz]ation|cookie|bearer|session[_-]?id|salasana|kennwort",
    re.IGNORECASE,
)
REFERENCE = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)\Z")
PLACEHOLDERS = re.compile(r"\s*([A-Za-z]+\s+)?(\{[a-z_]+\}\s*)+\Z")
"""`{token}`, `Bearer {token}`: filled in by who sends it, so nothing secret stands here."""

BASIC = re.compile(r"\bBasic\s+([A-Za-z0-9+/]{4,})={0,2}", re.IGNORECASE)
SECRET_VALUE = {
    "a password in a URL": re.compile(r"[a-z][a-z0-9+.-]*://[^/\s@{}]*:[^/\s@{}]+@", re.IGNORECASE),
    "a bearer token": re.compile(r"\bBearer\s+(?!\{)[A-Za-z0-9._~+/=-]{4,}"),
    "a JSON Web Token": re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]*"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    "an access key": re.compile(
        r"\b(AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}"
        r"|sk_live_\w{10,})"
    ),
    "a secret in a query": re.compile(
        r"[?&;](pass(word|wd)?|pwd|secret|token|access_token|api_?key)=(?!\{)[^&\s]+", re.IGNORECASE
    ),
}


def secret_key(path: Path) -> bool:
    """Whether the last key of the path names something secret."""
    names = [part for part in path if isinstance(part, str)]
    return bool(names) and SECRET_KEY.search(names[-1]) is not None


def secret_value(text: str) -> str:
    """What kind of secret the text holds, or an empty string."""
    found = next((kind for kind, pattern in SECRET_VALUE.items() if pattern.search(text)), "")
    return found or ("Basic credentials" if any(map(_user_and_password, BASIC.findall(text))) else "")


def _user_and_password(encoded: str) -> bool:
    """Whether the text is what HTTP Basic sends (RFC 7617), and not a word that follows `Basic`."""
    try:
        return b":" in base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    except ValueError:
        return False
