"""Refuses secrets written into an environment file, wherever they stand (PRE-01, CWE-798)."""

from __future__ import annotations

from collections.abc import Iterator

from stagehold.documents.nodes import Document, Scalar
from stagehold.documents.problems import FileError, Path
from stagehold.documents.secrecy import PLACEHOLDERS, REFERENCE, secret_key, secret_value
from stagehold.environment.fingerprints import hash_of

REFERENCED = "`env:NAME` or `file:PATH`"


def literal_secrets(document: Document) -> Iterator[FileError]:
    """An error for each value that is, or by its key must be, a secret. The value is never repeated."""
    for path, node in document.walk():
        if not isinstance(node, Scalar) or node.value is None:
            continue
        kind = secret_value(node.raw)
        if kind:
            yield document.error(
                path,
                f"{kind} is written into the file",
                expected="no secret in this file",
                hint=_advice(path),
            )
        elif secret_key(path) and not _harmless(path, node):
            yield document.error(path, "a secret is written into the file", expected=REFERENCED, hint=_advice(path))


def _harmless(path: Path, node: Scalar) -> bool:
    """Keys that sound secret but are not, references, and placeholders that the sender fills."""
    if node.value == "" or isinstance(node.value, bool):
        return True
    token_pointer = path[0] == "flows" and path[2:] == ("token",)
    if token_pointer or (path[0] == "flows" and path[-2:] == ("fields", "password")):
        return not secret_value(node.raw)
    if "secret_fingerprints" in path:
        return _tells_no_secret(path, node.raw)
    if path == ("policy", "token_revocation_grace") or path[0] in {"tenancy", "slo", "vantage"}:
        return True
    if path[-1] == "password_ref":
        return REFERENCE.match(node.raw) is not None
    return PLACEHOLDERS.match(node.raw) is not None


def _tells_no_secret(path: Path, text: str) -> bool:
    """Pointers, files and hashes are no secrets; hashes are made so that they may be compared."""
    if path[0] == "evidence":
        return text.startswith("/")
    return path[0] == "deny" and (REFERENCE.match(text) is not None or hash_of(text) is not None)


def _advice(path: Path) -> str:
    if path[-1] == "password_ref" or path[0] == "accounts":
        return "put the password into a file or a variable and name it here"
    if path[:3] == ("deny", "production", "secret_fingerprints"):
        return "give the SHA-256 of the secret in hexadecimal digits, or a file of such"
    if path[0] in {"flows", "fixtures", "load", "journeys"}:
        return "the session of an account carries its credentials; placeholders such as {password} are filled in"
    return "keep it out of this file"
