"""`manifest.json`: the digest of every file of a run, so that none can be changed or added unnoticed."""

from __future__ import annotations

import hashlib
import mimetypes
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from stagehold.errors import ReportError

SCHEMA = "stagehold/manifest/v1"

_MEDIA_TYPES = {
    ".jsonl": "application/jsonl",
    ".md": "text/markdown",
    ".properties": "text/plain",
    ".log": "text/plain",
    ".txt": "text/plain",
}


def manifest(run_folder: Path, exclude: Collection[str] = ()) -> dict[str, Any]:
    """Digest, size and media type of every regular file below the folder, by relative path, sorted.

    Args:
        run_folder: the folder of a run.
        exclude: relative paths to leave out, such as the manifest's own; a folder stands for all in it.

    Returns:
        `{"schema": …, "files": {"verdict.json": {"sha256": HEX, "size": BYTES, "media_type": TYPE}, …}}`

    Raises:
        ReportError: a file cannot be read, or something else than a file or folder (a link, a socket) is
            there: what a link points at is not part of the run.
    """
    left_out = {entry.strip("/") for entry in exclude}
    files: dict[str, dict[str, Any]] = {}

    def refuse(error: OSError) -> None:
        raise ReportError(f"the run's folder cannot be read: {error}") from error

    for folder, folders, names in os.walk(run_folder, onerror=refuse):
        base = Path(folder)
        for name in (*folders, *names):
            path = base / name
            relative = path.relative_to(run_folder).as_posix()
            if relative in left_out:
                continue
            if path.is_symlink() or not (path.is_dir() or path.is_file()):
                raise ReportError(f"{relative} is not a regular file and cannot be part of a run")
            if path.is_file():
                files[relative] = _entry(path, relative)
        folders[:] = [name for name in folders if (base / name).relative_to(run_folder).as_posix() not in left_out]
    return {"schema": SCHEMA, "files": dict(sorted(files.items()))}


def _entry(path: Path, relative: str) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
            size = stream.tell()
    except OSError as error:
        raise ReportError(f"{relative} cannot be read: {error.strerror}") from error
    media_type = _MEDIA_TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return {"sha256": digest, "size": size, "media_type": media_type}
