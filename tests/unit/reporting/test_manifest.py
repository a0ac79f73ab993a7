"""The manifest names every file of a run with its digest, and nothing that is not a file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from stagehold.errors import ReportError
from stagehold.reporting.manifest import manifest


def test_every_file_is_listed(tmp_path: Path) -> None:
    """Digest, size and media type of all files, sorted, in folders too; excluded ones are left out."""
    (tmp_path / "evidence/tls").mkdir(parents=True)
    (tmp_path / "evidence/tls/scan.json").write_bytes(b"{}")
    (tmp_path / "decision.html").write_bytes(b"<p>")
    (tmp_path / "manifest.json").write_bytes(b"old")
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch/file").write_bytes(b"x")
    assert manifest(tmp_path, exclude=["manifest.json", "scratch"]) == {
        "schema": "stagehold/manifest/v1",
        "files": {
            "decision.html": {
                "sha256": hashlib.sha256(b"<p>").hexdigest(),
                "size": 3,
                "media_type": "text/html",
            },
            "evidence/tls/scan.json": {
                "sha256": hashlib.sha256(b"{}").hexdigest(),
                "size": 2,
                "media_type": "application/json",
            },
        },
    }
    assert list(manifest(tmp_path)["files"]) == [
        "decision.html",
        "evidence/tls/scan.json",
        "manifest.json",
        "scratch/file",
    ]


@pytest.mark.parametrize("kind", ["link to file", "link to folder", "dangling link", "pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    """Links and pipes have no digest of their own: the run is not complete with them."""
    (tmp_path / "real").mkdir()
    (tmp_path / "file").write_bytes(b"x")
    match kind:
        case "link to file":
            (tmp_path / "odd").symlink_to(tmp_path / "file")
        case "link to folder":
            (tmp_path / "odd").symlink_to(tmp_path / "real")
        case "dangling link":
            (tmp_path / "odd").symlink_to(tmp_path / "nowhere")
        case _:
            os.mkfifo(tmp_path / "odd")
    with pytest.raises(ReportError, match="odd is not a regular file"):
        manifest(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """Nothing to list is an error, not an empty manifest."""
    with pytest.raises(ReportError):
        manifest(tmp_path / "missing")
