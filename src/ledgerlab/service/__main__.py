"""`python -m ledgerlab.service CONFIG.json`: runs the service until it is told to stop."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ledgerlab.service import logs
from ledgerlab.service.app import create_app
from ledgerlab.service.config import Settings
from ledgerlab.service.listeners import serve


def main() -> None:
    """Reads the configuration named on the command line and serves."""
    logs.set_up()
    settings = Settings.read(Path(sys.argv[1]))
    asyncio.run(serve(settings, create_app(settings)))


main()
