"""`python -m stagehold`: starts itself again, isolated, as the command `stagehold` does from the beginning."""

import os
import sys

_OPTIMIZED = """\
stagehold: python -O takes assertions out of programs, and assertions are what checks are made of
  → Start it without -O: stagehold run ENV
"""


def start() -> int:
    """Run the command line in an isolated interpreter.

    What is on PYTHONPATH, in the working directory or in PYTHONINSPECT must neither stand in for a module of ours nor
    change the exit code.
    """
    if sys.flags.optimize:
        sys.stderr.write(_OPTIMIZED)
        return 2
    if not sys.flags.isolated:
        os.execv(sys.executable, [sys.executable, "-I", "-m", "stagehold", *sys.argv[1:]])  # noqa: S606 - ourselves
    from stagehold.cli import main  # noqa: PLC0415 - not before the interpreter is ours

    return main()


if __name__ == "__main__":
    sys.exit(start())
