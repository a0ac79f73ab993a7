"""Where a check stands, and the line at which its own code breaks, are told as a person can open them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagehold.catalogue.read import read_catalogue, shipped_suites
from stagehold.code_places import opened, place
from stagehold.errors import ConfigError
from stagehold.model import Outcome

RunChecks = Callable[..., Any]

BROKEN = '''
def helper(answer):
    return answer["totl"]

@claim("AAA-001")
def test_names_nothing():
    """Uses a name that is not there."""
    assert statuz == 200

@claim("AAA-002")
def test_calls_a_helper():
    """Its helper looks for a key that is not there."""
    assert helper({"total": 3}) == 3

@pytest.fixture
def ledger():
    return {}["ledger"]

@claim("AAA-003")
def test_its_fixture_breaks(ledger):
    """Its fixture breaks."""
    assert ledger

@claim("AAA-004")
def test_asks_for_no_fixture(request):
    """Asks for a fixture that is not there."""
    assert request.getfixturevalue("evidense")

@claim("AAA-005")
def test_misuses_a_fixture(evidence):
    """Calls a fixture of ours wrongly."""
    evidence.table("rows", ["a"], 5)

@claim("AAA-006")
def test_breaks_in_a_library():
    """Breaks somewhere inside a library."""
    import json
    json.loads("{")
'''

DECLARED = """from stagehold import check

@check('X-1', severity='normal', proves=['backups'], remedy='r')
def test_x():
    '''Claims.'''
"""


def test_an_error_in_a_checks_own_code_names_file_line_and_code(run_checks: RunChecks, tmp_path: Path) -> None:
    """The innermost line below the suite is told, whoever broke: the check, its helper, its fixture, a library."""
    run = run_checks(own=BROKEN)

    file = tmp_path / "suites" / "own" / "test_own.py"
    lines = file.read_text(encoding="utf-8").splitlines()
    at = {code: number for number, line in enumerate(lines, 1) if (code := line.strip())}
    for check, words, code in (
        ("AAA-001", "call: NameError: name 'statuz' is not defined", "assert statuz == 200"),
        ("AAA-002", "call: KeyError: 'totl'", 'return answer["totl"]'),
        ("AAA-003", "setup: KeyError: 'ledger'", 'return {}["ledger"]'),
        ("AAA-005", "call: TypeError: 'int' object is not iterable", 'evidence.table("rows", ["a"], 5)'),
        ("AAA-006", "call: JSONDecodeError: Expecting property name", 'json.loads("{")'),
    ):
        result = run.checks[check]
        assert result.outcome is Outcome.INCONCLUSIVE
        assert result.reason.startswith(words), result.reason
        assert result.reason.endswith(f"({file}:{at[code]}: {code})"), result.reason
        assert result.spec.location.rpartition(":")[0] == str(file)
        assert lines[int(result.spec.location.rpartition(":")[2]) - 1].startswith(f'@claim("{check}"')
    reason = run.checks["AAA-004"].reason
    assert reason.startswith("there is no fixture `evidense`"), reason
    asked = lines.index('@claim("AAA-004")') + 1
    assert f"({file}:{asked})" in reason
    assert "Did you mean evidence or " in reason


def test_a_probe_that_cannot_observe_is_no_error_in_code(run_checks: RunChecks) -> None:
    """What a probe says of the system stays as it is."""
    run = run_checks(own='@claim("AAA-001")\ndef test_x():\n    """X."""\n    raise ProbeError("no answer")\n')

    assert run.checks["AAA-001"].reason == "no answer"


@pytest.mark.parametrize(
    ("source", "words", "line"),
    [
        ("import nothing_of_that_name\n", "ModuleNotFoundError", 1),
        ("x = 1\ny = z\n", "NameError: name 'z' is not defined", 2),
        ("def test_x(:\n    pass\n", "SyntaxError", 1),
        (
            DECLARED,
            "ValueError: X-1",
            3,
        ),
    ],
    ids=["import", "name", "syntax", "declaration"],
)
def test_a_file_that_cannot_be_imported_names_its_line(tmp_path: Path, source: str, words: str, line: int) -> None:
    """Before any traffic: which file, which line, which code."""
    (tmp_path / "test_own.py").write_text(source, encoding="utf-8")

    with pytest.raises(ConfigError) as raised:
        read_catalogue({"own": tmp_path})

    assert words in str(raised.value)
    assert f"{tmp_path}/test_own.py:{line}: {source.splitlines()[line - 1].strip()}" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_shipped_checks_are_named_alike_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Reports name them from the folder of the suites; a terminal shows a path that opens from where one stands."""
    monkeypatch.chdir(tmp_path)
    for spec in read_catalogue(shipped_suites()):
        assert spec.location.startswith(f"suites/{spec.suite}/test_"), spec.location
        path, _, line = opened(spec.location).rpartition(":")
        assert "@check(" in Path(path).read_text(encoding="utf-8").splitlines()[int(line) - 1]


def test_a_companys_files_are_named_from_where_one_stands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Below the current folder by the relative path, elsewhere by the whole; a folder called suites changes nothing."""
    for folder in ("checks", "suites"):
        file = tmp_path / "company" / folder / "test_own.py"
        file.parent.mkdir(parents=True)
        file.touch()
        monkeypatch.chdir(tmp_path / "company")
        assert opened(place(file, 7)) == f"{folder}/test_own.py:7"
        monkeypatch.chdir(file.parent)
        assert opened(place(file, 7)) == "test_own.py:7"
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert opened(place(file, 7)) == f"{file}:7"


def test_what_check_prints_can_be_opened(tmp_path: Path) -> None:
    """`stagehold check` of a company's own suite prints its real path, and the line at which it broke."""
    folder = tmp_path / "company" / "checks"
    folder.mkdir(parents=True)
    (folder / "test_own.py").write_text(
        "from stagehold import check\n\n\n"
        "@check('OWN-001', severity='normal', proves=['backups'], remedy='Mend it.')\n"
        "def test_own(environment):\n    '''Backups are there.'''\n    assert environmnt\n",
        encoding="utf-8",
    )
    (tmp_path / "company" / "environment.yaml").write_text(
        "environment: {id: places}\nsuites: [checks]\n"
        'targets:\n  - {name: web, base_url: "http://127.0.0.1:9", addresses: [127.0.0.1]}\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "stagehold", "check", "company/environment.yaml", "OWN-001"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    assert done.returncode == 3, done.stdout + done.stderr
    words = " ".join(done.stdout.split())
    assert "NameError: name 'environmnt' is not defined (company/checks/test_own.py:7: assert environmnt)" in words
    assert "\n    company/checks/test_own.py:4\n" in done.stdout
