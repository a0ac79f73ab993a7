"""Fixtures of the ports suite for SSH."""

from __future__ import annotations

import pytest

from stagehold.context import LaneContext
from stagehold.network.door import Network
from stagehold.probes.ssh.look import SshServers, look_at_ssh


@pytest.fixture(scope="session")
def ssh_servers(context: LaneContext, network: Network) -> SshServers:
    """Every declared SSH server, looked at once."""
    return look_at_ssh(network, context.environment, context.folder)
