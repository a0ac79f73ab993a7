"""The pipelines of the documentation and of the project itself: what makes them a gate is there."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from stagehold.cli import _parser
from stagehold.model import Artifact, Decision
from stagehold.run_files import PAGES, VERDICT
from tests.unit.reporting import samples
from tests.unit.reporting.sketches import DIGEST, OTHER_DIGEST

ROOT = Path(__file__).parents[2]
OWN = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:yaml|groovy)\n(.*?)```", PAGE, re.DOTALL)
GITHUB, GITLAB, JENKINS, AZURE = BLOCKS
IMAGE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
_WRITTEN = re.compile(
    r"(?:^|[ `/])stagehold (?=(?:run|plan|check|report|demo|doctor|list|selftest)\b)([^`\n]*)", re.MULTILINE
)


def commands(text: str) -> list[list[str]]:
    """The words of every command line in a text; what a shell would take for its own ends it."""
    found = []
    for written in _WRITTEN.findall(text):
        lexer = shlex.shlex(re.split(r" \|\| ", written)[0], posix=True, punctuation_chars=False)
        lexer.whitespace_split = True
        lexer.commenters = ""
        found.append(list(lexer))
    return found


COMMANDS = [words for text in (PAGE, OWN, IMAGE) for words in commands(text)]


def question(text: str) -> str:
    """What the deploying job asks the verdict, on one line."""
    return " ".join(re.findall(r"jq -e --arg digest \S+ '([^']+)'", text)[0].split())


def test_every_pipeline_is_well_formed() -> None:
    """The YAML of the page and of the workflow can be read."""
    for text in (GITHUB, GITLAB, AZURE, OWN):
        assert isinstance(yaml.safe_load(text), dict)
    assert JENKINS.count("{") == JENKINS.count("}")


@pytest.mark.parametrize("text", BLOCKS, ids=["github", "gitlab", "jenkins", "azure"])
def test_the_deploying_job_asks_the_verdict_for_its_own_digest(text: str) -> None:
    """Each pipeline names the build, uses --out, keeps the reports, and reads decision and digest before it deploys."""
    assert "--release" in text
    assert "--out gate-out" in text
    assert question(text) == question(GITHUB)
    assert text.index("jq -e") < text.rindex("deploy.sh")
    assert "quarantine" in text


@pytest.mark.parametrize(
    ("digest", "changed", "opens"),
    [
        (DIGEST, {}, True),
        (DIGEST, {"valid_until": "2126-11-30T05:19:00Z"}, True),
        (DIGEST, {"valid_until": "2026-11-01T05:19:00Z"}, False),
        (DIGEST, {"valid_until": "some day"}, False),
        (DIGEST, {"decision": Decision.NO_GO}, False),
        (DIGEST, {"decision": Decision.INCONCLUSIVE}, False),
        (OTHER_DIGEST, {}, False),
        ("", {}, False),
        ("", {"run": samples.RUN.model_copy(update={"artifact": Artifact()})}, False),
    ],
)
def test_the_question_opens_for_a_valid_go_of_this_build_only(
    tmp_path: Path, digest: str, changed: dict[str, object], *, opens: bool
) -> None:
    """The very words of the page, asked by jq of a verdict as the gate writes it."""
    file = tmp_path / "verdict.json"
    file.write_text(samples.go().model_copy(update=changed).model_dump_json(by_alias=True), encoding="utf-8")
    done = subprocess.run(["jq", "-e", "--arg", "digest", digest, question(GITHUB), str(file)], check=False)
    assert (done.returncode == 0) is opens


def test_no_verdict_opens_nothing(tmp_path: Path) -> None:
    """Where the artifact is missing or torn, the question fails."""
    (tmp_path / "torn.json").write_text(samples.go().model_dump_json(by_alias=True)[:200], encoding="utf-8")
    for name in ("torn.json", "missing.json"):
        asked = ["jq", "-e", "--arg", "digest", DIGEST, question(GITHUB), str(tmp_path / name)]
        assert subprocess.run(asked, check=False, capture_output=True).returncode != 0


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_is_one_that_the_program_takes(words: list[str]) -> None:
    """Options and arguments of the page, the workflow and the image parse as the command line does."""
    arguments = _parser().parse_args(words)
    assert arguments.command == words[0]
    if words[0] == "run" and "--release" in words:
        assert str(arguments.out) == "gate-out"
        assert arguments.environment in {"environments/staging", "ENV"}


def test_the_commands_were_found() -> None:
    """Each pipeline runs the gate, with history; the page and the workflow show more commands than those."""
    gates = [words for words in COMMANDS if words[0] == "run" and "--history" in words]
    assert len(gates) == len(BLOCKS) == 4
    assert {words[0] for words in COMMANDS} >= {"run", "plan", "demo", "doctor"}


def test_a_wrong_option_would_be_found() -> None:
    """Positive control: what the program does not know is refused."""
    with pytest.raises(SystemExit):
        _parser().parse_args(["run", "environments/staging", "--output", "gate-out"])


def test_every_file_that_a_pipeline_reads_is_one_that_a_run_writes() -> None:
    """A report under another name would be missed by `test -f` for ever."""
    read = set(re.findall(r"gate-out/([\w.-]+\.\w+)", "".join(BLOCKS)))
    assert read == {"decision.html", "decision.md", "junit.xml", "github-annotations.txt", VERDICT}
    assert read - {VERDICT} == set(PAGES)


def test_history_is_kept_after_a_blocked_run_too() -> None:
    """`actions/cache` saves nothing of a job that failed; a NO-GO would never be known before."""
    steps: list[dict[str, Any]] = yaml.safe_load(GITHUB)["jobs"]["gate"]["steps"]
    saves = [step for step in steps if "actions/cache/save@" in step.get("uses", "")]
    assert [step["if"] for step in saves] == ["always()"]
    assert not [step for step in steps if "actions/cache@" in step.get("uses", "")]
    assert yaml.safe_load(GITLAB)["gate"]["cache"]["when"] == "always"


def test_gitlab_needs_only_jobs_that_are_there() -> None:
    """A `needs` of a job that is not there makes the whole pipeline invalid."""
    pipeline: dict[str, Any] = yaml.safe_load(GITLAB)
    jobs = {name: job for name, job in pipeline.items() if isinstance(job, dict)}
    needed = {need if isinstance(need, str) else need["job"] for job in jobs.values() for need in job.get("needs", ())}
    assert needed <= set(jobs)
    assert {job["stage"] for job in jobs.values()} == set(pipeline["stages"])


def test_actions_are_pinned_by_digest() -> None:
    """A tag of an action can be moved; a digest cannot."""
    uses = re.findall(r"uses: (\S+)", OWN + PAGE)

    assert len(uses) > 5
    assert [name for name in uses if not re.search(r"@[0-9a-f]{40}$", name)] == []


def test_a_skipped_job_does_not_satisfy_the_required_check() -> None:
    """The final jobs run always, and ask for the word success."""
    own: dict[str, Any] = yaml.safe_load(OWN)["jobs"]
    shown: dict[str, Any] = yaml.safe_load(GITHUB)["jobs"]

    assert own["all-green"]["if"] == "always()"
    assert set(own["all-green"]["needs"]) == set(own) - {"all-green"}
    assert "success" in own["all-green"]["steps"][0]["run"]
    assert shown["gate-passed"]["if"] == "always()"
    assert "needs.gate.result == 'success'" in shown["deploy"]["if"]
    assert "eq(dependencies.gate.result, 'Succeeded')" in AZURE


def test_scripts_of_azure_stop_at_the_first_error() -> None:
    """A multi-line script there returns what its last line returned."""
    for script in re.findall(r"script: \|\n((?: +.*\n)+)", AZURE):
        assert script.strip().startswith("set -eu")
