"""Which build this is: a digest computed from the service's own files."""

from __future__ import annotations

import hashlib
from pathlib import Path

RELEASE = "1.4.0"


def build_digest(tree: Path) -> str:
    """`sha256:…` over the relative path and content of every file below `tree`, byte code left out."""
    total = hashlib.sha256()
    for path in sorted(path for path in tree.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        total.update(path.relative_to(tree).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return f"sha256:{total.hexdigest()}"


RUNNING_DIGEST = build_digest(Path(__file__).parent)
"""Of the files this process was started from."""
