"""The proof at 2 % loss over all ports: `python -m tests.ports.matrix [SEEDS]`, twenty seeds if nothing is said.

For each seed five hosts (one that drops, one with 50 open ports, one with none, one that rejects, one of IPv6 only) are
staged with other ports. Exactly the open ones must be found on each. Some minutes; part of `make selftest`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

from tests.ports.stage import ROOT, as_root_of_our_own

SEEDS = 20


def main() -> int:
    """Play every seed and say how it went; 0 only if nothing was missed and nothing invented."""
    seeds = range(1, 1 + (int(sys.argv[1]) if sys.argv[1:] else SEEDS))
    bad = 0
    for seed in seeds:
        done = subprocess.run(
            [*as_root_of_our_own(), sys.executable, "-P", "-m", "tests.ports.scenes", "lossy", str(seed)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        found = json.loads(done.stdout)[str(seed)] if done.returncode == 0 else {"wrong": done.stderr[-500:]}
        bad += bool(found["wrong"])
        sys.stdout.write(f"ports, seed {seed:>2}: {found['wrong'] or 'exact'} {found.get('seconds', '')}\n")
        sys.stdout.flush()
    sys.stdout.write(f"ports at 2 % loss: {len(seeds) - bad} of {len(seeds)} seeds exact\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
