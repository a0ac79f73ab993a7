"""A profile's file → the profile in force: its digest compared with the pin, its lines with the floor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import ClassVar

from stagehold.documents.problems import ConfigErrors, FileError, without_doubles
from stagehold.documents.strict_yaml import read_document
from stagehold.documents.typed import read_model
from stagehold.shipped import shipped
from stagehold.tls_profile.floor import below_floor
from stagehold.tls_profile.model import FlagLine, MarginLine, NameLine, Profile, Shipped

PINS: dict[Shipped, str] = {
    "intermediate": "sha256:00eb09455ab2d8d992cf7db53ec4962e20910de657c276e54838f10ba05c4996",
    "modern": "sha256:404c144b519c96881191cec82610199806fa1ca8fd518ecd76a2c107568554c4",
}
"""Digests of the files in `environments/tls-profiles`. Who changes a file there changes its pin with it."""
FOLDER = "tls-profiles"


@dataclass(frozen=True)
class ProfileInForce:
    """What the TLS checks of a run judge by."""

    rules: Profile
    digest: str
    """`sha256:` of the file's bytes."""
    overridden: tuple[str, ...] = ()
    """Rules that the environment sets itself."""

    COLUMNS: ClassVar[tuple[str, ...]] = ("rule", "value", "source", "not read, reported to say the same")

    def __str__(self) -> str:
        changed = f", with {', '.join(self.overridden)} of the environment" if self.overridden else ""
        return f"{self.rules.name} ({self.digest}){changed}"

    def rows(self, *rules: str) -> list[tuple[str, str, str, str]]:
        """The lines of these rules, for evidence; first, which profile it is."""
        return [("profile", str(self), f"reviewed {self.rules.reviewed}", ""), *self.rules.rows(*rules)]

    def overriding(self, **rules: object) -> ProfileInForce:
        """The same with rules of the environment's own; those that are None stay."""
        mine = {name: value for name, value in rules.items() if value is not None}
        lines = {name: _line(name, value) for name, value in mine.items()}
        return replace(self, rules=self.rules.model_copy(update=lines), overridden=tuple(mine))


def _line(name: str, value: object) -> object:
    source = f"`tls.profile.{name}` of the environment"
    if isinstance(value, bool):
        return FlagLine(value=value, source=source)
    if isinstance(value, tuple):
        return tuple(NameLine(value=item, source=source) for item in value)
    return MarginLine.model_validate({"value": value, "source": source})


@cache
def shipped_profile(name: Shipped) -> ProfileInForce:
    """A profile that travels with stagehold.

    Raises:
        ConfigErrors: the installed file is not the one that was shipped.
    """
    return read_profile(shipped("environments") / FOLDER / f"{name}.yaml", PINS[name])


def read_profile(file: Path, pin: str) -> ProfileInForce:
    """A profile's file.

    Args:
        file: YAML.
        pin: `sha256:` and the digest that its bytes must have.

    Raises:
        ConfigErrors: it is another file than the pinned one, or everything that is wrong in it, with its lines.
    """
    document = read_document(file)
    if document.digest != pin:
        raise ConfigErrors([_changed(document.file, document.digest, pin)])
    profile, errors = read_model(document, Profile)
    if profile is not None:
        errors += below_floor(document, profile)
    if errors or profile is None:
        raise ConfigErrors(document.finished(error) for error in without_doubles(errors))
    return ProfileInForce(profile, document.digest)


def _changed(file: str, digest: str, pin: str) -> FileError:
    return FileError(
        file, 1, 1, "", f"is not the file that was pinned: its digest is {digest}",
        expected=pin,
        hint="`sha256sum FILE` tells a file's digest; a profile that came with stagehold is not edited: install again, "
        "or name a file of your own with `tls.profile.file`",
    )  # fmt: skip
