"""What a run says to the log of a CI system: annotations on purpose, and never a command by accident.

CI runners take certain lines of a log for commands (GitHub: `::name …::value`, Azure DevOps and the older GitHub
runner: `##vso[…]`, `##[…]`). A system under test can put such text into an answer that a failure shows, and so set a
variable of the pipeline that decides about its own release (CWE-117). Sources: GitHub "Workflow commands", Azure
DevOps "Logging commands".
"""

from __future__ import annotations

import io
import re
from typing import IO, TextIO, cast

from stagehold.model import Decision, Outcome, Verdict
from stagehold.reporting.reasons import Reason, reasons
from stagehold.reporting.text import one_line

MOST = 10
"""GitHub shows at most ten errors of one step."""
_COMMAND = re.compile(r"(?m)(?P<hash>##)(?=(?:vso)?\[)|(?P<colon>^\W*::)(?=[A-Za-z_-]+[^\n]*?::)")


def inert(text: str) -> str:
    """The text with a blank in whatever a CI runner would take for a command."""
    return _COMMAND.sub(lambda found: "# #" if found["hash"] else f"{found['colon'][:-1]} :", text)


class _InertStream(io.TextIOBase):
    """Passes text on to another stream, without commands."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Of the stream behind."""
        return self._stream.encoding

    def write(self, text: str) -> int:
        """Write the text; the number of characters taken."""
        self._stream.write(inert(text))
        return len(text)

    def flush(self) -> None:
        """Flush the stream behind."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Whether a person looks on."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """Of the stream behind."""
        return self._stream.fileno()


def harmless(stream: TextIO) -> IO[str]:
    """The stream, for a log that a CI runner reads: what is written to it holds no commands."""
    return cast("IO[str]", _InertStream(stream))


def render_annotations(verdict: Verdict) -> str:
    """GitHub workflow commands, one a line: the decision, then one error for each of the first reasons.

    Printed by a step of the pipeline (`cat`), they stand on the summary of the job and of the pull request.
    """
    if verdict.decision is Decision.GO:
        return _line("notice", "stagehold: GO", verdict.headline)
    found = reasons(verdict)
    lines = [_line("error", f"stagehold: {verdict.decision.value.replace('_', '-')}", verdict.headline)]
    lines += [_line("error", *_words(reason)) for reason in found[: MOST - 1]]
    if len(found) > MOST - 1:
        lines.append(_line("notice", "stagehold", f"and {len(found) - MOST + 1} more reasons in decision.html"))
    waived = [check.spec.id for check in verdict.checks if check.outcome is Outcome.FAILED and check.waived]
    if waived:
        lines.append(_line("warning", "stagehold: waived", ", ".join(waived)))
    return "".join(lines)


def _words(reason: Reason) -> tuple[str, str]:
    title = ", ".join(reason.checks) or "stagehold"
    parts = [reason.title.rstrip(".")]
    parts += [f"expected: {reason.expected}"] if reason.expected else []
    parts += [f"observed: {reason.observed}"] if reason.observed else []
    parts += [f"who acts: {', '.join(reason.owners)}"] if reason.owners else []
    parts += [f"remedy: {reason.remedy}"] if reason.remedy else []
    return f"{title} {reason.sign.word}", " | ".join(one_line(part, 300) for part in parts)


def _line(kind: str, title: str, message: str) -> str:
    return f"::{kind} title={_property(title)}::{_data(one_line(message, 1200))}\n"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(one_line(text, 200)).replace(":", "%3A").replace(",", "%2C")
