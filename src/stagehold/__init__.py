"""stagehold: holds a release at the testing environment until that environment has proven every promise.

Checks import `check` from here and use the plug-in's fixtures; nothing else of the package is public.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stagehold.errors import ProbeError
    from stagehold.marker import check

__all__ = ["ProbeError", "__version__", "check"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Import the public names on first use: the command line must not pay for pytest."""
    if name == "check":
        from stagehold.marker import check  # noqa: PLC0415

        return check
    if name == "ProbeError":
        from stagehold.errors import ProbeError  # noqa: PLC0415

        return ProbeError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
