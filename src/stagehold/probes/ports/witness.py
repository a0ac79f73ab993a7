"""Where somebody else sees a vantage's packets come from: an endpoint of one's own answers with the caller's address.

The kernel knows the address that it puts on a packet, and nothing of what a gateway makes of it afterwards.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from urllib.parse import urlsplit

from stagehold.environment.model import Target, Vantage
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.ports.agents import Agent
from stagehold.probes.web.client import HttpClient

_SECONDS = 10
_MOST = 4096
_ADDRESS = re.compile(r"[0-9A-Fa-f:.]{3,45}")


def require_witness(agent: Agent, vantage: Vantage, network: Network, ca_file: Path | None) -> None:
    """Make sure that the witness sees the vantage where it claims to be; nothing where none is declared.

    Args:
        agent: what stands at the vantage.
        vantage: with `witness` and `egress`.
        network: the door, for requests of this process; elsewhere `curl` asks.
        ca_file: whom this process trusts with https; None for the public store.

    Raises:
        NotAllowed, DeniedByProduction: as for `Network.dial`.
        ProbeError: it sees another address, cannot be asked, or says none.
    """
    if vantage.witness is None or vantage.witness_place is None:
        return
    network.dial(*vantage.witness_place)
    text = _from_here(vantage.witness, network, ca_file) if agent.here else _from_there(agent, vantage.witness)
    seen = address_told(text)
    if seen is None:
        raise ProbeError(f"the witness {vantage.witness} tells no address, or more than one: {text[:80]!r}")
    declared = {str(ipaddress.ip_address(address)) for address in vantage.egress}
    if seen not in declared:
        raise ProbeError(
            f"vantage `{agent.vantage}` is not where it claims to be: {vantage.witness} sees {seen}, declared is "
            f"{', '.join(sorted(declared))}",
            remedy="Run from the declared place, or correct `egress` of the vantage.",
        )


def address_told(text: str) -> str | None:
    """The one address in an answer, plain or in JSON; None where there is none, or more than one."""
    found = set()
    for word in _ADDRESS.findall(text):
        try:
            address = ipaddress.ip_address(word.rstrip(".:") if not word.endswith("::") else word)
        except ValueError:
            continue
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        found.add(str(mapped or address))
    return found.pop() if len(found) == 1 else None


def _from_here(url: str, network: Network, ca_file: Path | None) -> str:
    parts = urlsplit(url)
    client = HttpClient(
        network, Target(name="witness", base_url=f"{parts.scheme}://{parts.netloc}"), ca_file=ca_file, timeout=_SECONDS
    )
    try:
        answer = client.request("GET", url)
    finally:
        client.close()
    if answer.status_code != 200:  # noqa: PLR2004 - anything else is no testimony
        raise ProbeError(f"the witness {url} answers {answer.status_code}")
    return answer.text[:_MOST]


def _from_there(agent: Agent, url: str) -> str:
    ran = agent.run(["curl", "-qsSf", "--noproxy", "*", "--max-time", str(_SECONDS), "--", url], _SECONDS + 10)
    if ran.code != 0:
        raise ProbeError(
            f"the witness {url} cannot be asked from vantage `{agent.vantage}`: "
            f"{(ran.errors.strip() or 'no message')[:200]}",
            remedy="curl must be there, and reach it.",
        )
    return ran.output[:_MOST]
