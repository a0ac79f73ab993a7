"""The `evidence` fixture: attachments that let a third party agree with an outcome."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import requests

from stagehold.model import Evidence
from stagehold.redaction.redactor import MASK, REDACTOR, Redactor

_PUBLIC_HEADERS = {
    "accept", "allow", "cache-control", "content-length", "content-security-policy", "content-type", "date", "host",
    "origin", "referrer-policy", "retry-after", "server", "strict-transport-security", "user-agent", "vary",
    "www-authenticate", "x-content-type-options", "x-frame-options", "x-request-id",
}  # fmt: skip
_BODY_LIMIT = 8192
_SECRET_KEY = re.compile(r"pass|secret|token|key|auth|cookie|session|csrf", re.IGNORECASE)


class EvidenceRecorder:
    """Writes attachments of one case below the run's folder and remembers them.

    A failure to write raises OSError, which makes the case inconclusive.
    """

    def __init__(
        self,
        run_folder: Path,
        suite: str,
        check_id: str,
        case: str,
        redactor: Redactor = REDACTOR,
        complete: Callable[[str, str], str] = lambda command, vantage: command,  # noqa: ARG005 - nothing is known
        *,
        attempt: int = 1,
    ) -> None:
        self._complete = complete
        self._run_folder = run_folder
        self._redactor = redactor
        self._folder = Path("evidence") / suite / check_id
        self._prefix = _stem(case) if attempt == 1 else f"{_stem(case)}-try-{attempt}".removeprefix("-")
        self.items: list[Evidence] = []
        self.expected = ""
        self.observed = ""
        self.command = ""
        self.deviation = ""

    def compare(self, *, expected: str, observed: str, deviation: str = "") -> None:
        """Say in plain words what was expected and what was observed; reports show both.

        Where the observation holds what changes from run to run, such as a duration, `deviation` says what is
        wrong without it: a waiver accepts a failure by these words.
        """
        self.expected, self.observed, self.deviation = expected, observed, deviation

    def reproduce(self, command: str, *, vantage: str = "") -> None:
        """A command line by which a third party sees the same, placeholders for secrets.

        Pinned addresses and the declared CA are put into it. `vantage` names another place from which it was looked.
        """
        self.command = self._complete(command, vantage)

    def text(self, name: str, text: str) -> None:
        """Attach plain text."""
        self.file(name, _bytes(text), "text/plain", "txt")

    def json(self, name: str, value: Any) -> None:
        """Attach anything JSON can hold."""
        body = json.dumps(self._redactor.value(value), indent=2, ensure_ascii=False, default=str)
        self.file(name, _bytes(body), "application/json", "json")

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """Attach a table as CSV."""
        stream = io.StringIO()
        writer = csv.writer(stream)
        writer.writerow(columns)
        writer.writerows(rows)
        self.file(name, _bytes(stream.getvalue()), "text/csv", "csv")

    def figure(self, name: str, svg: str, alt: str) -> None:
        """Attach a drawing that the decision page shows; `alt` says in words what it shows."""
        self.file(name, _bytes(svg), "image/svg+xml", "svg")
        self.items[-1] = self.items[-1].model_copy(update={"alt": self._redactor.text(alt)})

    def svg(self, name: str, text: str) -> None:
        """Attach a drawing."""
        self.file(name, _bytes(text), "image/svg+xml", "svg")

    def png(self, name: str, data: bytes) -> None:
        """Attach a picture."""
        self.file(name, data, "image/png", "png")

    def exchange(self, name: str, response: requests.Response) -> None:
        """Attach a request and its response; headers that may carry secrets are masked."""
        request = response.request
        document = {
            "request": {
                "method": request.method,
                "url": _without_query(request.url or ""),
                "headers": _masked(request.headers),
            },
            "response": {
                "status": response.status_code,
                "headers": _masked(response.headers),
                "body": _readable_body(response),
            },
            "seconds": round(response.elapsed.total_seconds(), 3),
        }
        self.json(name, document)

    def file(self, name: str, data: bytes, media_type: str, extension: str) -> None:
        """Attach bytes of any media type; secrets are taken out, from archives, too.

        Raises:
            OSError: it cannot be written, or is an archive that cannot be looked into.
        """
        name = self._redactor.text(name)
        stem = "-".join(part for part in (self._prefix, f"{len(self.items) + 1:02d}", _slug(name)) if part)
        relative = self._folder / f"{stem}.{extension}"
        path = self._run_folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self._redactor.data(data))
        self.items.append(Evidence(name=name, media_type=media_type, path=relative.as_posix()))


def _bytes(text: str) -> bytes:
    """UTF-8; half a character, as a JSON answer may hold, is spelt out instead of losing the evidence."""
    return text.encode("utf-8", "backslashreplace")


def _stem(case: str) -> str:
    """A file name's part for a case; two cases never share one, so that none overwrites the other's evidence."""
    slug = _slug(case)
    return slug if slug == case else f"{slug}-{hashlib.sha256(_bytes(case)).hexdigest()[:8]}"


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")[:60]


def _without_query(url: str) -> str:
    base, mark, _ = url.partition("?")
    return f"{base}{mark}{MASK}" if mark else base


def _masked(headers: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"name": name, "value": str(value) if name.lower() in _PUBLIC_HEADERS else MASK}
        for name, value in headers.items()
    ]


def _readable_body(response: requests.Response) -> Any:
    kind = response.headers.get("content-type", "")
    if "json" in kind:
        try:
            return _masked_json(response.json())
        except ValueError:
            pass
    if kind.startswith("text/plain"):
        return response.text[:_BODY_LIMIT]
    return f"{len(response.content)} bytes of {kind or 'unknown type'}"


def _masked_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: MASK if _SECRET_KEY.search(str(k)) else _masked_json(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_masked_json(item) for item in value[:50]]
    return value
