"""`tls.profile`: which profile is in force, and where a wrong declaration is told."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stagehold.cli import main
from stagehold.environment.profile_file import profile_in_force
from stagehold.environment.reader import LoadedEnvironment
from stagehold.tls_profile.reader import PINS
from tests.probes.profiles import line, profile_text

if TYPE_CHECKING:
    from tests.unit.environment.conftest import Faults, Reader

BASE = """\
environment: {id: stage}
targets:
  - {name: web, base_url: "https://192.0.2.1"}
"""


def declared(text: str) -> str:
    return f"{BASE}tls:\n  profile: {text}\n"


def in_force(loaded: LoadedEnvironment) -> str:
    return str(profile_in_force(loaded.environment.tls.profile, loaded.folder))


@pytest.fixture
def own(tmp_path: Path) -> str:
    """The digest of a profile beside the environment, as `sha256sum` tells it."""
    file = tmp_path / "own.yaml"
    file.write_text(profile_text(least_rsa_bits=line(3072)), encoding="utf-8")
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("text", "name"),
    [(BASE, "intermediate"), (declared("{use: modern}"), "modern"), (declared("{use: intermediate}"), "intermediate")],
)
def test_a_shipped_profile_is_named(read: Reader, text: str, name: str) -> None:
    """`intermediate` where nothing is said."""
    assert in_force(read(text)) == f"{name} ({PINS[name]})"  # type: ignore[index]


def test_a_profile_of_ones_own_is_pinned(read: Reader, own: str) -> None:
    """Its rules are in force, beside those that the environment sets itself."""
    loaded = read(declared(f'{{file: own.yaml, sha256: "{own}", min_days_left: 20}}'))

    assert in_force(loaded) == f"own (sha256:{own}), with min_days_left of the environment"
    rules = profile_in_force(loaded.environment.tls.profile, loaded.folder).rules
    assert (rules.least_rsa_bits.value, rules.min_days_left.value) == (3072, 20)


@pytest.mark.parametrize(
    ("text", "column", "path", "words"),
    [
        ("{file: own.yaml}", 12, "tls.profile", "`file` and `sha256` go together"),
        ('{sha256: "' + "0" * 64 + '"}', 12, "tls.profile", "`file` and `sha256` go together"),
        ('{use: modern, file: own.yaml, sha256: "' + "0" * 64 + '"}', 12, "tls.profile", "names two profiles"),
        ('{file: own.yaml, sha256: "9f1c"}', 37, "tls.profile.sha256", ""),
        ("{use: old}", 18, "tls.profile.use", "is not one of the known words"),
        ("{groups: [X25519, secp224r1]}", 30, "tls.profile.groups[1]", "is not one of the known words"),
        ("{use: modern, require_tls13: false}", 41, "tls.profile.require_tls13", "accepts nothing but TLS 1.3"),
    ],
)
def test_a_wrong_declaration_is_told_at_its_place(
    faults: Faults, own: str, text: str, column: int, path: str, words: str
) -> None:
    """Half a pin, two profiles, words that mean nothing, and rules below the floor or against the profile."""
    (error,) = faults(declared(text))

    assert own
    assert (error.line, error.column, error.path) == (5, column, path)
    assert words in error.message


def test_a_digest_that_does_not_fit_names_both(faults: Faults, own: str) -> None:
    """And how the right one is found."""
    (error,) = faults(declared('{file: own.yaml, sha256: "' + "0" * 64 + '"}'))

    assert (error.line, error.path) == (5, "tls.profile.sha256")
    assert own in error.message
    assert "0" * 64 in str(error)
    assert "sha256sum own.yaml" in error.hint


def test_a_profile_that_is_not_there_is_told(faults: Faults) -> None:
    """A file that cannot be read blocks."""
    (error,) = faults(declared('{file: none.yaml, sha256: "' + "0" * 64 + '"}'))

    assert error.file.endswith("none.yaml")
    assert "cannot be read" in error.message


def test_errors_of_the_profile_are_told_in_its_own_file(faults: Faults, tmp_path: Path) -> None:
    """A pin does not make a profile right."""
    file = tmp_path / "own.yaml"
    file.write_text(profile_text(least_rsa_bits=line(1024)), encoding="utf-8")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()

    (error,) = faults(declared(f'{{file: own.yaml, sha256: "{digest}"}}'))

    assert (error.file, error.path) == (str(file.resolve()), "least_rsa_bits.value")


def test_the_plan_tells_the_profile_and_a_wrong_one_ends_it(
    tmp_path: Path, own: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """`stagehold plan` names profile and digest; a changed profile is exit 2."""
    environment = tmp_path / "environment.yaml"
    environment.write_text(declared(f'{{file: own.yaml, sha256: "{own}"}}'), encoding="utf-8")

    assert main(["plan", str(environment)]) == 0
    assert f"TLS is judged by the profile own (sha256:{own})" in capsys.readouterr().out
    (tmp_path / "own.yaml").write_text(profile_text(), encoding="utf-8")
    assert main(["plan", str(environment)]) == 2
    assert own in capsys.readouterr().err
