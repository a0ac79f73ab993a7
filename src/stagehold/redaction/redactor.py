"""Takes secrets out of whatever a run writes: the one choke point before files, logs, reports and a terminal."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stagehold.redaction.registry import KNOWN, SecretRegistry
from stagehold.redaction.rewritings import dumps, is_cut, reaches
from stagehold.redaction.shapes import find_shapes
from stagehold.redaction.unpack import PNG, Budget, Unreadable, png_chunks

MASK = "[redacted]"
MOST_UNPACKED = 256 << 20
CARRIERS = re.compile(
    r"(proxy-)?authorization|(set-)?cookie2?|x-(api-key|auth-token|csrf-?token|xsrf-token|access-token)", re.IGNORECASE
)
"""Names of headers that carry credentials."""
_PICTURE_TEXTS = {b"tEXt", b"zTXt", b"iTXt", b"eXIf"}
_DAMAGED = (zipfile.BadZipFile, ValueError, RuntimeError, EOFError, zlib.error, lzma.LZMAError)
_ZIP, _GZIP = b"PK\x03\x04", b"\x1f\x8b\x08"


class Redactor:
    """Replaces registered secrets by their names, and what has the shape of a secret by its kind.

    Args:
        secrets: what is known to be secret; what is added later counts, too.
        masks: False lets everything through. For tests of the search that comes after; no run can set it.
    """

    def __init__(self, secrets: SecretRegistry, *, masks: bool = True) -> None:
        self._secrets = secrets
        self._masks = masks

    def text(self, text: str) -> str:
        """The text without secrets."""
        before = text.encode("utf-8", "surrogatepass")
        after = self._plain(before)
        return text if after == before else after.decode("utf-8", "surrogatepass")

    def value(self, value: Any) -> Any:
        """The same tree of lists and dictionaries with every string redacted, keys included."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value

    def data(self, data: bytes) -> bytes:
        """The bytes without secrets; archives are unpacked and packed again, pictures lose their texts.

        Raises:
            OSError: an archive is damaged or too large, so that nobody can say what it holds.
        """
        return self._unpacked(data, Budget(MOST_UNPACKED)) if self._masks else data

    def files(self, paths: Iterable[Path]) -> None:
        """Rewrite those files that hold a secret (OSError when that fails)."""
        for path in paths:
            before = path.read_bytes()
            if (after := self.data(before)) != before:
                path.write_bytes(after)

    def _plain(self, data: bytes) -> bytes:
        if not self._masks:
            return data
        for form, name in self._secrets.present(data):
            mask = f"[redacted:{name}]".encode()
            whole = self._secrets.whole(form)
            data = _without_whole(data, form, whole, mask) if whole else data.replace(form, mask)
        for start, stop, shown in reversed(list(dumps(data))):
            if found := self._secrets.present(shown):
                data = data[:start] + f"[redacted:{found[0][1]}]\n".encode() + data[stop:]
        for kind, start, stop in reversed(_apart(find_shapes(data))):
            data = data[:start] + f"[redacted:{kind.replace(' ', '-')}]".encode() + data[stop:]
        return data

    def _unpacked(self, data: bytes, budget: Budget) -> bytes:
        if data.startswith(_ZIP):
            return self._zip(data, budget)
        if data.startswith(_GZIP):
            return self._gzip(data, budget)
        if data.startswith(PNG):
            return _without_texts(data)
        return self._plain(data)

    def _zip(self, data: bytes, budget: Budget) -> bytes:
        """Member by member; Playwright's traces keep what was typed and sent as JSON, one object a line."""
        target = io.BytesIO()
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(target, "w") as copy:
                for member in source.infolist():
                    with source.open(member) as stream:
                        body = stream.read(budget.left + 1)
                    budget.take(len(body))
                    entry = zipfile.ZipInfo(self.text(member.filename), member.date_time)
                    entry.compress_type = zipfile.ZIP_DEFLATED
                    copy.writestr(entry, self._member(body, budget))
        except (
            Unreadable,
            zipfile.BadZipFile,
            ValueError,
            RuntimeError,
            EOFError,
            zlib.error,
            lzma.LZMAError,
        ) as error:
            raise OSError(f"the archive cannot be redacted: {error}") from error
        return target.getvalue()

    def _member(self, body: bytes, budget: Budget) -> bytes:
        if body[:1] == b"{":
            return b"\n".join(self._line(line) for line in body.split(b"\n"))
        return self._unpacked(body, budget)

    def _line(self, line: bytes) -> bytes:
        try:
            document = json.loads(line)
        except ValueError:
            return self._plain(line)
        return self._plain(json.dumps(self.value(_without_credentials(document)), ensure_ascii=False).encode())

    def _gzip(self, data: bytes, budget: Budget) -> bytes:
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
                body = stream.read(budget.left + 1)
            budget.take(len(body))
        except (Unreadable, OSError, EOFError, zlib.error) as error:
            raise OSError(f"the compressed evidence cannot be redacted: {error}") from error
        return gzip.compress(self._unpacked(body, budget), mtime=0)


def _without_whole(data: bytes, first: bytes, whole: bytes, mask: bytes) -> bytes:
    """A value that is known by its first part, with what follows of it, broken over lines or not."""
    kept, at = [], 0
    while (start := data.find(first, at)) >= 0:
        cut = is_cut(data, start, whole)
        stop = reaches(data, start, whole) if cut else start + 1
        kept += [data[at:start], mask if cut else data[start:stop]]
        at = stop
    return b"".join((*kept, data[at:]))


def _apart(spans: Iterable[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """In order, those that overlap as one: a token in a cookie goes with the cookie."""
    found: list[tuple[str, int, int]] = []
    for kind, start, stop in sorted(spans, key=lambda span: span[1]):
        if found and start < found[-1][2]:
            found[-1] = (*found[-1][:2], max(stop, found[-1][2]))
        else:
            found.append((kind, start, stop))
    return found


def _without_credentials(value: Any) -> Any:
    """The tree with values of credential headers masked, written as `{"Cookie": …}` or as name and value (HAR)."""
    if isinstance(value, list):
        return [_without_credentials(item) for item in value]
    if not isinstance(value, dict):
        return value
    carries = isinstance(value.get("name"), str) and CARRIERS.fullmatch(value["name"])
    return {
        key: MASK
        if (carries and key == "value") or (CARRIERS.fullmatch(key) and isinstance(item, str))
        else _without_credentials(item)
        for key, item in value.items()
    }


def _without_texts(data: bytes) -> bytes:
    """A picture without its texts and camera data: nothing one sees, and anything may stand there."""
    kept = [
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        for kind, body in png_chunks(data)
        if kind not in _PICTURE_TEXTS
    ]
    return PNG + b"".join(kept)


REDACTOR = Redactor(KNOWN)
"""The redactor of this process."""
