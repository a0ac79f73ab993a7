"""What a TLS scan has observed, frozen; asked for something that is not known, it says so. Pure: no network."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from cryptography import x509

from stagehold.command_lines import nmap, s_client
from stagehold.environment.model import TlsEndpoint
from stagehold.errors import ProbeError
from stagehold.probes.tls.early_data import EarlyData, early_data_problems
from stagehold.probes.tls.exchanges import EndpointExchanges, KeyExchanges
from stagehold.probes.tls.malformed import Finding
from stagehold.probes.tls.renegotiation import Renegotiation, renegotiation_problems
from stagehold.probes.tls.weaknesses import NEEDED, WEAKNESSES, EndpointWeaknesses

COMMANDS: dict[str, str] = {
    "SSL 2.0": "ssl_2_0_cipher_suites",
    "SSL 3.0": "ssl_3_0_cipher_suites",
    "TLS 1.0": "tls_1_0_cipher_suites",
    "TLS 1.1": "tls_1_1_cipher_suites",
    "TLS 1.2": "tls_1_2_cipher_suites",
    "TLS 1.3": "tls_1_3_cipher_suites",
}
"""Protocol version to sslyze's scan command, oldest first."""
_SCRIPTS = {"SSL 2.0": "sslv2", "SSL 3.0": "ssl-enum-ciphers"}
"""Scripts of nmap that speak versions OpenSSL does not."""


@dataclass(frozen=True)
class VersionFact:
    """One version at one address: suites accepted, or why that is not known."""

    version: str
    accepted: tuple[str, ...] = ()
    refused: int = 0
    unanswered: int = 0
    """Suites of an accepted version of which it is not known, because the handshake was never answered."""
    problem: str = ""


@dataclass(frozen=True)
class ServedChain:
    """Certificates as one kind of client was sent them, leaf first, in the order served."""

    address: str
    certificates: tuple[x509.Certificate, ...]
    pem: str
    staple: bytes = b""
    """The OCSP answer stapled to it, DER; empty: none was sent."""

    @property
    def leaf(self) -> x509.Certificate:
        """The certificate of the server itself."""
        return self.certificates[0]

    @property
    def issuers(self) -> tuple[x509.Certificate, ...]:
        """Everything served beside the leaf."""
        return self.certificates[1:]


@dataclass(frozen=True)
class AddressScan:
    """One address of the endpoint. `problem` says why nothing of it is known."""

    address: str
    versions: Mapping[str, VersionFact] = field(default_factory=dict)
    chains: tuple[ServedChain, ...] = ()
    chain_problem: str = ""
    client_certificate: str = ""
    """`DISABLED`, `OPTIONAL` or `REQUIRED`."""
    broken_choices: Mapping[str, str] = field(default_factory=dict)
    """What was chosen by version when nothing but broken suites were offered (see `suites.BROKEN`)."""
    negotiated: str = ""
    """The version agreed on with a client that offers TLS 1.2 and TLS 1.3."""
    gaps: tuple[str, ...] = ()
    """Why choices or the negotiated version are not known, in words."""
    exchanges: KeyExchanges | None = None
    """None: not looked at."""
    renegotiation: Renegotiation | None = None
    """None: not looked at, or TLS 1.2 is not spoken."""
    early_data: EarlyData | None = None
    """None: not looked at, or TLS 1.3 is not spoken."""
    weaknesses: Mapping[str, Finding] = field(default_factory=dict)
    """By name (`weaknesses.WEAKNESSES`); empty: not looked at."""
    tool: str = ""
    problem: str = ""
    raw: str = ""
    """The worker's answer, JSON."""


@dataclass(frozen=True)
class TlsScan:
    """One endpoint, at every address it has; anything unknown is a ProbeError when asked for."""

    endpoint: TlsEndpoint
    addresses: tuple[AddressScan, ...]

    def __str__(self) -> str:
        return self.endpoint.label

    @property
    def tool(self) -> str:
        """Name and version of what measured."""
        return next((scan.tool for scan in self.addresses if scan.tool), "")

    @property
    def address(self) -> str:
        """The first address."""
        return self.addresses[0].address if self.addresses else self.endpoint.host

    @property
    def dialled(self) -> str:
        """Where to connect to for a look of one's own: the first address and the port."""
        address = self.address
        return f"[{address}]:{self.endpoint.port}" if ":" in address else f"{address}:{self.endpoint.port}"

    @property
    def s_client(self) -> str:
        """The command that looks at the same with OpenSSL; options may follow."""
        return s_client(self.address, self.endpoint.port, self.endpoint.name, self.endpoint.starttls)

    def sslyze(self, option: str) -> str:
        """The command by which sslyze looks at the same; it comes with stagehold."""
        upgrade = f" --starttls {self.endpoint.starttls}" if self.endpoint.starttls else ""
        return f"sslyze {option} --sni {shlex.quote(self.endpoint.name)}{upgrade} {self.dialled}"

    def offer(self, version: str) -> str:
        """The command that offers one version where it is accepted; OpenSSL is built without the oldest two."""
        at = next((one.address for one in self.addresses if _takes(one, version)), self.address)
        if version in _SCRIPTS:
            return nmap(at, [self.endpoint.port], "--script", _SCRIPTS[version])
        option = f"-{version.replace('TLS ', 'tls').replace('.', '_')}".removesuffix("_0")
        shown = s_client(at, self.endpoint.port, self.endpoint.name, self.endpoint.starttls)
        return f"{shown} {option} -cipher ALL:@SECLEVEL=0 </dev/null"

    def nmap_script(self, script: str) -> str:
        """The command by which a script of nmap looks at the same."""
        return nmap(self.address, [self.endpoint.port], "--script", script)

    def raw(self, version: str) -> dict[str, object]:
        """What sslyze said of one version, by address; JSON."""
        found: dict[str, object] = {}
        for scan in self.addresses:
            answer = json.loads(scan.raw) if scan.raw else {}
            results = (answer.get("scan") or {}).get("scan_result") or {}
            found[scan.address] = {
                "tool": scan.tool,
                "problem": scan.problem,
                "control": answer.get("control"),
                COMMANDS[version]: results.get(COMMANDS[version]),
            }
        return found

    def accepts(self, version: str) -> bool:
        """Whether any address completes a handshake of this version, such as `TLS 1.1`.

        Raises:
            ProbeError: none was seen to, and of at least one address it is not known.
        """
        if self.accepting(version):
            return True
        unknown = [
            f"{scan.address}: {scan.problem or scan.versions[version].problem}"
            for scan in self.addresses
            if scan.problem or scan.versions[version].problem
        ]
        if unknown or not self.addresses:
            raise ProbeError(f"{self}: whether {version} is accepted is not known ({'; '.join(unknown)})")
        return False

    def refusing(self, version: str) -> tuple[str, ...]:
        """The addresses that were seen to refuse this version."""
        return tuple(
            scan.address
            for scan in self.addresses
            if not (scan.problem or scan.versions[version].problem or scan.versions[version].accepted)
        )

    def negotiated(self) -> tuple[tuple[str, str], ...]:
        """Address and the version agreed on with a client that offers TLS 1.2 and TLS 1.3."""
        return tuple((scan.address, scan.negotiated or scan.problem or "not known") for scan in self.addresses)

    def not_preferring_tls13(self) -> tuple[str, ...]:
        """Where TLS 1.3 is refused, or not agreed on though it is offered; in words.

        Raises:
            ProbeError: nowhere, and of at least one address it is not known.
        """
        # What sslyze cannot speak, such as hybrid groups, a ClientHello of our own can still offer.
        agreeing = {scan.address for scan in self.addresses if scan.negotiated == "TLS 1.3"}
        refusing = [address for address in self.refusing("TLS 1.3") if address not in agreeing]
        found = [f"{address} refuses TLS 1.3" for address in refusing]
        found += [
            f"{scan.address} agrees on {scan.negotiated} with a client that offers both"
            for scan in self.addresses
            if scan.negotiated not in {"", "TLS 1.3"} and scan.address not in refusing
        ]
        unknown = [] if self.addresses else [f"{self}: no address was looked at"]
        for scan in self.addresses:
            if scan.problem:
                unknown.append(f"{scan.address}: {scan.problem}")
            elif scan.negotiated != "TLS 1.3" and scan.versions["TLS 1.3"].problem:
                unknown.append(f"{scan.address}: {scan.versions['TLS 1.3'].problem}")
            elif not scan.negotiated:
                unknown += scan.gaps or [f"{scan.address}: the version agreed on is not known"]
        if unknown and not found:
            raise ProbeError(f"{self}: whether TLS 1.3 is preferred is not known ({'; '.join(unknown)})")
        return tuple(found)

    @property
    def exchanges(self) -> EndpointExchanges:
        """The key exchanges that are accepted.

        Raises:
            ProbeError: at least one address was not looked at.
        """
        found = {}
        for scan in self.addresses:
            if scan.problem or scan.exchanges is None:
                raise ProbeError(f"{self} at {scan.address}: {scan.problem or 'key exchanges were not looked at'}")
            found[scan.address] = scan.exchanges
        return EndpointExchanges(found)

    def early_data(self) -> dict[str, EarlyData]:
        """What every address that speaks TLS 1.3, or may speak it, does with early data."""
        found = {} if self.addresses else {str(self): EarlyData(problem="no address was looked at")}
        for scan in self.addresses:
            if scan.problem or scan.versions["TLS 1.3"].problem:
                found[scan.address] = EarlyData(problem=scan.problem or scan.versions["TLS 1.3"].problem)
            elif scan.versions["TLS 1.3"].accepted or scan.negotiated == "TLS 1.3":
                found[scan.address] = scan.early_data or EarlyData(problem="it was not looked at")
        return found

    def early_data_problems(self) -> tuple[str, ...]:
        """Where early data is taken that must not be; errors as for `early_data.early_data_problems`."""
        demanding = [scan.address for scan in self.addresses if scan.client_certificate == "REQUIRED"]
        return early_data_problems(self.early_data(), demanding)

    @property
    def weaknesses(self) -> EndpointWeaknesses:
        """Which weaknesses every address has; not known where a version may be spoken that was not looked at."""
        return EndpointWeaknesses({scan.address: _weaknesses(scan) for scan in self.addresses})

    def renegotiation_problems(self) -> tuple[str, ...]:
        """Where TLS 1.2 renegotiates insecurely, or at the wish of a client; in words.

        Raises:
            NotApplicable, Uncovered: see `renegotiation.renegotiation_problems`.
            ProbeError: nothing was found, and of some address it is not known.
        """
        known = {} if self.addresses else {str(self): Renegotiation(problem="no address was looked at")}
        for scan in self.addresses:
            if scan.problem or scan.versions["TLS 1.2"].problem:
                known[scan.address] = Renegotiation(problem=scan.problem or scan.versions["TLS 1.2"].problem)
            elif scan.versions["TLS 1.2"].accepted:
                known[scan.address] = scan.renegotiation or Renegotiation(problem="it was not looked at")
        demanding = [scan.address for scan in self.addresses if scan.client_certificate == "REQUIRED"]
        return renegotiation_problems(known, demanding)

    def suites(self, version: str) -> tuple[tuple[str, str], ...]:
        """Address and IANA name of every suite of this version that was accepted."""
        return tuple(
            (scan.address, suite)
            for scan in self.addresses
            if not scan.problem
            for suite in scan.versions[version].accepted
        )

    def unknown(self, versions: Iterable[str]) -> tuple[str, ...]:
        """What is not known of these versions and their suites, in words."""
        found = [] if self.addresses else [f"{self}: no address was looked at"]
        for scan in self.addresses:
            if scan.problem:
                found.append(f"{scan.address}: {scan.problem}")
                continue
            for version in versions:
                fact = scan.versions[version]
                if fact.problem:
                    found.append(f"{scan.address}: {version}: {fact.problem}")
                elif fact.unanswered:
                    found.append(f"{scan.address}: {version}: {fact.unanswered} handshakes were never answered")
        return tuple(found)

    def accepting(self, version: str) -> tuple[str, ...]:
        """The addresses that were seen to accept this version."""
        return tuple(scan.address for scan in self.addresses if not scan.problem and scan.versions[version].accepted)

    def accepted_suites(self) -> tuple[tuple[str, str, str, str], ...]:
        """Rows of address, version, answer (`accepted`, `refused`, `unknown`), suite or reason."""
        rows: list[tuple[str, str, str, str]] = []
        for scan in self.addresses:
            if scan.problem:
                rows.append((scan.address, "any", "unknown", scan.problem))
                continue
            for fact in scan.versions.values():
                rows.extend((scan.address, fact.version, "accepted", suite) for suite in fact.accepted)
                if fact.problem:
                    rows.append((scan.address, fact.version, "unknown", fact.problem))
                elif not fact.accepted:
                    rows.append((scan.address, fact.version, "refused", f"all {fact.refused} suites offered"))
        return tuple(rows)

    @property
    def chains(self) -> tuple[ServedChain, ...]:
        """Every distinct chain that any address served to clients that sent the endpoint's name.

        Raises:
            ProbeError: at least one address showed no certificate.
        """
        for scan in self.addresses:
            problem = scan.problem or scan.chain_problem
            if not problem and not scan.chains:
                problem = "no certificate was served"
            if problem:
                raise ProbeError(f"{self} at {scan.address}: {problem}")
        if not self.addresses:
            raise ProbeError(f"{self}: no address was looked at")
        return tuple(chain for scan in self.addresses for chain in scan.chains)


def _weaknesses(scan: AddressScan) -> Mapping[str, Finding]:
    if scan.problem or not scan.weaknesses:
        return dict.fromkeys(WEAKNESSES, Finding(None, scan.problem or "it was not looked at"))
    unseen = [f"{name}: {scan.versions[name].problem}" for name in NEEDED if scan.versions[name].problem]
    return {
        weakness: Finding(None, "; ".join(unseen)) if unseen and found.free else found
        for weakness, found in scan.weaknesses.items()
    }


def _takes(scan: AddressScan, version: str) -> bool:
    return version in scan.versions and bool(scan.versions[version].accepted)
