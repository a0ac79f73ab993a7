"""The statement: what is promised, and what makes a statement file unusable."""

# ruff: noqa: E501 - one wrong file in a line, so that the table can be read

from __future__ import annotations

from pathlib import Path

import pytest

from stagehold.documents.problems import ConfigErrors
from stagehold.model import SAFEGUARDS
from stagehold.shipped import shipped
from stagehold.statement import read_statement

ONE = "  - {id: A1, text: We encrypt., owner: Ops, safeguards: [encrypted-transport]}\n"
WRONG = [
    ("empty", "", (1, 1, "", "is empty")),
    ("no commitments", "title: x\n", (1, 1, "commitments", "is missing")),
    ("zero commitments", "commitments: []\n", (1, 14, "commitments", "is empty")),
    ("a doubled id", "commitments:\n" + ONE + ONE, (3, 10, "commitments[1].id", "on line 2")),
    ("no owner", "commitments:\n" + ONE.replace("owner: Ops, ", ""), (2, 5, "commitments[0].owner", "is missing")),
    ("an empty text", "commitments:\n" + ONE.replace("We encrypt.", '""'), (2, 20, "commitments[0].text", "is empty")),
    ("no safeguard", "commitments:\n" + ONE.replace("[encrypted-transport]", "[]"), (2, 57, "commitments[0].safeguards", "is empty")),
    ("an unknown safeguard", "commitments:\n" + ONE.replace("ed-t", "de-t"), (2, 58, "commitments[0].safeguards[0]", "is not a safeguard")),
    ("a safeguard twice", "commitments:\n" + ONE.replace("transport]", "transport, encrypted-transport]"), (2, 79, "commitments[0].safeguards[1]", "named twice")),
    ("an unknown key", "commitments:\n" + ONE.replace("owner", "onwer"), (2, 5, "commitments[0].owner", "is missing")),
    ("a number as id", "commitments:\n" + ONE.replace("A1", "15"), (2, 10, "commitments[0].id", "is a whole number")),
    ("another schema", "schema: stagehold/env/1\ncommitments:\n" + ONE, (1, 9, "schema", "known words")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_a_wrong_statement_names_line_and_column(
    text: str, expected: tuple[int, int, str, str], tmp_path: Path
) -> None:
    """Each wrong statement is refused at the place it is wrong at."""
    path = tmp_path / "statement.yaml"
    path.write_text(text)
    with pytest.raises(ConfigErrors) as caught:
        read_statement(path)
    error = caught.value.errors[0]
    assert (error.line, error.column, error.path) == expected[:3]
    assert expected[3] in error.message


def test_a_misspelt_safeguard_gets_a_near_match(tmp_path: Path) -> None:
    """A safeguard that nothing could prove is never accepted, and the likely one is named."""
    path = tmp_path / "statement.yaml"
    path.write_text("commitments:\n" + ONE.replace("ed-t", "de-t"))
    with pytest.raises(ConfigErrors) as caught:
        read_statement(path)
    (error,) = caught.value.errors
    assert error.hint == "did you mean `encrypted-transport`?"


def test_the_shipped_statement_promises_eighteen_sentences() -> None:
    """The default statement has the sentences S01 to S18, each with an owner, a source and safeguards."""
    statement = read_statement(shipped("environments") / "statement.yaml")
    assert statement.ids == tuple(f"S{number:02d}" for number in range(1, 19))
    assert all(c.text.endswith(".") and c.owner and c.source for c in statement.commitments)
    by_id = {commitment.id: set(commitment.safeguards) for commitment in statement.commitments}
    assert by_id["S15"] == {"encrypted-transport", "trusted-certificate", "transport-policy"}
    assert by_id["S05"] == {"database-unreachable"}
    assert set().union(*by_id.values()) <= set(SAFEGUARDS)


def test_a_companys_own_statement_replaces_the_shipped_one(tmp_path: Path) -> None:
    """Any ids and sentences will do, in the order of the file."""
    path = tmp_path / "ours.yaml"
    path.write_text("commitments:\n" + ONE + ONE.replace("A1", "Z 9"))
    statement = read_statement(path)
    assert statement.ids == ("A1", "Z 9")
    assert statement.path == path
