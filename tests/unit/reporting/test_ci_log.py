"""What a CI runner reads in the log: annotations, and nothing a system under test could have put there."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from stagehold.reporting.ci_log import harmless, inert, render_annotations
from tests.unit.reporting.samples import go, no_go


@pytest.mark.parametrize(
    "text",
    [
        "::set-output name=decision::GO",
        "  ::stop-commands::x",
        "seen: ##vso[task.setvariable variable=gate]GO",
        "##[command]rm",
        "one\n::error::two",
    ],
)
def test_commands_of_ci_runners_become_plain_text(text: str) -> None:
    """No line starts a GitHub command, and no Azure DevOps command stands anywhere."""
    safe = inert(text)

    assert "##vso[" not in safe
    assert "##[" not in safe
    assert not any(line.strip().startswith("::") for line in safe.splitlines())
    assert safe.replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize("text", ["[::1]:8443", "std::vector", "## Heading", "10:20::30", "a :: b", "# [x]"])
def test_other_text_is_left_alone(text: str) -> None:
    """Addresses and headings are no commands."""
    assert inert(text) == text


def test_the_console_passes_through_the_stream() -> None:
    """What rich prints into a log cannot command the runner."""
    log = io.StringIO()

    Console(file=harmless(log), width=60).print("::error::boo", markup=False, highlight=False)

    assert log.getvalue() == ": :error::boo\n"


def test_annotations_name_the_decision_and_its_reasons() -> None:
    """A blocked run gives errors with expected, observed, who acts and remedy; each is one line."""
    lines = render_annotations(no_go()).splitlines()

    assert lines[0].startswith("::error title=stagehold%3A NO-GO::")
    assert any("expected: " in line and "remedy: " in line for line in lines[1:])
    assert all(line.startswith(("::error ", "::notice ", "::warning ")) for line in lines)
    assert len(lines) <= 12


def test_a_go_is_a_notice() -> None:
    """Nothing red stands on the job's summary when the gate is open."""
    text = render_annotations(go())

    assert text.startswith("::notice title=stagehold%3A GO::")
    assert text.count("\n") == 1
