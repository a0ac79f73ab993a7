"""A private home for Chromium whose NSS database trusts the declared private CA; nothing is ever ignored."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from stagehold.errors import ProbeError

_SECONDS = 20


def make_home(folder: Path, ca_file: Path | None) -> Path:
    """A fresh home directory below `folder`.

    Args:
        folder: an existing directory of the caller's.
        ca_file: PEM with one or more anchors; None leaves the browser's own public roots alone.

    Raises:
        ProbeError: `certutil` is missing or failed, or the PEM is unreadable.
    """
    home = folder / "home"
    database = home / ".pki" / "nssdb"
    database.mkdir(parents=True, mode=0o700)
    if ca_file is None:
        return home
    try:
        anchors = x509.load_pem_x509_certificates(ca_file.read_bytes())
    except (OSError, ValueError) as error:
        raise ProbeError(f"the private CA {ca_file.name} cannot be read: {error}") from error
    _certutil("-N", "-d", f"sql:{database}", "--empty-password")
    for number, anchor in enumerate(anchors):
        pem = folder / f"anchor-{number}.pem"
        pem.write_bytes(anchor.public_bytes(Encoding.PEM))
        # C: a CA for servers, and for nothing else.
        _certutil("-A", "-d", f"sql:{database}", "-n", f"declared-{number}", "-t", "C,,", "-i", str(pem))
    return home


def _certutil(*arguments: str) -> None:
    program = shutil.which("certutil")
    if program is None:
        raise ProbeError(
            "certutil is missing, so the browser cannot be told which CA to trust",
            remedy="Run `stagehold doctor --install` (Debian: libnss3-tools).",
        )
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProbeError(f"certutil did not run: {error}") from error
    if done.returncode != 0:
        raise ProbeError(f"certutil failed: {done.stderr.strip() or done.returncode}")
