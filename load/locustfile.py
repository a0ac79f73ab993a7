"""What Locust loads: one user per worker whose single task is the open-loop dispatcher.

Locust starts the processes, connects them and carries their messages; arrivals, counts, drain and the end
of the run are ours, because Locust's own are closed-loop, rounded, cut short and lossy. Its exit code means
nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import sys
from typing import Any

import gevent
import gevent.socket
import locust
from locust import User, events, task
from locust.exception import StopUser
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from load.client import Client
from load.collect import Collector
from load.dispatch import Dispatcher
from load.plan import Plan, parse_plan

BEAT, FINAL = "stagehold_beat", "stagehold_final"
BEAT_SECONDS = 1.0
FAULT = 70
"""Exit status after a fault or a cut leash, for people who look; nobody decides by it."""

# One line, before Locust forks its workers: all of them inherit the plan, none can read it anywhere else.
PLAN: Plan = parse_plan(sys.stdin.buffer.readline())
# Where it is allowed (root), the generator goes before the service on a machine they share: late starts would
# be counted as the service's latency.
with contextlib.suppress(OSError):
    os.setpriority(os.PRIO_PROCESS, 0, -5)
# A trust anchor that cannot be read must end all processes now, not one worker later.
Client(PLAN)


class Arrivals(User):
    """The generator of one process; it lives for one schedule."""

    used = False

    @task
    def send_everything(self) -> None:
        """Run the schedule once. A second user in this process would double the load, so it stops."""
        if Arrivals.used:
            raise StopUser
        Arrivals.used = True
        runner = self.environment.runner
        dispatcher = Dispatcher(PLAN, runner.worker_index, self._record)
        beats = gevent.spawn(_beat, runner)
        dispatcher.run()
        report = dispatcher.document()
        report["cells"] = dispatcher.counters.documents()
        report["samples"] = dispatcher.counters.samples
        gevent.kill(beats)
        runner.send_message(FINAL, {"run": PLAN.run, "report": json.dumps(report)})
        raise StopUser

    def _record(self, method: str, name: str, latency: float, length: int, failure: str) -> None:
        self.environment.events.request.fire(
            request_type=method,
            name=name,
            response_time=latency,
            response_length=length,
            exception=RuntimeError(failure) if failure else None,
            context={},
        )


def _beat(runner: Any) -> None:
    sequence = 0
    while True:
        sequence += 1
        runner.send_message(BEAT, {"run": PLAN.run, "worker": runner.worker_index, "sequence": sequence})
        gevent.sleep(BEAT_SECONDS)


def _prepare(environment: Any, **_: Any) -> None:
    runner = environment.runner
    gevent.spawn(_leash)
    if isinstance(runner, WorkerRunner):
        return
    if not isinstance(runner, MasterRunner | LocalRunner):
        raise TypeError("the engine runs headless only")
    collector = Collector(PLAN, locust.__version__)

    def on_beat(msg: Any, **_: Any) -> None:
        collector.beat(msg.data["run"], msg.data["worker"], msg.data["sequence"])

    def on_final(msg: Any, **_: Any) -> None:
        collector.final(msg.data["run"], json.loads(msg.data["report"]))

    runner.register_message(BEAT, on_beat)
    runner.register_message(FINAL, on_final)
    gevent.spawn(_finish, runner, collector)


events.init.add_listener(_prepare)  # type: ignore[no-untyped-call] # Locust has no types there


def _finish(runner: Any, collector: Collector) -> None:
    """Wait for the last report, write the result, let Locust go. The gate holds the deadline."""
    while not collector.done:
        gevent.sleep(0.1)
    try:
        if runner.exceptions:
            collector.faults.append(f"{len(runner.exceptions)} exceptions in Locust")
        collector.write()
    except BaseException:  # noqa: BLE001 - no result may be taken for one, whatever went wrong
        sys.excepthook(*sys.exc_info())
        os._exit(FAULT)
    runner.quit()


def _leash() -> None:
    """End at once when whoever started the engine is gone: nobody would stop the load otherwise."""
    if not stat.S_ISFIFO(os.fstat(0).st_mode):
        return
    while True:
        gevent.socket.wait_read(0)
        if not os.read(0, 4096):
            os._exit(FAULT)
