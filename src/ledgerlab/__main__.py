"""`python -m ledgerlab`."""

from __future__ import annotations

import sys

from ledgerlab.cli import main

sys.exit(main())
