"""`python -m stagehold`."""

import sys

from stagehold.cli import main

sys.exit(main())
