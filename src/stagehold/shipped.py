"""Where the things that travel beside the library are: checks, the load engine, environments, templates.

In a working copy they are the folders of the repository; in an installed wheel they are copies below the
package. Nothing here reads the working directory: which checks run must not depend on where one stands.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from stagehold.errors import ConfigError

Part = Literal["suites", "load", "environments", "reports/templates"]

PACKAGE = Path(__file__).resolve().parent


def repository(package: Path = PACKAGE) -> Path | None:
    """The root of the working copy that holds `package` as `src/stagehold`, or None when installed."""
    root = package.parents[1]
    laid_out = package.name == "stagehold" and package.parent.name == "src"
    return root if laid_out and (root / "pyproject.toml").is_file() else None


def shipped(part: Part, package: Path = PACKAGE) -> Path:
    """The folder of that name: the repository's where there is one, else the wheel's copy.

    Raises:
        ConfigError: it is in neither place, so the installation is incomplete.
    """
    root = repository(package)
    folder = (root if root is not None else package / "_shipped") / part
    if not folder.is_dir():
        raise ConfigError(
            f"the folder {part!r} that belongs to stagehold is missing",
            remedy="Install stagehold again; the wheel carries it.",
        )
    return folder
