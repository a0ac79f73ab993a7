"""All scans of a run: hosts side by side within one packet budget, each measured once, whoever asks first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from stagehold.environment.model import Environment, Host, Vantage
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.ports.agents import HERE, Agent, agent_of
from stagehold.probes.ports.budget import AT_ONCE, PacketBudget
from stagehold.probes.ports.facts import OUTSIDE as EXTERNAL
from stagehold.probes.ports.facts import PortScan
from stagehold.probes.ports.scan import scan_host
from stagehold.probes.ports.udp import UdpScan, scan_udp
from stagehold.probes.ports.vantage import require_vantage
from stagehold.probes.ports.witness import require_witness

Key = tuple[str, str, str]
"""Vantage, IP version (`4`, `6` or `46`), host."""


class Survey:
    """Scans hosts when the first of them is asked for, and keeps what was seen. Close it."""

    def __init__(
        self, network: Network, environment: Environment, folder: Path, say: Callable[[str], None] = lambda _: None
    ) -> None:
        """Nothing is sent yet.

        Args:
            network: the door.
            environment: whose hosts and vantages they are.
            folder: what the environment's files are relative to.
            say: takes what a person who waits may read; called from several threads.
        """
        self._network, self._environment, self._folder, self._say = network, environment, folder, say
        self._budget = PacketBudget(environment.policy.max_packets_per_second, hosts=0)
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="ports")
        self._scans: dict[Key, Future[PortScan]] = {}
        self._lock = threading.Lock()
        self._witnessed: set[str] = set()
        self._witnesses = threading.Lock()

    def tcp(self, host: Host, vantage: str = EXTERNAL, version: str = "4") -> PortScan:
        """Every TCP port of the host's addresses of an IP version; all hosts of that vantage are begun with it.

        Raises:
            ProbeError, NotAllowed: as for `scan_host`, `require_vantage` and `agent_of`, each time it is asked.
        """
        agent = self.agent(vantage)
        with self._lock:
            key = (vantage, version, host.name)
            if key not in self._scans:
                hosts = [one for one in self._environment.hosts if addresses_of(one, version)]
                # The one that is waited for comes first.
                hosts.sort(key=lambda one: one.name != host.name)
                self._budget.expect(len(hosts))
                for one in hosts:
                    self._scans[vantage, version, one.name] = self._pool.submit(self._scan, one, agent, version)
        return self._scans[key].result()

    def udp(self, host: Host, addresses: Iterable[str]) -> UdpScan:
        """The UDP ports of a host as seen from outside (errors as for `scan_udp`)."""
        return scan_udp(
            self._network,
            self._environment,
            host,
            addresses=tuple(addresses),
            vantage=EXTERNAL,
            agent=self.agent(EXTERNAL),
            budget=self._budget,
            say=self._say,
        )

    def agent(self, vantage: str) -> Agent:
        """Where nmap is started for a vantage.

        Raises:
            ProbeError: it cannot be reached, or is no other place than the outside vantage.
        """
        described = self._environment.vantage[vantage]
        if vantage == EXTERNAL:
            require_vantage(vantage, described, self._folder)
            self._require_witness(HERE, described)
            return HERE
        agent = agent_of(vantage, described, self._folder, self._network)
        if agent.here:
            raise ProbeError(
                f"the vantage `{vantage}` is the same place as `{EXTERNAL}`: what is seen from one is seen from both",
                remedy="Name the agent of the other place: `netns:FILE` or `ssh:NAME`.",
            )
        self._require_witness(agent, described)
        return agent

    def _require_witness(self, agent: Agent, described: Vantage) -> None:
        """Asked once for each vantage; what it says holds for the run."""
        with self._witnesses:
            if agent.vantage not in self._witnessed:
                trust = self._environment.tls.trust.ca_file
                require_witness(agent, described, self._network, self._folder / trust if trust else None)
                self._witnessed.add(agent.vantage)

    def complete(self, vantages: Iterable[str]) -> tuple[PortScan, ...]:
        """What was seen from the vantages; nothing unless every host was scanned to the end from each."""
        wanted = [
            (vantage, version, host.name)
            for vantage in vantages
            for version in (("4", "6") if vantage == EXTERNAL else ("46",))
            for host in self._environment.hosts
            if addresses_of(host, version)
        ]
        done = [self._scans.get(key) for key in wanted]
        if not done or not all(scan is not None and scan.done() and scan.exception() is None for scan in done):
            return ()
        return tuple(scan.result() for scan in done if scan is not None)

    def close(self) -> None:
        """Begin nothing any more and wait for what goes on."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _scan(self, host: Host, agent: Agent, version: str) -> PortScan:
        try:
            return scan_host(
                self._network,
                self._environment,
                host,
                addresses=addresses_of(host, version),
                vantage=agent.vantage,
                agent=agent,
                budget=self._budget,
                say=self._say,
            )
        finally:
            self._budget.done()


def addresses_of(host: Host, version: str) -> tuple[str, ...]:
    """The host's addresses of `4`, `6` or `46`."""
    return (*(host.ipv4 if "4" in version else ()), *(host.ipv6 if "6" in version else ()))
