"""The pipelines of the documentation and of the project itself: what makes them a gate is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
OWN = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(?:yaml|groovy)\n(.*?)```", PAGE, re.DOTALL)
GITHUB, GITLAB, JENKINS, AZURE = BLOCKS


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
    assert '.decision == "GO" and .run.artifact.observed_digest == $digest' in text
    assert text.index(".decision") < text.rindex("deploy.sh")
    assert "quarantine" in text


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
