"""A part of the faults that `python -m tests.faults` injects: a whole gate for each, in a world of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import threading
from typing import Any

import pytest

from tests.faults.__main__ import FAULTS, chosen, outside
from tests.faults.stage import in_a_world_of_our_own

SEED = 9
_SECONDS = 900
QUICK = [fault.name for fault in chosen([], quick=True)]


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, Any]]:
    """What came of each, played one after the other on one stage."""
    trial = in_a_world_of_our_own("sh", "-c", "ip link add one type veth peer name two && nft add table inet trial")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [name for name in ("unshare", "ip", "nft", "nmap") if shutil.which(name, path=path) is None]
    done = (
        None if missing else subprocess.run(trial, env={**os.environ, "PATH": path}, capture_output=True, check=False)
    )
    if done is None or done.returncode:
        words = done.stderr.decode() if done else f"missing: {', '.join(missing)}"
        reason = f"this system gives no network of one's own: {words}"
        if os.environ.get("STAGEHOLD_REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)
    with outside(["--quick", "--seed", str(SEED)]) as process:
        limit = threading.Timer(_SECONDS, process.terminate)
        limit.start()
        assert process.stdout is not None
        output = process.stdout.read()
        limit.cancel()
    found = [json.loads(line) for line in output.splitlines()]
    return {row["fault"]: row for row in found}


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_blocks_in_time_with_words_and_loses_nothing(rows: dict[str, dict[str, Any]], name: str) -> None:
    """No GO, no hang, a reason that names what happened, and every recorded outcome in the verdict."""
    assert name in rows, "it was not tried"
    assert not rows[name]["wrong"], rows[name]


def test_every_fault_has_a_name_of_its_own() -> None:
    """Names are what `--only` and the table of docs/reliability.md know faults by."""
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
