"""What must hold before a check can say anything: tools, names, reachable targets. A failure is INCONCLUSIVE."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Sequence

from stagehold.environment.model import Environment
from stagehold.errors import ConfigError, StageholdError
from stagehold.model import Problem
from stagehold.network.door import Network
from stagehold.surroundings import REFUSED_VARIABLES
from stagehold.tools import Found, how_to_get

_CONNECT_TIMEOUT = 5.0


def refuse_variables() -> None:
    """Refuse a surrounding that tries to steer pytest or Allure.

    Raises:
        ConfigError: naming the variables.
    """
    present = [name for name in REFUSED_VARIABLES if os.environ.get(name)]
    if present:
        raise ConfigError(
            f"{', '.join(present)} is set; it could deselect checks, so the gate refuses to run",
            remedy=f"unset {' '.join(present)}",
        )


def missing_tools(found: Sequence[Found], suites: Collection[str]) -> list[Problem]:
    """A problem for every tool that one of the suites, or the report, cannot do without."""
    needed = [f for f in found if f.problem and (not f.tool.suites or set(f.tool.suites) & set(suites))]
    return [
        Problem(
            what=f"{f.tool.name} is missing ({f.tool.purpose}): {f.problem}",
            remedy="; ".join(how_to_get([f])),
        )
        for f in needed
    ]


def unreachable_targets(environment: Environment, network: Network) -> list[Problem]:
    """A problem for every target whose address is unknown, refused, denied or silent."""
    problems = []
    for target in environment.targets:
        for name in target.names:
            try:
                address = network.dial(name, target.port)
                socket.create_connection((address, target.port), timeout=_CONNECT_TIMEOUT).close()
            except (OSError, StageholdError) as error:
                reason = str(error) or type(error).__name__
                problems.append(
                    Problem(
                        what=f"target {target.name} ({name}:{target.port}) cannot be reached: {reason}",
                        remedy="Is the environment up, and may this machine reach it?",
                    )
                )
    return problems
