"""Faults of processes: killed, stopped, asked to end, out of memory."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections.abc import Callable

from tests.faults.driver import FAILING, KILLED, SOUND, Fault, Row, Running, gate, report, row, stored
from tests.faults.stage import HOSTS, LOAD, Stage

_ENDED = r"SIGTERM \(a pipeline|SIGINT|SIGHUP"
_LANE = {"a lane": ("stagehold-report", "/own"), "a lane of ours": ("stagehold-report", "/functional")}


def send(number: signal.Signals, *words: str) -> Callable[[Running], None]:
    """Send it to the first process of that kind."""

    def inject(run: Running) -> None:
        run.signal_some(number, *words)

    return inject


def send_when_busy(number: signal.Signals, *words: str) -> Callable[[Running], None]:
    """Send it to a process of that kind, or the gate itself, while the second check of the own suite goes on."""

    def inject(run: Running) -> None:
        run.when_busy()
        run.signal_some(number, *words) if words else run.process.send_signal(number)

    return inject


def send_somewhen(number: signal.Signals) -> Callable[[Running], None]:
    """Send it to a random process of the run at a random moment."""

    def inject(run: Running) -> None:
        run.somewhen(12.0)
        members = run.family()
        if run.process.poll() is None:
            victim = run.rng.choice([None, *members]) if members else None
            if victim is None:
                run.moment += " to the gate"
                run.process.send_signal(number)
            else:
                run.moment += f" to {victim.name()} {' '.join(victim.cmdline())[-40:]}"
                victim.send_signal(number)

    return inject


def _stopped_for_a_while(run: Running) -> None:
    run.when_busy()
    run.process.send_signal(signal.SIGSTOP)
    time.sleep(6)
    run.process.send_signal(signal.SIGCONT)


def _killed_then_reported(fault: Fault, stage: Stage, rng: random.Random) -> Row:
    """The gate is killed after a failure was measured; `stagehold report` then judges what the log holds."""
    with gate(fault, stage, rng) as run:
        run.when_busy()
        run.process.kill()
        run.process.wait(10)
        wrong = list(row(fault, run).wrong)
        done = report(run.out)
        if done.returncode != 1 or (stored(run.out) or {}).get("decision") != "NO_GO":
            wrong.append(f"report afterwards: exit {done.returncode}, {(stored(run.out) or {}).get('decision')}")
        found = row(fault, run, wrong)
        return Row(**{**found.document, "wrong": tuple(dict.fromkeys(found.wrong))})


def again(command: list[str], run: Running) -> subprocess.CompletedProcess[str]:
    """One more gate beside the one that runs."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=run.out.parent)


def _two_runs(fault: Fault, stage: Stage, rng: random.Random) -> Row:
    """A second run is refused while the first goes on, which is not disturbed."""
    with gate(fault, stage, rng) as run:
        run.when_busy()
        second = again([*run.command[:-1], f"{run.out}-second"], run)
        third = again(run.command, run)
        run.process.wait(fault.deadline)
        wrong = []
        if second.returncode != 3 or "busy" not in second.stdout + second.stderr:
            wrong.append(f"the second run: exit {second.returncode}")
        if third.returncode != 3 or "another run is writing" not in third.stdout + third.stderr:
            wrong.append(f"the third run, into the same folder: exit {third.returncode}")
        return row(fault, run, wrong)


_HUNGRY = '''
import resource
from stagehold import check

@check("ACM-001", severity="blocker", proves=["transport-policy"], remedy="Mend it.", traffic="evidence")
def test_takes_all_memory():
    """Takes all the memory there is."""
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    held = bytearray(1 << 32)
    assert held
'''

FAULTS = (
    Fault("nothing at all", "GO", suite=SOUND, harmless=True, quick=True),
    Fault("SIGTERM to the gate, a failure measured", _ENDED, send_when_busy(signal.SIGTERM), FAILING, codes=(1,),
          seconds=60, quick=True),
    Fault("SIGTERM to the gate, all well so far", _ENDED, send_when_busy(signal.SIGTERM), SOUND, codes=(3,),
          seconds=60),
    Fault("SIGHUP to the gate", _ENDED, send_when_busy(signal.SIGHUP), FAILING, codes=(1,), seconds=60),
    Fault("kill -9 of the gate, then report", "did not finish|has not finished|never ended", suite=FAILING,
          codes=(KILLED,), seconds=60, play=_killed_then_reported, quick=True),
    Fault("SIGSTOP of the gate for a while", "GO", _stopped_for_a_while, SOUND, seconds=8, harmless=True),
    Fault("kill -9 of a lane", r"own suite was ended by SIGKILL", send_when_busy(signal.SIGKILL, *_LANE["a lane"]),
          FAILING, codes=(1,), seconds=60, quick=True),
    Fault("SIGTERM to a lane", r"own suite was ended by SIGTERM", send_when_busy(signal.SIGTERM, *_LANE["a lane"]),
          FAILING, codes=(1,), seconds=60),
    Fault("SIGSTOP of a lane", r"own suite was stopped at its deadline",
          send_when_busy(signal.SIGSTOP, *_LANE["a lane"]), FAILING, codes=(1,), seconds=1, deadline=40),
    Fault("kill -9 of a lane of ours", r"functional suite was ended by SIGKILL",
          send(signal.SIGKILL, *_LANE["a lane of ours"]), SOUND, codes=(3,)),
    Fault("kill -9 of the process that collects", r"could not be collected.*SIGKILL",
          send(signal.SIGKILL, "--collect-only"), SOUND, codes=(3,), quick=True),
    Fault("SIGSTOP of the process that collects", r"could not be collected within",
          send(signal.SIGSTOP, "--collect-only"), SOUND, codes=(3,), deadline=20),
    Fault("kill -9 of the process that reads the catalogue", r"the process that reads the checks was ended by SIGKILL",
          send(signal.SIGKILL, "stagehold.catalogue.apart"), SOUND, codes=(2, 3)),
    Fault("SIGSTOP of the process that reads the catalogue", r"could not be imported within",
          send(signal.SIGSTOP, "stagehold.catalogue.apart"), SOUND, codes=(2, 3), deadline=20),
    Fault("kill -9 of the Allure program", r"allure (ended|was ended).*(SIGKILL|killed)",
          send(signal.SIGKILL, "cli.js", "generate"), SOUND, codes=(3,)),
    Fault("SIGSTOP of the Allure program", r"allure did not end within", send(signal.SIGSTOP, "cli.js", "generate"),
          SOUND, codes=(3,), deadline=45),
    Fault("kill -9 of nmap", r"nmap", send(signal.SIGKILL, "nmap", "-Pn"), SOUND, (HOSTS,), codes=(3,)),
    Fault("SIGSTOP of nmap", r"nmap|deadline", send(signal.SIGSTOP, "nmap", "-Pn"), SOUND, (HOSTS,), codes=(3,),
          deadline=90),
    Fault("kill -9 of a TLS worker", r".", send(signal.SIGKILL, "stagehold", "tls", "worker"), SOUND, (HOSTS,),
          codes=(3,)),
    Fault("kill -9 of locust", r"load|locust|Locust", send(signal.SIGKILL, "locust"), SOUND, (HOSTS, LOAD),
          codes=(3,), deadline=180),
    Fault("no memory in one lane", r"MemoryError|out of memory", suite=_HUNGRY, codes=(3,)),
    Fault("two runs at once", "GO", suite=SOUND, seconds=15, harmless=True, play=_two_runs),
    *(
        Fault(f"{number.name} to any process at any moment ({count})", r".", send_somewhen(number), FAILING,
              codes=(1, 3, KILLED, 2), seconds=6, deadline=45)
        for number in (signal.SIGKILL, signal.SIGTERM)
        for count in range(1, 5)
    ),
)  # fmt: skip
