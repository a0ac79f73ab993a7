"""What the gate refuses to collect, and what it will not be talked out of."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from stagehold.catalogue.read import read_catalogue
from stagehold.errors import ConfigError
from stagehold.gate.collecting import collect
from stagehold.gate.lanes import Lanes
from stagehold.gate.record import RunRecord
from stagehold.judgement import judge_checks
from stagehold.model import Outcome
from stagehold.surroundings import scrubbed_environment

Prepare = Callable[..., tuple[Path, dict[str, Path]]]
GOOD = '@claim("AAA-001")\ndef test_returns():\n    """Returns."""\n    assert time.time() > 1\n'
SECOND = '@claim("AAA-002")\ndef test_second(): """Is the second."""\n'


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("", "collects nothing"),
        ("x = 1", "collects nothing"),
        ('def test_plain(): """No check."""', "must be a check"),
        ('@claim("AAA-001")\ndef test_silent(): pass', "docstring"),
        ('@claim("AAA-1")\ndef test_id(): """Has a bad id."""', "not a check id"),
        (
            '@check("AAA-001", severity="blocker", proves=[], remedy="x")\ndef test_x(): """Proves nothing."""',
            "proves",
        ),
        (
            '@check("AAA-001", severity="blocker", proves=["nonsense"], remedy="x")\ndef test_x(): """Typo."""',
            "nonsense",
        ),
        (GOOD + '@claim("AAA-001")\ndef test_twice(): """Is there twice."""', "AAA-001 is defined"),
        ('@claim("AAA-001")\ndef test_x(tls_scann): """Misspells its fixture."""', "no fixture tls_scann"),
        ("import nothing_of_that_name", "nothing_of_that_name"),
        (
            '@claim("AAA-001")\n@pytest.mark.parametrize("x", [])\ndef test_x(x): """Has no case."""',
            "mpty parameter",
        ),
    ],
)
def test_a_suite_that_cannot_be_trusted_is_refused(prepare: Prepare, source: str, words: str) -> None:
    """Emptiness, typos, doubles and what is no check stop the run with a sentence."""
    run, suites = prepare(bad=source, good='@claim("ZZZ-001")\ndef test_ok(): """Is fine."""\n')

    with pytest.raises(ConfigError) as caught:
        collect(run, suites, scrubbed_environment())

    assert words in str(caught.value)


@pytest.mark.parametrize(
    "source",
    [
        "def pytest_collection_modifyitems(items):\n    items[:] = [i for i in items if 'second' not in i.name]\n",
        "def pytest_pyfunc_call(pyfuncitem):\n    return True\n",
        "pytest_plugins = ['pytester']\n",
    ],
    ids=["drops a check", "runs nothing", "foreign plug-in"],
)
def test_hooks_of_a_conftest_are_refused(prepare: Prepare, source: str) -> None:
    """A conftest that could drop a check or excuse it from running stops the run; fixtures are welcome."""
    run, suites = prepare(own=GOOD + SECOND)
    (suites["own"] / "conftest.py").write_text(source, encoding="utf-8")

    with pytest.raises(ConfigError, match="only fixtures are allowed"):
        collect(run, suites, scrubbed_environment())


def test_conftests_around_a_suite_are_not_read(prepare: Prepare) -> None:
    """What lies beside or above a company's folder of checks is none of them; fixtures in the folder are."""
    run, suites = prepare(own='@claim("AAA-001")\ndef test_with(helper): """Uses a fixture of the folder."""\n')
    suites["own"].parent.joinpath("conftest.py").write_text("raise RuntimeError('read')\n", encoding="utf-8")
    (suites["own"] / "conftest.py").write_text(
        "import pytest\n@pytest.fixture\ndef helper(): return 1\n", encoding="utf-8"
    )

    assert [check.spec.id for check in collect(run, suites, scrubbed_environment())] == ["AAA-001"]


def test_a_check_that_is_not_run_has_no_result(prepare: Prepare) -> None:
    """What was expected and left no outcome is not run, which blocks."""
    run, suites = prepare(own=GOOD + SECOND)
    variables = scrubbed_environment()

    expected = collect(run, suites, variables)
    record = RunRecord(run)
    Lanes(
        run_folder=run,
        suites=suites,
        environment=variables,
        expected=expected,
        record=record,
        lane_deadline=60,
        run_deadline=time.monotonic() + 60,
        only=["AAA-001"],
    ).run()

    outcomes = {r.spec.id: r.outcome for r in judge_checks(expected, record.recorded.cases)}
    assert outcomes == {"AAA-001": Outcome.PASSED, "AAA-002": Outcome.NOT_RUN}


def test_variables_and_ini_files_of_the_surroundings_do_not_reach_a_lane(
    prepare: Prepare, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`-k`, test plans and ini files around the suites deselect nothing."""
    run, suites = prepare(own=GOOD + SECOND)
    (suites["own"] / "pytest.ini").write_text("[pytest]\naddopts = -k nothing\n", encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -k nothing\n", encoding="utf-8")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k nothing")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    expected = collect(run, suites, scrubbed_environment())

    assert {check.spec.id for check in expected} == {"AAA-001", "AAA-002"}


def test_the_catalogue_is_what_pytest_collects(prepare: Prepare) -> None:
    """Reading the files and collecting them give the same checks."""
    run, suites = prepare(one=GOOD, two=SECOND)

    collected = {check.spec.id: check.spec for check in collect(run, suites, scrubbed_environment())}

    assert collected == {spec.id: spec for spec in read_catalogue(suites)}


def test_a_suite_without_checks_is_no_catalogue(tmp_path: Path) -> None:
    """An empty folder of checks is an error, not an empty list."""
    (tmp_path / "empty").mkdir()

    with pytest.raises(ConfigError, match="holds no check"):
        read_catalogue({"empty": tmp_path / "empty"})


TLS_ENVIRONMENT = """
environment: {id: plugin-test}
targets:
  - {name: web, base_url: "https://127.0.0.1:9", addresses: [127.0.0.1]}
"""


@pytest.mark.parametrize(
    ("profile", "versions"),
    [
        ("", ["SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1"]),
        ("tls: {profile: {use: modern}}\n", ["SSL 2.0", "SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2"]),
    ],
)
def test_a_check_of_versions_has_a_case_for_each_that_the_profile_refuses(
    prepare: Prepare, profile: str, versions: list[str]
) -> None:
    """The cases of TLS-001 come from the profile in force; their names are those that waivers use."""
    source = '@claim("AAA-001")\ndef test_refused(endpoint, refused_version): """Refuses old versions."""\n'
    run, suites = prepare(environment=TLS_ENVIRONMENT + profile, own=source)

    (check,) = collect(run, suites, scrubbed_environment())

    assert list(check.cases) == [f"127.0.0.1:9-{version}" for version in versions]
