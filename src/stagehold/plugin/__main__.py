"""A lane: pytest with this plug-in, whose own modules are imported as they are.

Named by `-p`, they would be rewritten like checks, which takes longer than many a check.
"""

import sys

import pytest

import stagehold.plugin

if __name__ == "__main__":
    sys.exit(pytest.main(sys.argv[1:], plugins=[stagehold.plugin]))
