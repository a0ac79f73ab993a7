"""`tls.profile` of an environment → the profile in force, or what is wrong with it, told where it was declared."""

from __future__ import annotations

from pathlib import Path

from stagehold.documents.nodes import Document
from stagehold.documents.problems import ConfigErrors, FileError
from stagehold.documents.strict_yaml import read_document
from stagehold.environment.places import TlsProfile
from stagehold.tls_profile.reader import ProfileInForce, read_profile, shipped_profile

DEFAULT = "intermediate"
_WHERE = ("tls", "profile")


def profile_in_force(declared: TlsProfile, folder: Path) -> ProfileInForce:
    """The declared profile, with the rules that the environment sets in place of its own.

    Args:
        declared: `tls.profile`.
        folder: what `file` is relative to.

    Raises:
        ConfigErrors: the file cannot be read, is another one than was pinned, or is wrong.
    """
    if declared.file is None:
        profile = shipped_profile(declared.use or DEFAULT)
    else:
        profile = read_profile(folder / declared.file, f"sha256:{declared.sha256}")
    return profile.overriding(
        require_tls13=declared.require_tls13, groups=declared.groups, min_days_left=declared.min_days_left
    )


def wrong_profile(document: Document, declared: TlsProfile, folder: Path) -> list[FileError]:
    """Everything wrong with the declared profile: in the environment's file and in the profile's.

    Args:
        document: the environment's file, for the places.
        declared: `tls.profile`, its shape found right.
        folder: what `file` is relative to.
    """
    if declared.file is not None:
        try:
            digest = read_document(folder / declared.file).digest.removeprefix("sha256:")
        except ConfigErrors as error:
            return list(error.errors)
        if digest != declared.sha256:
            return [document.finished(_unpinned(document, declared, digest))]
    try:
        found = profile_in_force(declared, folder).rules
    except ConfigErrors as error:
        return list(error.errors)
    if not found.require_tls13.value and found.accepted_versions == ("TLS 1.3",):
        where = (*_WHERE, "require_tls13") if declared.require_tls13 is not None else _WHERE
        message = f"contradicts the profile {found.name}, which accepts nothing but TLS 1.3"
        return [document.finished(document.error(where, message, expected="true, or no such key"))]
    return []


def _unpinned(document: Document, declared: TlsProfile, digest: str) -> FileError:
    return document.error(
        (*_WHERE, "sha256"),
        f"is not the SHA-256 of {declared.file}, which is {digest}",
        seen=str(declared.sha256),
        expected=digest,
        hint=f"look at what was changed in {declared.file}, then pin it: `sha256sum {declared.file}`",
    )
