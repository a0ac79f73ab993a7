"""What is seen from other places: `python -P -m tests.ports.vantage_scenes namespace|ssh`; the answer is JSON.

The office is a third namespace with a wire of its own to the hosts: 10.89.0.2, and 10.89.0.1 at the hosts.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from stagehold.environment.model import Environment
from stagehold.errors import StageholdError
from stagehold.network.door import Network
from stagehold.probes.ports import passes
from stagehold.probes.ports.survey import Survey
from tests.ports.stage import PREFIX, StagedHost, environment, namespace, run, staged

OFFICE, HOSTS_LEG, TO_OUTSIDE = "10.89.0.2", "10.89.0.1", "10.90.0.2"
SOME_PORTS = range(1, 9000)


@contextlib.contextmanager
def office(hosts: int) -> Iterator[int]:
    """The office's namespace, with a wire to the hosts and one to the outside vantage."""
    with namespace() as pid:
        run("ip", "link", "add", "leg", "netns", str(hosts), "type", "veth", "peer", "name", "desk", "netns", str(pid))
        run("ip", "addr", "add", f"{HOSTS_LEG}/24", "dev", "leg", inside=hosts)
        run("ip", "link", "set", "leg", "up", inside=hosts)
        run("ip", "addr", "add", f"{OFFICE}/24", "dev", "desk", inside=pid)
        run("ip", "link", "set", "desk", "up", inside=pid)
        run("ip", "route", "add", f"{PREFIX}0/24", "via", HOSTS_LEG, inside=pid)
        run("ip", "link", "add", "door", "type", "veth", "peer", "name", "porch", "netns", str(pid))
        run("ip", "addr", "add", "10.90.0.1/24", "dev", "door")
        run("ip", "link", "set", "door", "up")
        run("ip", "addr", "add", f"{TO_OUTSIDE}/24", "dev", "porch", inside=pid)
        run("ip", "link", "set", "porch", "up", inside=pid)
        try:
            yield pid
        finally:
            run("ip", "link", "del", "door")


def surveyed(described: Environment, folder: Path, *looks: tuple[int, str]) -> list[dict[str, Any]]:
    """What one survey finds on hosts, each from a vantage, or why it finds nothing."""
    survey = Survey(Network.build(described), described, folder)
    found: list[dict[str, Any]] = []
    try:
        for number, vantage in looks or ((10, "office"),):
            host = next(host for host in described.hosts if host.name == f"host{number}")
            try:
                scan = survey.tcp(host, vantage, "46")
            except StageholdError as error:
                found.append({"error": str(error)})
                continue
            found.append(
                {
                    "open": sorted(scan.addresses[0].open),
                    "surplus": [port for _, port in scan.surplus()],
                    "missing": [port for _, port, _ in scan.not_open_at(scan.declared)],
                    "half open": 'type="syn"' in scan.addresses[0].runs[0].xml,
                }
            )
    finally:
        survey.close()
    return found


def described(*hosts: StagedHost, agent: Mapping[str, object], deny: str = "192.0.2.0/24") -> Environment:
    """Two hosts; 5432 and 8443 of the first are meant for the office, the second is not."""
    whole = environment(*hosts, vantage={"external": {}, "office": agent}, deny={"production": {"cidrs": [deny]}})
    ports = [{"port": 8443, "from": ["external", "office"]}, {"port": 5432, "class": "db", "from": ["office"]}]
    document = whole.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    document["hosts"][0]["ports"] = ports
    document["hosts"][1]["ports"] = []
    return Environment.model_validate(document)


def hosts() -> tuple[StagedHost, StagedHost]:
    """An application with a database behind a firewall that lets the office in; one that must show nothing."""
    inner = "tcp dport 5432 iifname inside reject with tcp reset"
    return (
        StagedHost(10, opens=(8443, 5432), declared=(), rules=(inner,)),
        StagedHost(20, opens=(2222,), declared=(), rules=("tcp dport 2222 iifname inside drop",)),
    )


def from_namespace() -> dict[str, object]:
    """The office as a namespace: right, gone, the same as outside, and elsewhere than it says."""
    first, second = hosts()
    with staged(first, second) as pid, office(pid) as desk, tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "office.pid").write_text(str(desk))
        (folder / "own.pid").write_text(str(os.getpid()))
        (folder / "gone.pid").write_text("99999999")
        right = described(first, second, agent={"agent": "netns:office.pid", "egress": [OFFICE]})
        looks = {"application": (10, "office"), "other": (20, "office"), "outside": (10, "external")}
        found: dict[str, object] = dict(zip(looks, surveyed(right, folder, *looks.values()), strict=True))
        for name, agent in (
            ("gone", {"agent": "netns:gone.pid"}),
            ("same", {"agent": "netns:own.pid"}),
            ("elsewhere", {"agent": "netns:office.pid", "egress": ["10.89.0.77"]}),
        ):
            found[name] = surveyed(described(first, second, agent=agent), folder)[0]
        run("nft", "add", "rule", "inet", "stage", "incoming", "iifname", "leg", "drop", inside=pid)
        found["cut off"] = surveyed(right, folder, (20, "office"))[0]
    return found


@contextlib.contextmanager
def sshd(folder: Path, inside: int) -> Iterator[None]:
    """A real sshd in the office, with a key of ours accepted; its own key is in `known`."""
    if os.geteuid() == 0:  # this process has a mount namespace of its own
        run("mount", "-t", "tmpfs", "none", "/run")
        Path("/run/sshd").mkdir()
    for name in ("host_key", "user_key", "stranger_key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name))
    shutil.copy(folder / "user_key.pub", folder / "authorized")
    (folder / "sshd_config").write_text(
        f"Port 2200\nListenAddress {TO_OUTSIDE}\nHostKey {folder}/host_key\n"
        f"AuthorizedKeysFile {folder}/authorized\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n"
        f"PermitRootLogin prohibit-password\nPidFile {folder}/sshd.pid\n"
    )
    for name, key in (("known", "host_key"), ("wrong", "stranger_key")):
        words = (folder / f"{key}.pub").read_text().split()[:2]
        (folder / name).write_text(f"[{TO_OUTSIDE}]:2200 {' '.join(words)}\n")
    (folder / "empty").write_text("")
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    log = (folder / "sshd.log").open("wb")
    server = subprocess.Popen(
        ["nsenter", "-t", str(inside), "--net", "--", program, "-D", "-e", "-f", str(folder / "sshd_config")],
        stdin=subprocess.DEVNULL,
        stderr=log,
    )
    try:
        for _ in range(200):
            if "listening" in (folder / "sshd.log").read_text():
                break
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait(5)
        log.close()


def ssh_config(folder: Path, name: str, known: str, key: str, extra: str = "") -> str:
    """A configuration file for `ssh -F` that knows the office."""
    (folder / name).write_text(
        f"Host office-agent\n HostName {TO_OUTSIDE}\n Port 2200\n IdentityFile {folder}/{key}\n IdentitiesOnly yes\n"
        f" UserKnownHostsFile {folder}/{known}\n GlobalKnownHostsFile /dev/null\n{extra}"
    )
    return name


def over_ssh() -> dict[str, object]:
    """The office as a machine behind ssh: right, with an unknown key, a wrong key, a refused user, and production."""
    first, second = hosts()
    with (
        staged(first, second) as pid,
        office(pid) as desk,
        tempfile.TemporaryDirectory() as place,
        sshd(Path(place), desk),
    ):
        folder = Path(place)
        careless = " StrictHostKeyChecking no\n"
        right = ssh_config(folder, "right", "known", "user_key")
        found: dict[str, object] = {}
        for name, config, deny in (
            ("application", right, "192.0.2.0/24"),
            ("unknown key", ssh_config(folder, "unknown", "empty", "user_key", careless), "192.0.2.0/24"),
            ("another key", ssh_config(folder, "another", "wrong", "user_key", careless), "192.0.2.0/24"),
            ("refused", ssh_config(folder, "refused", "known", "stranger_key"), "192.0.2.0/24"),
            ("production", right, "10.90.0.0/24"),
        ):
            agent: dict[str, object] = {"agent": "ssh:office-agent", "ssh_config": config, "egress": [OFFICE]}
            found[name] = surveyed(described(first, second, agent=agent, deny=deny), folder)[0]
        agent = {"agent": "ssh:office-agent", "ssh_config": right, "egress": ["10.89.0.77"]}
        found["elsewhere"] = surveyed(described(first, second, agent=agent), folder)[0]
        (folder / "authorized").write_text('command="echo hello" ' + (folder / "user_key.pub").read_text())
        agent = {"agent": "ssh:office-agent", "ssh_config": right}
        found["another command"] = surveyed(described(first, second, agent=agent), folder)[0]
    return found


def main() -> None:
    """Stage what is asked for."""
    setattr(passes, "ALL_PORTS", SOME_PORTS)  # noqa: B010 - not exported to anybody but these scenes
    scenes = {"namespace": from_namespace, "ssh": over_ssh}
    json.dump(scenes[sys.argv[1]](), sys.stdout)


if __name__ == "__main__":
    main()
