"""PostgreSQL's binaries, also where root's files are closed to the user that runs them."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ledgerlab.lab.postgres import binaries, copy_for_everybody, open_to_everybody


def test_closed_folder_is_seen(tmp_path: Path) -> None:
    """One folder on the way that others may not pass is enough."""
    inner = tmp_path / "home" / "wheel"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o700)

    assert not open_to_everybody(inner)
    assert open_to_everybody(Path("/usr/bin"))


def test_copied_binaries_run(tmp_path: Path) -> None:
    """The copy finds its own libraries."""
    programs = copy_for_everybody(binaries(), tmp_path / "postgresql")

    done = subprocess.run([programs / "initdb", "--version"], capture_output=True, text=True, timeout=20, check=False)
    linked = subprocess.run(["ldd", programs / "initdb"], capture_output=True, text=True, timeout=20, check=False)

    assert done.stdout.startswith("initdb (PostgreSQL)")
    assert str(tmp_path) in linked.stdout
