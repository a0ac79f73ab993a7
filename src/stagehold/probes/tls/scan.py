"""The TLS probe: which versions and suites every address of an endpoint accepts, and the chains it serves.

Measured with sslyze in a process of its own (`worker`) under a deadline. Its two bundled OpenSSL versions
speak SSL 2.0 to TLS 1.3 whatever the system's OpenSSL has disabled, so "refused" is never our own inability;
that at least one version is accepted, before and after, is the positive control.
"""

from __future__ import annotations

import ipaddress
import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from stagehold.environment.model import TlsEndpoint
from stagehold.errors import ProbeError
from stagehold.network.door import Network
from stagehold.probes.starttls.upgrade import through
from stagehold.probes.tls.early_data import look_at_early_data
from stagehold.probes.tls.exchanges import look_at_exchanges
from stagehold.probes.tls.facts import COMMANDS, AddressScan, TlsScan
from stagehold.probes.tls.hello import VERSIONS, client_hello
from stagehold.probes.tls.offers import broken_suite, preferred_version
from stagehold.probes.tls.reading import CERTIFICATES, read_answer
from stagehold.probes.tls.renegotiation import look_at_renegotiation
from stagehold.probes.tls.suites import SOUND
from stagehold.probes.tls.weaknesses import look_at_weaknesses

WORKER = Path(__file__).with_name("worker.py")
DEADLINE = 120.0
"""Seconds for one address; a healthy server takes well under one."""
CONNECTION_TIMEOUT = 5
"""Seconds sslyze waits for any one answer."""


def scan_endpoint(
    network: Network,
    endpoint: TlsEndpoint,
    *,
    deadline: float = DEADLINE,
    turn: Callable[[str], AbstractContextManager[object]] = nullcontext,
) -> TlsScan:
    """Scan every pinned address of the endpoint.

    Args:
        network: the door.
        endpoint: what to scan.
        deadline: seconds for one address.
        turn: what to hold while an address is scanned.

    Raises:
        NotAllowed: the endpoint is not in the allow-list, is production, or shows a denied key.
        ProbeError: the name did not resolve, or a declared address is not among the pinned ones. What goes
            wrong with one address stays with that address in the result.
    """
    network.check_name(endpoint.name)
    network.dial(endpoint.host, endpoint.port)
    addresses = network.addresses(endpoint.host)
    if missing := set(endpoint.addresses) - set(addresses):
        raise ProbeError(f"{endpoint.host}: the declared addresses {sorted(missing)} are not pinned")
    with ThreadPoolExecutor(max_workers=2) as pool:
        scans = pool.map(lambda address: _in_turn(network, endpoint, address, deadline, turn(address)), addresses)
        result = TlsScan(endpoint, tuple(scans))
    for scan in result.addresses:
        for chain in scan.chains:
            network.check_certificate(chain.leaf.public_bytes(Encoding.DER))
    return result


def _in_turn(
    network: Network, endpoint: TlsEndpoint, address: str, deadline: float, turn: AbstractContextManager[object]
) -> AddressScan:
    with turn:
        return _scan_address(network, endpoint, address, deadline)


def _scan_address(network: Network, endpoint: TlsEndpoint, address: str, deadline: float) -> AddressScan:
    door = through(network, endpoint.starttls)
    try:
        _require_voice(door, endpoint, address, min(deadline, CONNECTION_TIMEOUT))
        answer, raw = _run_worker(endpoint, address, deadline)
        found = read_answer(address, answer, raw)
        return found if found.problem else _looked_at_by_hand(door, endpoint, found)
    except ProbeError as error:
        return AddressScan(address, problem=str(error))


def _require_voice(network: Network, endpoint: TlsEndpoint, address: str, seconds: float) -> None:
    """Tells "refused", "no route" and silence from TLS trouble, in words and soon: sslyze would wait many times."""
    for versions in (("TLS 1.3", "TLS 1.2"), ("TLS 1.2",)):
        with network.connect(endpoint.host, endpoint.port, seconds=seconds, address=address) as connection:
            try:
                connection.sendall(client_hello(endpoint.name, versions, SOUND))
                connection.recv(1)
            except TimeoutError:
                continue
            except OSError:
                pass
            # Whatever it is, the scan tells what it means.
            return
    raise ProbeError(f"port {endpoint.port} accepts connections, and nothing is answered to the first message of TLS")


def _looked_at_by_hand(network: Network, endpoint: TlsEndpoint, scan: AddressScan) -> AddressScan:
    """The scan with what sslyze does not tell: broken suites that it lacks, the version agreed on, key exchanges."""
    place = (endpoint.host, endpoint.port, scan.address)
    choices, gaps, negotiated = {}, [], ""
    spoken = [version for version in VERSIONS if scan.versions[version].accepted]
    for version in spoken:
        try:
            choices[version] = broken_suite(network, place, endpoint.name, version, seconds=CONNECTION_TIMEOUT)
        except ProbeError as error:
            gaps.append(str(error))
    try:
        negotiated = preferred_version(network, place, endpoint.name, seconds=CONNECTION_TIMEOUT)
        if not negotiated and {"TLS 1.2", "TLS 1.3"}.intersection(spoken):
            gaps.append(f"{scan.address}: after the scan the server declined an offer of TLS 1.2 and TLS 1.3")
    except ProbeError as error:
        gaps.append(str(error))
    modern = [version for version in ("TLS 1.2", "TLS 1.3") if version in spoken]
    exchanges = look_at_exchanges(network, place, endpoint.name, modern, seconds=CONNECTION_TIMEOUT)
    renegotiation = None
    if "TLS 1.2" in spoken:
        greets = endpoint.protocol in {"smtp", "imap"}
        renegotiation = look_at_renegotiation(network, place, endpoint.name, seconds=CONNECTION_TIMEOUT, greets=greets)
    early_data = None
    if "TLS 1.3" in spoken:
        early_data = look_at_early_data(
            network, place, endpoint.name, seconds=CONNECTION_TIMEOUT, service=endpoint.service
        )
    return replace(
        scan,
        broken_choices=choices,
        negotiated=negotiated,
        gaps=tuple(gaps),
        exchanges=exchanges,
        renegotiation=renegotiation,
        early_data=early_data,
        weaknesses=look_at_weaknesses(network, place, endpoint.name, spoken, seconds=CONNECTION_TIMEOUT),
    )


def _run_worker(endpoint: TlsEndpoint, address: str, deadline: float) -> tuple[dict[str, Any], str]:
    request = {
        "hostname": endpoint.name,
        "port": endpoint.port,
        "address": address,
        # sslyze judges names by what it is given here; for a literal address it expects exactly that address.
        "sni": address if _is_address(endpoint.name) else endpoint.name,
        "commands": [*COMMANDS.values(), CERTIFICATES],
        "timeout": CONNECTION_TIMEOUT,
        "starttls": endpoint.starttls,
    }
    # -P: the worker's folder holds modules named like those of the standard library.
    command = [sys.executable, "-I", str(WORKER)]
    try:
        done = subprocess.run(
            command, input=json.dumps(request), capture_output=True, text=True, timeout=deadline, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ProbeError(f"the TLS scan did not finish within {deadline:g} s") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise ProbeError(f"the TLS scan broke off (exit {done.returncode}): {last}")
    try:
        answer: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        raise ProbeError(f"the TLS scan's answer cannot be read: {error}") from error
    return answer, done.stdout


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
