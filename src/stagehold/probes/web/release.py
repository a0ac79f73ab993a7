"""Which build the nodes of a target say they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import requests

from stagehold.command_lines import curl
from stagehold.environment.model import Environment, VersionProbe
from stagehold.errors import ProbeError, Uncovered
from stagehold.network.door import Network
from stagehold.probes.web.client import HttpClient
from stagehold.probes.web.fill import point


@dataclass(frozen=True)
class BuildSample:
    """One answer of one node."""

    number: int
    node: str
    digest: str
    url: str = ""

    @property
    def reproduction(self) -> str:
        """A command line that asks the same node."""
        return curl(self.url, address=self.node)


def sample_builds(
    environment: Environment, network: Network, connect: Callable[..., HttpClient]
) -> tuple[BuildSample, ...]:
    """Ask every pinned address of the version probe's target, `samples` times each, on fresh connections.

    Fresh connections, so that a load balancer behind one address gets the chance to choose another node.

    Raises:
        Uncovered: no version probe is declared.
        ProbeError: a node does not answer, or its answer does not tell a build.
    """
    probe = environment.release.version_probe
    if probe is None:
        raise Uncovered("needs `release.version_probe` in the environment")
    target = environment.target(probe.target)
    samples: list[BuildSample] = []
    for node in network.addresses(target.host):
        for _ in range(probe.samples):
            client = connect(target, address=node)
            try:
                response = client.request("GET", probe.path)
            finally:
                client.close()
            samples.append(BuildSample(len(samples) + 1, node, told_build(response, probe), client.url(probe.path)))
    return tuple(samples)


def told_build(response: requests.Response, probe: VersionProbe) -> str:
    """The build that a version answer tells (ProbeError when it tells none)."""
    where = f"{probe.path} of target {probe.target}"
    if response.status_code != requests.codes.ok:
        raise ProbeError(f"{where} answered {response.status_code}, so the build cannot be told")
    told: object = response.headers.get(probe.header) if probe.header is not None else None
    if probe.field is not None:
        try:
            told = point(response.json(), probe.field)
        except ValueError as error:
            raise ProbeError(f"{where} is not JSON, so the build cannot be told") from error
    if not isinstance(told, str) or not told.strip():
        raise ProbeError(f"{where} does not hold {probe.field or probe.header}, so the build cannot be told")
    return told.strip()
