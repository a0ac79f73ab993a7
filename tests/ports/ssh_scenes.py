"""An SSH server that only the office reaches: `python -P -m tests.ports.ssh_scenes`; the answer is JSON."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from stagehold.environment.model import Environment
from stagehold.network.door import Network
from stagehold.probes.ssh import look
from tests.ports.stage import namespace
from tests.ports.vantage_scenes import TO_OUTSIDE, office, ssh_config, sshd


def described(agent: dict[str, str], port: int = 2200) -> Environment:
    """The office's own SSH server, meant for the office only."""
    ports = [{"port": port, "service": "ssh", "class": "management", "from": ["office"]}]
    return Environment.model_validate(
        {
            "environment": {"id": "x"},
            "targets": [{"name": "web", "base_url": "https://app.test", "addresses": ["192.0.2.7"]}],
            "hosts": [{"name": "bastion", "ipv4": [TO_OUTSIDE], "ports": ports}],
            "vantage": {"external": {}, "office": agent},
        }
    )


def main() -> None:
    """Through a namespace, through ssh, through a namespace to a closed port, and through one that is gone."""
    look._PAUSE = 0.0
    found: dict[str, object] = {}
    with (
        namespace() as hosts,
        office(hosts) as desk,
        tempfile.TemporaryDirectory() as place,
        sshd(Path(place), desk),
    ):
        folder = Path(place)
        (folder / "office.pid").write_text(str(desk))
        config = ssh_config(folder, "right", "known", "user_key")
        over = {"agent": "ssh:office-agent", "ssh_config": config}
        for name, environment in (
            ("namespace", described({"agent": "netns:office.pid"})),
            ("ssh", described(over)),
            ("closed", described({"agent": "netns:office.pid"}, 2201)),
            ("closed over ssh", described(over, 2201)),
            ("gone", described({"agent": "netns:gone.pid"})),
        ):
            server = look.look_at_ssh(Network.build(environment), environment, folder).seen[0]
            found[name] = {
                "vantage": server.vantage,
                "methods": [told.names for told in server.methods],
                "algorithms": len(server.judged),
                "problem": server.problem,
            }
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
