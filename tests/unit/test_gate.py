"""What the gate itself refuses to believe: a list of checks, a build nobody saw, files that run when imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagehold.catalogue.apart import catalogue_of
from stagehold.catalogue.read import read_catalogue
from stagehold.environment.model import Environment
from stagehold.errors import ConfigError
from stagehold.gate.builds import unseen_build
from stagehold.gate.collecting import same_as_catalogue
from stagehold.model import Artifact, CaseResult, CheckSpec, ExpectedCheck, Outcome, Severity

BUILD, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
SPEC = CheckSpec(id="FUN-001", severity=Severity.BLOCKER, proves=("release-identity",), remedy="Deploy it.")
EXPECTED = ExpectedCheck(spec=SPEC, cases=("",))
CHECK = """
from stagehold import check

@check("ACM-001", severity="blocker", proves=["encrypted-transport"], remedy="Mend it.")
def test_it():
    \"\"\"Is claimed.\"\"\"

"""


def case(outcome: Outcome) -> CaseResult:
    return CaseResult(check="FUN-001", case="", outcome=outcome)


@pytest.mark.parametrize(
    ("expected", "observed", "cases", "blocks"),
    [
        ("", "", [], False),
        (BUILD, BUILD, [Outcome.PASSED], False),
        (BUILD, "", [], True),
        (BUILD, "", [Outcome.UNCOVERED], True),
        (BUILD, "", [Outcome.INCONCLUSIVE], True),
        (BUILD, OTHER, [Outcome.PASSED], True),
        (BUILD, f"{BUILD}, {OTHER}", [Outcome.PASSED], True),
        (BUILD, OTHER, [Outcome.FAILED], False),
    ],
)
def test_a_named_build_must_have_been_seen(expected: str, observed: str, cases: list[Outcome], blocks: bool) -> None:
    """Who names a build gets no GO for another or an unknown one; a failed check says so itself."""
    artifact = Artifact(expected_digest=expected, observed_digest=observed)

    problems = unseen_build(artifact, [case(outcome) for outcome in cases], [EXPECTED])

    assert bool(problems) is blocks


@pytest.mark.parametrize(
    "change",
    [{"core": True}, {"severity": Severity.NORMAL}, {"requires": ("AUT-001",)}, {"needs": ("hosts",)}],
)
def test_collected_checks_must_say_what_the_catalogue_says(change: dict[str, object]) -> None:
    """A check that was collected with another weight or another need than its file declares stops the run."""
    same_as_catalogue([EXPECTED], [SPEC])

    with pytest.raises(ConfigError, match="FUN-001"):
        same_as_catalogue([EXPECTED], [SPEC.model_copy(update=change)])
    with pytest.raises(ConfigError, match="FUN-001"):
        same_as_catalogue([], [SPEC])


@pytest.mark.parametrize(
    "leaves",
    ["import sys; sys.exit(0)", "import os; os._exit(0)", "import pytest; pytest.skip('x', allow_module_level=True)"],
    ids=["exit", "_exit", "skip"],
)
def test_a_file_that_ends_its_importer_does_not_end_the_gate(tmp_path: Path, leaves: str) -> None:
    """An exit at import, whose code 0 would open the gate, is a wrong file."""
    (tmp_path / "test_own.py").write_text(CHECK + leaves, encoding="utf-8")

    with pytest.raises(ConfigError):
        catalogue_of({"own": tmp_path})
    if "_exit" not in leaves:
        with pytest.raises(ConfigError, match=r"test_own\.py cannot be imported: (SystemExit|Skipped)"):
            read_catalogue({"own": tmp_path})


def test_the_catalogue_read_apart_is_the_same(tmp_path: Path) -> None:
    """A process of its own changes nothing about what is read, nor about what is said of a wrong file."""
    file = tmp_path / "test_own.py"
    file.write_text("print('hello')\n" + CHECK, encoding="utf-8")
    assert catalogue_of({"own": tmp_path}) == read_catalogue({"own": tmp_path})

    file.write_text("print('hello')\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="own holds no check"):
        catalogue_of({"own": tmp_path})


def test_declaring_an_endpoint_takes_no_target_out_of_the_tls_checks() -> None:
    """Declared endpoints are looked at beside every https target, not instead of it."""
    environment = Environment.model_validate(
        {
            "environment": {"id": "e"},
            "targets": [
                {"name": "web", "base_url": "https://a.example", "hostnames": ["a.example", "b.example"]},
                {"name": "plain", "base_url": "http://c.example"},
            ],
            "tls": {
                "endpoints": [
                    {"host": "mail.example", "port": 993},
                    {"host": "balancer.example", "sni": "b.example"},
                ]
            },
        }
    )

    found = [(endpoint.host, endpoint.name, endpoint.port) for endpoint in environment.tls_endpoints]

    assert found == [
        ("mail.example", "mail.example", 993),
        ("balancer.example", "b.example", 443),
        ("a.example", "a.example", 443),
    ]
