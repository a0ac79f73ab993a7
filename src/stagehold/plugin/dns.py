"""Fixtures of the ports suite for DNS."""

from __future__ import annotations

import pytest

from stagehold.context import LaneContext
from stagehold.network.door import Network
from stagehold.probes.dns.facts import PublicDns
from stagehold.probes.dns.look import look_at_dns
from stagehold.probes.ports.vantage import require_vantage

VANTAGE = "external"


@pytest.fixture(scope="session")
def public_dns(context: LaneContext, network: Network) -> PublicDns:
    """What every declared name server tells the outside of its zones, asked once."""
    environment = context.environment
    require_vantage(VANTAGE, environment.vantage[VANTAGE], context.folder)
    return look_at_dns(network, environment)
