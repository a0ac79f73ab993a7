"""A network of its own for the port tests: run below `unshare --net`, it stages a scene, scans, and tells.

10.88.0.10 and 10.88.0.20 are hosts that answer; 10.88.0.30 lies behind a router that forwards nothing, so that it
is as silent as behind a firewall. Usage: `python -P -m tests.probes.ports_stage SCENE`; the answer is JSON.
"""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from stagehold.environment.model import Environment
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.ports import nmap_runs
from stagehold.probes.ports import passes as ports
from stagehold.probes.ports.nmap_runs import NmapRun
from stagehold.probes.ports.scan import scan_host

WEB, DATABASE, SILENT = "10.88.0.10", "10.88.0.20", "10.88.0.30"
ROUTER = "10.99.0.2"
SOME_PORTS = range(1, 120)
"""Silence takes its time; for scenes about it some ports do."""


def ip(command: str, *, inside: int | None = None) -> None:
    prefix = ["nsenter", "-t", str(inside), "--net"] if inside else []
    subprocess.run([*prefix, "ip", *command.split()], check=True, timeout=10)


@contextlib.contextmanager
def network() -> Iterator[None]:
    router = subprocess.Popen(["unshare", "--net", "sleep", "60"])
    try:
        ip("link set lo up")
        for address in (WEB, DATABASE):
            ip(f"addr add {address}/32 dev lo")
        ip("link add near type veth peer name far")
        ip("addr add 10.99.0.1/24 dev near")
        # Until unshare has run, its process is still in this namespace.
        for _ in range(100):
            ip(f"link set far netns {router.pid}")
            if subprocess.run(["ip", "link", "show", "far"], capture_output=True, check=False).returncode:
                break
            time.sleep(0.02)
        ip("link set near up")
        ip(f"addr add {ROUTER}/24 dev far", inside=router.pid)
        ip("link set far up", inside=router.pid)
        ip(f"route add {SILENT}/32 via {ROUTER}")
        yield
    finally:
        router.kill()
        router.wait(5)


@contextlib.contextmanager
def listening(*places: tuple[str, int]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for place in places:
            stack.enter_context(socket.create_server(place, backlog=16))
        yield


def fall_silent_after_the_first_pass() -> None:
    """WEB goes behind the router that forwards nothing, as when an intrusion prevention system strikes."""
    run = nmap_runs.run_nmap

    def struck(*given: Any, **named: Any) -> NmapRun:
        result = run(*given, **named)
        ip(f"route replace {WEB}/32 via {ROUTER}")
        subprocess.run(["ip", "addr", "del", f"{WEB}/32", "dev", "lo"], check=False, capture_output=True)
        return result

    setattr(ports, "run_nmap", struck)  # noqa: B010 - not exported to anybody but this scene


def described(*, web_ports: list[int], hosts: tuple[str, ...]) -> Environment:
    known = {
        "web": {"name": "web", "ipv4": [WEB], "ports": [{"port": port} for port in web_ports]},
        "db": {
            "name": "db",
            "ipv4": [DATABASE],
            "ports": [{"port": 7777, "class": "db", "from": ["internal"]}],
        },
        "silent": {"name": "silent", "ipv4": [SILENT], "ports": []},
        "dead": {"name": "dead", "ipv4": [SILENT], "ports": [{"port": 443}]},
    }
    return Environment.model_validate(
        {
            "environment": {"id": "stage"},
            "targets": [{"name": "web", "base_url": f"http://{WEB}"}],
            "hosts": [known[name] for name in hosts],
            "consent": {"classes": ["ordinary", "intrusive"]},
        }
    )


def look(environment: Environment, name: str) -> dict[str, object]:
    host = next(host for host in environment.hosts if host.name == name)
    try:
        scan = scan_host(Network.build(environment), environment, host, deadline=60)
    except ProbeError as error:
        return {"error": str(error)}
    return {
        "open": [port for _, port in scan.open_at(range(1, 65536))],
        "missing": [list(item) for item in scan.not_open_at(scan.declared)],
        "databases": [port for _, port in scan.open_at(scan.database_class)],
        "kinds": sorted({state.state for one in scan.addresses for state in one.states.values()}),
        "xml": 'type="syn"' in scan.addresses[0].runs[0].xml,
    }


def scene(name: str) -> dict[str, object]:
    """Stage one scene and look at it."""
    if name == "answering":
        environment = described(web_ports=[443, 8080], hosts=("web", "db"))
        with listening((WEB, 443), (WEB, 8081), (WEB, 64999), (DATABASE, 5432), (DATABASE, 7777)):
            return {"web": look(environment, "web"), "db": look(environment, "db")}
    if name == "tarpit":
        with listening(*((WEB, port) for port in range(30000, 30150))):
            return {"web": look(described(web_ports=[30000], hosts=("web",)), "web")}
    setattr(ports, "ALL_PORTS", SOME_PORTS)  # noqa: B010 - not exported to anybody but these scenes
    if name == "shut out":
        fall_silent_after_the_first_pass()
        with listening((WEB, 80)):
            return {"web": look(described(web_ports=[80], hosts=("web",)), "web")}
    if name == "silent":
        environment = described(web_ports=[443], hosts=("web", "silent"))
        with listening((WEB, 443)):
            with_control = look(environment, "silent")
        return {"with control": with_control, "without control": look(environment, "silent")}
    if name == "dead route":
        return {"dead": look(described(web_ports=[443], hosts=("dead",)), "dead")}
    raise ValueError(name)


if __name__ == "__main__":
    with network():
        json.dump(scene(sys.argv[1]), sys.stdout)
