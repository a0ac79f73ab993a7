"""Faults of files: full disks, read-only folders, what changes during a run, damaged logs before `report`."""

from __future__ import annotations

import datetime as dt
import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.faults.driver import FAILING, SOUND, Fault, Row, Running, gate, report, stored
from tests.faults.service import NAME
from tests.faults.stage import OTHER_DIGEST, Stage
from tests.probes.pki import Authority, write_chain

SIZES = (8, 24, 64, 160, 400, 900, 1600, 2600)
"""KiB of a disk; a whole run writes about 3 MiB."""
_FULL = r"No space left|not enough room|disk|could not be written"


def disk(kib: int, inodes: int = 0) -> Callable[[Stage, Path], None]:
    """The run's folder is a disk of that size."""

    def prepare(stage: Stage, out: Path) -> None:
        out.mkdir()
        options = f"size={kib}k" + (f",nr_inodes={inodes}" if inodes else "")
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(out)], check=True, timeout=10)
        stage.mounted.append(out)

    return prepare


def _read_only(stage: Stage, out: Path) -> None:
    disk(4096)(stage, out)
    subprocess.run(["mount", "-o", "remount,ro", str(out)], check=True, timeout=10)


def _becomes_read_only(run: Running) -> None:
    run.when_busy()
    # A remount is refused while the lanes' logs are open. Another disk over the folder does the same.
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(run.out)], check=True, timeout=10)
    try:
        run.process.wait(run.deadline)
    except subprocess.TimeoutExpired:
        return
    finally:
        subprocess.run(["umount", str(run.out)], check=True, timeout=10)


def _becomes_full(run: Running) -> None:
    run.when_busy()
    with (run.out / "filler").open("wb") as stream:
        try:
            while True:
                stream.write(b"x" * 65536)
                stream.flush()
        except OSError:
            return


def edit(name: str, change: Callable[[str], str]) -> Callable[[Running], None]:
    """Another content for a file of the environment in the middle of the run."""

    def inject(run: Running) -> None:
        run.when_busy()
        path = run.stage.folder / name
        path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")

    return inject


def _another_certificate(run: Running) -> None:
    """A certificate of an authority that nobody trusts is deployed meanwhile."""
    run.when_busy()
    other = Authority.create("Other")
    write_chain(run.stage.folder, other.leaf(NAME), other.intermediate)


def _another_build(run: Running) -> None:
    run.when_busy()
    (run.stage.folder / "digest").write_text(OTHER_DIGEST, encoding="ascii")


def _waiver(stage: Stage, _out: Path) -> None:
    """The failure of the own suite is accepted for some seconds from now."""
    now = dt.datetime.now(dt.UTC)
    expires = now + dt.timedelta(seconds=8)
    (stage.folder / "waivers.yaml").write_text(
        "schema: stagehold/waivers/v1\nwaivers:\n"
        '  - {id: W-1, check: ACM-001, observed: "two is not one", reason: Known., risk: low, owner: shop,\n'
        f"     author: Ada, approved_by: Jon, ticket: T-1, created: {now - dt.timedelta(days=1):%Y-%m-%d},\n"
        f'     expires: "{expires:%Y-%m-%dT%H:%M:%SZ}"}}\n',
        encoding="utf-8",
    )


_CLOCK = """
import threading, time
shift, real = [0.0], time.time
time.time = lambda: real() + shift[0]
import stagehold.gate.lanes as lanes
before = lanes.Lanes.run
def run(self):
    shift[0] = JUMP
    return before(self)
lanes.Lanes.run = run
"""
"""The gate's own `time.time`: no process may set the clock of a machine that it shares with others."""


def damaged(change: Callable[[bytes], bytes], *, named: str) -> Callable[[Fault, Stage, random.Random], Row]:
    """A GO run whose event log is damaged before `stagehold report`; the report blocks and names the line."""

    def play(fault: Fault, stage: Stage, rng: random.Random) -> Row:
        with gate(fault, stage, rng) as run:
            run.process.wait(fault.deadline)
            run.moment = "before report"
            before = stored(run.out)
            log = run.out / "events.jsonl"
            log.write_bytes(change(log.read_bytes()))
            done = report(run.out)
            after = stored(run.out) or {}
            wrong = [] if before and before["decision"] == "GO" else ["the clean run was no GO"]
            if done.returncode not in {1, 3} or after.get("decision") not in {"INCONCLUSIVE", "NO_GO"}:
                wrong.append(f"report: exit {done.returncode}, {after.get('decision')}")
            told = done.stdout + done.stderr + json.dumps(after.get("problems", [])) + "".join(after.get("reasons", []))
            if named not in told:
                wrong.append(f"nothing names {named}")
            if "Traceback" in told:
                wrong.append("a traceback")
            return Row(
                fault.name, run.moment, str(after.get("decision")), done.returncode, 0.0,
                str((after.get("reasons") or [""])[0])[:300], "", tuple(wrong),
            )  # fmt: skip

    return play


def _torn(log: bytes) -> bytes:
    """Ends in the middle of a line, with most of the outcomes gone."""
    return log[: log.index(b"\n", len(log) * 4 // 5) - 9]


def _without_last_case(log: bytes) -> bytes:
    lines = log.splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if b'"event": "case"' in line)
    return b"".join(lines[:last] + lines[last + 1 :])


def _garbage_in_the_middle(log: bytes) -> bytes:
    lines = log.splitlines(keepends=True)
    return b"".join([*lines[:4], b"\x00\xff{{{ nonsense\n", *lines[4:]])


FAULTS = (
    *(
        Fault(f"a disk of {size} KiB for the report folder", _FULL, suite=SOUND, codes=(2, 3), prepare=disk(size),
              shortened=True, quick=size == 400)
        for size in SIZES
    ),
    *(
        Fault(f"a disk with {count} free names for the report folder", _FULL, suite=SOUND, codes=(2, 3),
              prepare=disk(16384, count), shortened=True)
        for count in (2, 12, 40)
    ),
    Fault("the disk fills up meanwhile, a failure measured", _FULL, _becomes_full, FAILING, codes=(1,), seconds=4,
          prepare=disk(4096)),
    Fault("a read-only report folder", r"Read-only|cannot be used", suite=SOUND, codes=(2, 3), prepare=_read_only,
          quick=True),
    Fault("the report folder becomes read-only meanwhile", r"Read-only|could not be written|cannot be",
          _becomes_read_only, FAILING, codes=(1,), seconds=4, unwritable=True),
    Fault("the environment file changes", r"environment.yaml changed while", edit("environment.yaml",
          lambda text: text + "# later\n"), SOUND, codes=(3,), seconds=4, quick=False),
    Fault("the statement changes", r"statement.yaml changed while",
          edit("statement.yaml", lambda text: text.replace("T2", "T3")), SOUND, codes=(3,), seconds=4),
    Fault("the checks change", r"the checks changed while", edit("own/test_own.py", lambda text: text + "# later\n"),
          SOUND, codes=(3,), seconds=4),
    Fault("another build is deployed", r"another build than the candidate", _another_build, SOUND, codes=(1,),
          seconds=12),
    Fault("another certificate is deployed", r"certificate", _another_certificate, SOUND, codes=(1, 3), seconds=12),
    Fault("a waiver expires meanwhile", r"W-1 expired", suite=FAILING, codes=(1,), seconds=12, prepare=_waiver),
    Fault("the clock jumps back by a day", r"clock of this machine jumped back", suite=SOUND, codes=(3,),
          wrapper=_CLOCK.replace("JUMP", "-86400")),
    Fault("the clock jumps forward by an hour", r"clock of this machine jumped forward", suite=SOUND, codes=(3,),
          wrapper=_CLOCK.replace("JUMP", "3600")),
    Fault("a truncated event log before report", "", suite=SOUND,
          play=damaged(_torn, named="events.jsonl:")),
    Fault("an event log without one outcome before report", "", suite=SOUND,
          play=damaged(_without_last_case, named="events.jsonl")),
    Fault("a garbled line in the event log before report", "", suite=SOUND,
          play=damaged(_garbage_in_the_middle, named="events.jsonl:5")),
    Fault("no event log before report", "", suite=SOUND, play=damaged(lambda _log: b"", named="events.jsonl")),
)  # fmt: skip
