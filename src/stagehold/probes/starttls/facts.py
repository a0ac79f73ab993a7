"""What an endpoint of mail, a directory or a database does before TLS, beside what its scan says of TLS. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from stagehold.environment.places import Service
from stagehold.errors import ProbeError
from stagehold.probes.starttls.attempt import PlainLogin
from stagehold.probes.tls.facts import AddressScan, TlsScan

_SPEAKS = """bash -c 'exec 3<>/dev/tcp/{host}/{port}; sleep 1; printf "WORDS" >&3; timeout 5 cat <&3'"""
"""What speaks first is waited for: a server that is interrupted hangs up. No other tool need be there."""
_COMMANDS: dict[Service, str] = {
    "smtp": _SPEAKS.replace("WORDS", r"EHLO me.invalid\r\nAUTH LOGIN\r\nQUIT\r\n"),
    "imap": _SPEAKS.replace("WORDS", r"s1 CAPABILITY\r\ns2 LOGIN nobody wrong\r\ns3 LOGOUT\r\n"),
    "ldap": "ldapwhoami -x -H ldap://{shown}:{port} -D cn=nobody -w wrong",
    "postgres": "psql -w {connection} -c ''",
}
"""How a person sees the same, by protocol."""


@dataclass(frozen=True)
class ServiceLogins:
    """One endpoint: its scan, and who tried to log in without TLS at which address."""

    scan: TlsScan
    seen: tuple[PlainLogin, ...]

    @property
    def command(self) -> str:
        """One line that shows the same."""
        host = self.seen[0].address if self.seen else self.scan.endpoint.host
        for one in self.seen:
            if one.wrong:
                host = one.address
                break
        return _COMMANDS[self.scan.endpoint.service or "smtp"].format(
            host=host,
            shown=f"[{host}]" if ":" in host else host,
            port=self.scan.endpoint.port,
            connection=shlex.quote(
                f"host={host} port={self.scan.endpoint.port} user={self.scan.endpoint.user or 'nobody'} "
                "sslmode=disable connect_timeout=10"
            ),
        )

    def problems(self) -> tuple[str, ...]:
        """Where a login is taken before TLS, or neither TLS 1.2 nor TLS 1.3 is, in words.

        Raises:
            ProbeError: nothing is wrong, and of some address it is not known, or no address was looked at.
        """
        found = [f"{one.address} {words}" for one in self.seen for words in one.wrong]
        found += [f"{one.address} accepts neither TLS 1.2 nor TLS 1.3" for one in self.scan.addresses if _old(one)]
        unknown = [f"{one.address}: {one.problem}" for one in self.seen if one.problem]
        unknown += [f"{one.address}: {words}" for one in self.scan.addresses if (words := _unknown(one))]
        # Who answered TLS must be who was asked without it.
        if {one.address for one in self.seen} != {one.address for one in self.scan.addresses}:
            unknown.append("not every address was looked at both with and without TLS")
        if not found and (unknown or not self.seen):
            words = "; ".join(unknown) or "no address was looked at"
            raise ProbeError(f"{self.scan}: whether logins are refused before TLS is not known ({words})")
        return tuple(found)


def _modern(scan: AddressScan) -> bool:
    return any(version in scan.versions and scan.versions[version].accepted for version in ("TLS 1.2", "TLS 1.3"))


def _unknown(scan: AddressScan) -> str:
    if scan.problem or _modern(scan):
        return scan.problem
    return "; ".join(
        fact.problem for name, fact in scan.versions.items() if name in {"TLS 1.2", "TLS 1.3"} and fact.problem
    )


def _old(scan: AddressScan) -> bool:
    return not (_modern(scan) or _unknown(scan))
