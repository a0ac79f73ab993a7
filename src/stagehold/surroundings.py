"""What of the surroundings reaches the programs that stagehold starts: a short list of harmless variables.

Anything else could load foreign code (`NODE_OPTIONS`, `PYTHONPATH`), deselect checks, or send traffic elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

REFUSED_VARIABLES = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "ALLURE_TESTPLAN_PATH")
"""Variables that deselect checks or load foreign code; a run with one of them set is refused."""
_KEPT_VARIABLES = (
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "TERM",
    "XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DISPLAY", "WAYLAND_DISPLAY",
    "STAGEHOLD_TOOLS", "PLAYWRIGHT_BROWSERS_PATH", "SSH_AUTH_SOCK",
)  # fmt: skip


def scrubbed_environment(more: Iterable[str] = ()) -> dict[str, str]:
    """The environment of a lane: a short list of harmless variables, and those of these names."""
    kept = {name: os.environ[name] for name in (*_KEPT_VARIABLES, *more) if name in os.environ}
    return kept | {
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }
