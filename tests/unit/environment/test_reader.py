"""What the reader accepts, refuses and says; the wrong files stand beside the place they are wrong at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from stagehold.documents.problems import ConfigErrors
from stagehold.documents.strict_yaml import MAX_BYTES
from stagehold.documents.typed import keys_of
from stagehold.environment.model import Environment
from stagehold.environment.reader import NOT_YET, find_environment, read_environment
from stagehold.errors import ConfigError
from stagehold.model import SAFEGUARDS
from stagehold.shipped import shipped

if TYPE_CHECKING:
    from tests.unit.environment.conftest import Faults, Reader

BASE = """\
environment: {id: stage}
targets:
  - {name: web, base_url: "https://app.example"}
"""
PEOPLE = """\
flows:
  web: {kind: form, target: web, whoami: {path: /me, user: /u}}
accounts:
"""


def test_the_smallest_environment_is_accepted(read: Reader) -> None:
    """Two keys are enough, and the statement that ships is in force."""
    loaded = read(BASE)
    assert loaded.environment.targets[0].port == 443
    assert loaded.statement.ids == tuple(f"S{number:02d}" for number in range(1, 19))
    assert loaded.digest.startswith("sha256:")


def test_the_example_is_accepted() -> None:
    """The commented example is a right environment file."""
    assert read_environment(find_environment("staging.example")).environment.load is not None


@pytest.mark.parametrize("key", NOT_YET)
def test_a_key_of_a_later_version_says_so(key: str, faults: Faults) -> None:
    """A key that this version would ignore is refused in words of its own, not as a misspelling."""
    (error,) = faults(f"{BASE}{key}: {{}}\n")
    assert (error.line, error.column, error.hint) == (4, 1, "")
    assert error.message == "is not used by this version; remove it"


def test_an_error_is_shown_with_its_line_and_what_was_expected(faults: Faults) -> None:
    """A person sees the line, what is wrong in it, what belongs there and the likely word."""
    (error,) = faults(BASE + "consent:\n  classes: [evidence, ordinery] # weak\n")
    assert str(error).endswith(
        "environment.yaml:5:23: consent.classes[1]: is not one of the known words\n"
        "    5 |   classes: [evidence, ordinery\n"
        "      |                       ^^^^^^^^\n"
        "    expected: evidence, ordinary, canary-write, intrusive\n"
        "    hint: did you mean `ordinary`?"
    )


def test_a_key_in_the_wrong_section_is_told_where_it_belongs(faults: Faults) -> None:
    """A right key in the wrong place is no riddle."""
    (error,) = faults(BASE + "hsts: {lockout: {max_failures: 3}}\n")
    assert error.hint == "`lockout` belongs to `policy`"


def test_keys_that_look_like_truth_values_are_text(read: Reader) -> None:
    """A company called NO stays NO: keys are what the file says."""
    companies = read(BASE + "tenancy: {companies: {NO: Norge AS, 007: Bond Ltd, on: On Oy}}\n").environment.tenancy
    assert companies is not None
    assert list(companies.companies) == ["NO", "007", "on"]


def test_null_is_a_value_inside_a_json_body(read: Reader) -> None:
    """What goes to the service as JSON may hold null."""
    text = BASE + PEOPLE + (
        "  - {alias: a, company: A, flow: web, user: a, password_ref: env:A}\n"
        "tenancy: {companies: {A: Alpha}}\n"
        "fixtures: [{name: f, owner: a, target: web, read: {path: '/f/{id}'},\n"
        "  create: {method: POST, path: /f, json: {name: '{canary}', parent: null}}}]\n"
    )  # fmt: skip
    body = read(text).environment.fixtures[0].create.json_body
    assert body == {"name": "{canary}", "parent": None}


def test_a_huge_file_is_refused_unread(faults: Faults) -> None:
    """A file beyond the bound costs nothing but an error."""
    (error,) = faults(b"#" * (MAX_BYTES + 1))
    assert "larger than 1024 KiB" in error.message


@pytest.mark.parametrize("text", ["[" * 5000, "a: " + "{b: " * 100, "- " * 3000, "a:\n" + " - x\n" * 60_000])
def test_a_hostile_shape_is_refused(text: str, faults: Faults) -> None:
    """Depth and number of values are bounded: no recursion error and no endless reading."""
    assert len(faults(text)) >= 1


def test_bytes_that_are_no_text_are_located(faults: Faults) -> None:
    """A file in another encoding is refused at the first byte that shows it."""
    (error,) = faults(BASE.encode() + "statement: h\xe4\n".encode("latin-1"))
    assert (error.line, error.column, error.message) == (4, 13, "is not UTF-8 text")


def test_a_missing_file_is_an_error_of_the_file(tmp_path: Path) -> None:
    """A path that leads nowhere is a configuration error like any other."""
    with pytest.raises(ConfigErrors, match=r"cannot be read: No such file"):
        read_environment(tmp_path / "none.yaml")


def test_line_ends_of_other_systems_do_not_move_positions(faults: Faults) -> None:
    """CRLF and a byte order mark leave lines and columns as an editor shows them."""
    (error,) = faults(b"\xef\xbb\xbf" + (BASE + "polcy: 1\n").replace("\n", "\r\n").encode())
    assert (error.line, error.column, error.source) == (4, 1, "polcy")


def test_an_environment_is_found_by_name_folder_and_file(tmp_path: Path) -> None:
    """ENV may be a name below `environments/`, a folder or a file; the working directory comes first."""
    own = tmp_path / "environments" / "mine"
    own.mkdir(parents=True)
    file = own / "environment.yaml"
    file.write_text(BASE)
    assert find_environment("mine", tmp_path) == file
    assert find_environment("environments/mine", tmp_path) == file
    assert find_environment(str(file), tmp_path) == file
    shipped_one = shipped("environments") / "staging.example" / "environment.yaml"
    assert find_environment("staging.example", tmp_path) == shipped_one


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("mien", "did you mean 'mine'"),
        ("environments", "holds no environment.yaml"),
        ("", "no environment ''"),
    ],
)
def test_an_unknown_environment_is_a_configuration_error(argument: str, message: str, tmp_path: Path) -> None:
    """A misspelt name gets a near match, never another environment."""
    own = tmp_path / "environments" / "mine"
    own.mkdir(parents=True)
    (own / "environment.yaml").write_text(BASE)
    with pytest.raises(ConfigError, match=message):
        find_environment(argument, tmp_path)


def test_the_example_of_the_documentation_is_accepted(read: Reader) -> None:
    """The fifteen lines that the documentation starts with are a right environment file."""
    documentation = (Path(__file__).parents[3] / "docs" / "environment.md").read_text(encoding="utf-8")
    example = documentation.split("```yaml\n")[1].split("```")[0]
    assert 14 <= len(example.splitlines()) <= 16
    assert read(example).environment.policy.required_commitments == ("S05", "S15")


def test_the_documentation_names_every_section_and_safeguard() -> None:
    """No key at the top of an environment and no safeguard is left out of the documentation."""
    documentation = (Path(__file__).parents[3] / "docs" / "environment.md").read_text(encoding="utf-8")
    rows = [line for line in documentation.splitlines() if line.startswith("| `")]
    named = {word for row in rows for word in row.split("|")[1].replace("`", " ").replace(",", " ").split()}
    assert {*keys_of(Environment), *SAFEGUARDS} <= named
