"""The port probe: every TCP port of a host's addresses, seen from one vantage, with guards against blindness.

A port scan proves absence, so each way in which it can be blind is looked for, and when found a ProbeError:

- nmap must account for all 65,535 ports (`nmap_runs`);
- a lost packet looks like a filter, and so does a refusal that a limit kept back (`passes`);
- each open port must accept a plain connection of our own afterwards, which also shows that nobody shut the
  scanner out half-way; a host without open ports must still answer (a reset is an answer) after the scan;
- a host that is silent on every port although something should be reachable there is a dead route. One that
  declares nothing for this vantage is allowed to be silent (that is what a firewall before a database looks
  like), provided another declared host answers this vantage at that very time;
- something that answers for everybody, before, during or after the scan; a vantage that is somewhere else; on
  loopback, a port that is also open on an address nobody declared (`lies`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from stagehold.environment.model import Environment, Host
from stagehold.errors import ProbeError
from stagehold.model import Traffic
from stagehold.network.door import Network
from stagehold.probes.ports.agents import HERE, Agent
from stagehold.probes.ports.budget import PacketBudget
from stagehold.probes.ports.facts import AddressPorts, PortScan, declared_ports
from stagehold.probes.ports.lies import (
    SAMPLE,
    answering_share,
    refuse_interference,
    refuse_late_answers,
    refuse_unconfirmed,
    refuse_wrong_place,
    tarpit,
)
from stagehold.probes.ports.nmap_runs import PortState, run_nmap, unreachable
from stagehold.probes.ports.passes import ask_all, merged
from stagehold.probes.ports.touch import Touch, touch
from stagehold.probes.ports.vantage import may_use_raw_sockets

_CONTROL_SECONDS = 60
SAMPLE_RATE = 500
"""Packets a second for the first look from another vantage; slow enough for what limits its refusals to show it."""


def scan_host(
    network: Network,
    environment: Environment,
    host: Host,
    *,
    addresses: Sequence[str] | None = None,
    vantage: str = "external",
    agent: Agent = HERE,
    budget: PacketBudget | None = None,
    deadline: float = 300.0,
    say: Callable[[str], None] = lambda _: None,
) -> PortScan:
    """Scan all TCP ports of addresses of a host: each may be filtered differently.

    Args:
        network: must allow the host's addresses and intrusive traffic.
        environment: names the other hosts that serve as control of the vantage.
        host: what is scanned.
        addresses: those of its addresses to scan; default: all, IPv6 included.
        vantage: whose declarations count; the agent must already look from there.
        agent: where nmap is started.
        budget: of packets, shared with other scans; default: the environment's, for this host alone.
        deadline: seconds for each address.
        say: takes what a person who waits may read.

    Raises:
        NotAllowed: not declared, denied as production, or no consent to intrusive traffic.
        ProbeError: see the module.
    """
    network.require(Traffic.INTRUSIVE)
    started = time.monotonic()
    shared = budget or PacketBudget(environment.policy.max_packets_per_second)
    look = _Look(network, environment, host, vantage, agent, shared, deadline, say)
    found = []
    for address in (*host.ipv4, *host.ipv6) if addresses is None else addresses:
        if address not in network.addresses(address):
            raise ProbeError(f"{address} is not what the network would dial for it")
        found.append(look.at(address))
    return PortScan(host, vantage, tuple(found), time.monotonic() - started)


class _Look:
    """Looks at one address after the other of one host."""

    def __init__(
        self,
        network: Network,
        environment: Environment,
        host: Host,
        vantage: str,
        agent: Agent,
        budget: PacketBudget,
        deadline: float,
        say: Callable[[str], None],
    ) -> None:
        self.network, self.environment, self.host, self.vantage = network, environment, host, vantage
        self.agent, self.budget, self.deadline, self.say = agent, budget, deadline, say
        self.declared = declared_ports(host, vantage)

    def at(self, address: str) -> AddressPorts:
        end = time.monotonic() + self.deadline
        described = self.environment.vantage.get(self.vantage)
        # A gateway may give packets of IPv4 another source than the kernel does; then a witness tells.
        translated = described is not None and described.witness is not None and ":" not in address
        refuse_wrong_place(self.agent, described.egress if described and not translated else (), address)
        raw = may_use_raw_sockets() if self.agent.here else self.agent.may_scan_half_open()
        here = self.agent.here
        answering = answering_share(address, self.declared) if here else self._answering_share(address, raw=raw)
        runs = ask_all(
            address,
            agent=self.agent,
            raw=raw,
            end=end,
            budget=self.budget,
            answering=answering,
            say=lambda words: self.say(f"{self.host.name} from {self.vantage}: {words}"),
        )
        states = merged(runs)
        opens = {port for port, state in states.items() if state.state == "open"}
        if problem := tarpit(address, opens - self.declared):
            raise ProbeError(problem)
        self._require_alive(address, states)
        if self.agent.here:
            refuse_unconfirmed(address, opens)
            refuse_late_answers(address, states)
            refuse_interference(self.host, address, opens - self.declared, self.environment)
        elif lost := opens - self._accepting(address, opens):
            ports = ", ".join(map(str, sorted(lost)))
            raise ProbeError(f"{address} port {ports} was open for nmap and refused a plain connection afterwards")
        return AddressPorts(address, states, frozenset(opens), tuple(runs))

    def _answering_share(self, address: str, *, raw: bool) -> float:
        """How many of some ports, chosen at random, answer the vantage at all (0 to 1)."""
        ports = random.sample(range(1, 65536), SAMPLE)
        with self.budget.lease() as lease:
            rate = min(lease, SAMPLE_RATE)
            run = run_nmap(
                address, ports, raw=raw, seconds=_CONTROL_SECONDS, min_rate=rate, max_rate=lease, agent=self.agent
            )
        return 1 - len(run.in_state("filtered")) / SAMPLE

    def _require_alive(self, address: str, states: Mapping[int, PortState]) -> None:
        if reasons := unreachable(states):
            raise ProbeError(f"the network says that {address} is unreachable ({reasons})")
        answered = [port for port, state in states.items() if state.state == "open"] or [
            port for port, state in states.items() if state.state == "closed"
        ]
        if answered:
            if not self._answers(address, answered[:3]):
                raise ProbeError(
                    f"{address} stopped answering during the scan: something shut the scanner out",
                    remedy="Let the scanner's address pass the intrusion prevention system, then run again.",
                )
            return
        if self.declared:
            raise ProbeError(
                f"{address} answers on no port at all, not even a declared one: a dead route or a dead host"
            )
        if not self._vantage_works(address):
            raise ProbeError(
                f"{address} answers on no port, and no other declared host answers this vantage either: "
                "silence proves nothing here"
            )

    def _vantage_works(self, silent: str) -> bool:
        """Whether another host answers over the same version of IP: a route for one says nothing of the other."""
        return any(
            bool(self._accepting(address, declared_ports(other, self.vantage)))
            for other in self.environment.hosts
            if other.name != self.host.name
            for address in (other.ipv6 if ":" in silent else other.ipv4)
        )

    def _answers(self, address: str, ports: Sequence[int]) -> bool:
        """Whether any of the ports answers now, be it by refusing; a second try, since one packet may be lost."""
        if not self.agent.here:
            return any(state.state != "filtered" for state in self._connects(address, ports).values())
        return any(
            took is not Touch.SILENT for seconds in (2.0, 4.0) for took in touch(address, ports, seconds).values()
        )

    def _accepting(self, address: str, ports: Iterable[int]) -> set[int]:
        """Those of the ports that accept a plain connection from the vantage."""
        wanted = sorted(ports)
        if not wanted:
            return set()
        self.network.addresses(address)
        if not self.agent.here:
            return {port for port, state in self._connects(address, wanted).items() if state.state == "open"}
        for seconds in (2.0, 4.0):
            if accepted := {p for p, took in touch(address, wanted, seconds).items() if took is Touch.ACCEPTED}:
                return accepted
        return set()

    def _connects(self, address: str, ports: Sequence[int]) -> Mapping[int, PortState]:
        return run_nmap(address, ports, raw=False, seconds=_CONTROL_SECONDS, agent=self.agent).ports
