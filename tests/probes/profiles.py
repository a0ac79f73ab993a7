"""Profiles that TLS servers of the tests are judged by."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from stagehold.documents.strict_yaml import read_document
from stagehold.shipped import shipped
from stagehold.tls_profile.reader import ProfileInForce, read_profile, shipped_profile

DEFAULT_PROFILE = shipped_profile("intermediate")
MODERN_PROFILE = shipped_profile("modern")


def profile_text(**changed: Any) -> str:
    """The file of `intermediate` with rules in place of its own; YAML that is JSON. A rule that is None is left out."""
    plain = read_document(shipped("environments") / "tls-profiles" / "intermediate.yaml").plain()
    wanted = {**plain, "name": "own", **changed}
    return json.dumps({name: value for name, value in wanted.items() if value is not None}, indent=1)


def own_profile(folder: Path, **changed: Any) -> ProfileInForce:
    """A profile of one's own, written into a folder and read from there, pinned as it must be."""
    file = folder / "profile.yaml"
    file.write_text(profile_text(**changed), encoding="utf-8")
    return read_profile(file, f"sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}")


def line(value: Any) -> dict[str, Any]:
    """A line of a profile."""
    return {"value": value, "source": "the security team"}


def lines(*values: Any) -> list[dict[str, Any]]:
    """A rule with several lines."""
    return [line(value) for value in values]
