"""nmap's version detection as a second opinion on what a port speaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import nmap

from stagehold.network.door import Network

_SECONDS = 60
_PROBED = "10"
"""nmap's confidence in a service that answered a probe; a lower one is looked up by port number."""


@dataclass(frozen=True)
class Opinion:
    """What nmap thinks of one port."""

    service: str
    certain: bool
    """Recognised by an answer, not guessed from the number."""
    words: str


def ask_nmap(network: Network, address: str, ports: Sequence[int]) -> dict[int, Opinion]:
    """Asks nmap about these ports; whatever keeps it from having an opinion is said in words and is no error.

    Raises:
        NotAllowed, DeniedByProduction: the address is not in the allow-list, or is production.
    """
    for port in ports:
        network.dial(address, port)
    arguments = f"-Pn -n -sT --unprivileged -sV --version-light --host-timeout {_SECONDS}s"
    try:
        scanner = nmap.PortScanner()
        scanner.scan(
            hosts=address,
            ports=",".join(map(str, ports)),
            arguments=f"{arguments} -6" if ":" in address else arguments,
            timeout=_SECONDS + 5,
        )
        told = scanner[address]["tcp"] if address in scanner.all_hosts() else {}
    except (nmap.PortScannerError, nmap.PortScannerTimeout, KeyError, ValueError, OSError) as error:
        return {port: Opinion("", certain=False, words=f"nmap has none: {error}") for port in ports}
    return {port: _opinion(told[port]) for port in ports if port in told}


def _opinion(fact: dict[str, str]) -> Opinion:
    product = " ".join(filter(None, (fact.get("product"), fact.get("version"))))
    name = fact.get("name", "")
    certain = fact.get("conf") == _PROBED and name not in {"", "tcpwrapped", "unknown", "ssl"}
    words = f"nmap: {name or 'nothing'}{f' ({product})' if product else ''}, {'answered' if certain else 'guessed'}"
    return Opinion(name, certain, words)
