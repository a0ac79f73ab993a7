"""What one lane says to the gate: a pipe of its own, on which it can speak for its own checks and nothing else."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from stagehold.events import SECRET
from stagehold.gate.record import RunRecord
from stagehold.model import CaseResult, ExpectedCheck, Problem
from stagehold.redaction.redactor import REDACTOR
from stagehold.redaction.registry import KNOWN, SecretRegistry

_AT_ONCE = 1 << 20
_LONGEST_LINE = 64 << 20
_REMEDY = "Look into lanes/{suite}.log of the run's folder, and at what the checks of this suite import."


class NotAllowed(ValueError):
    """A lane said what it may not say; the text says what."""


class Channel:
    """The pipe of one lane.

    Args:
        suite: the lane's name, for messages.
        checks: what it may report on.
        record: where its events go.
        secrets: learns what the lane made secret; never written anywhere.
    """

    def __init__(
        self, suite: str, checks: Sequence[ExpectedCheck], record: RunRecord, secrets: SecretRegistry = KNOWN
    ) -> None:
        self.suite = suite
        self.finished = False
        """Whether the lane said that it came to its own end."""
        self._cases: Mapping[str, Collection[str]] = {check.spec.id: set(check.cases) for check in checks}
        self._suites = {check.spec.id: check.spec.suite for check in checks}
        self._record = record
        self._secrets = secrets
        self._rest = b""
        self.read_end, self.write_end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.read_end, False)

    def handed_over(self) -> None:
        """The lane has its end now; ours is closed, so that the end of the lane is seen."""
        os.close(self.write_end)
        self.write_end = -1

    def read(self) -> bool:
        """Take in what is there now, without waiting; whether more may come."""
        try:
            block = os.read(self.read_end, _AT_ONCE)
        except BlockingIOError:
            return True
        *lines, self._rest = (self._rest + block).split(b"\n")
        for line in lines:
            self._take(line)
        if len(self._rest) > _LONGEST_LINE:
            self._refuse(f"reported more than {_LONGEST_LINE >> 20} MiB in one piece")
            return False
        return bool(block)

    def close(self) -> None:
        """Take in the rest, up to what the lane left half-said, and forget the pipe."""
        # Something that the lane left behind may hold the other end open and write for ever.
        for _ in range(1024):
            before = self._rest
            if not self.read() or self._rest == before:
                break
        if self._rest:
            self._refuse("was cut off in the middle of a report")
        for descriptor in (self.read_end, self.write_end):
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
            kind = message["event"]
            if kind == SECRET:
                self._secrets.add(str(message["name"]), str(message["value"]))
                return
            fields = {name: value for name, value in message.items() if name not in {"event", "at"}}
            self._require_own(kind, fields)
        except NotAllowed as error:
            self._refuse(str(error))
        except (ValueError, KeyError, TypeError) as error:
            self._refuse(f"reported something unreadable ({type(error).__name__})")
        else:
            self._record.write(kind, **fields)
            self.finished = self.finished or kind == "lane_finished"

    def _require_own(self, kind: str, fields: dict[str, Any]) -> None:
        match kind:
            case "case_started":
                self._require_case(fields["check"], fields["case"])
            case "case":
                result = CaseResult.model_validate(fields["result"])
                self._require_case(result.check, result.case)
                if result.waiver:
                    raise NotAllowed(f"reported a waiver for {result.check}")
                folder = ("evidence", self._suites[result.check], result.check)
                for item in result.evidence:
                    parts = PurePosixPath(item.path).parts
                    if parts[:3] != folder or ".." in parts:
                        raise NotAllowed(f"reported evidence of {result.check} that lies elsewhere")
            case "progress" | "lane_finished":
                fields["suite"] = self.suite
            case _:
                raise NotAllowed(f"reported an event of a kind that is not a lane's: {kind!r:.40}")

    def _require_case(self, check: str, case: str) -> None:
        if case not in self._cases.get(check, ()):
            raise NotAllowed(f"reported on {check!r:.40}[{case!s:.60}], which is not one of its cases")

    def _refuse(self, what: str) -> None:
        problem = Problem(what=REDACTOR.text(f"the {self.suite} suite {what}"), remedy=_REMEDY.format(suite=self.suite))
        if problem not in self._record.problems:
            self._record.problems.append(problem)
