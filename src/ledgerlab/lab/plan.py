"""What the supervisor decides and the other processes carry out; travels as `plan.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from ledgerlab.defects import Certificate, Defect, select
from ledgerlab.lab.errors import LabError
from ledgerlab.lab.nameserver import Zone

PUBLIC_NAME = "ledger.demo.test"
API_NAME = "api.demo.test"
"""Under this name programs reach the same service, with the certificate that people see."""
PARTNER_NAME = "partners.demo.test"
"""Under this name partners' programs reach the same service; it has a certificate of its own."""
HTTPS_PORT = 8443
REDIRECT_PORT = 8080
PARTNER_PORT = 8445
"""The edge maps it to the service, for partners whose firewalls allow it only."""
AUTHORITY_PORT = 8089
"""Where the authority publishes its revocation list, over plain HTTP as such lists are."""
MAIL_NAME = "mail.demo.test"
MAIL_PORT = 2587
"""Of the web host; where mail is handed in, with STARTTLS."""
SSH_PORT = 2222
"""Of the web host; administrators come in with keys."""
DNS_PORT = 5300
"""Of the web host, where the company's name server answers the public."""
ZONE = "demo.test"
DATABASE_PORT = 5432
DATABASE = "ledger"
NAMESPACE_PREFIX = "10.77.0."
IPV6_PREFIX = "fd77::"
"""Of the namespaces, too; RFC 4193."""
OFFICE_PREFIX = "10.78.0."
OFFICE_IPV6_PREFIX = "fd78::"
"""Of the office network; the hosts have a leg in it, and their addresses are reached over it."""

LONGEST_FOLDER = 80
"""Characters: the path of a unix socket below it must stay within 107 bytes (unix(7))."""

Mode = Literal["namespace", "loopback"]


class Plan(BaseModel):
    """One laboratory: where it lives, which addresses it has, what is broken in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    mode: Mode
    prefix: str
    ipv6: bool = False
    """Whether the hosts have IPv6 addresses as well."""
    defects: tuple[str, ...] = ()
    database_password: str
    owner_password: str
    unprivileged: tuple[str, ...] = ()
    """Put before a command that refuses to run as root."""

    @property
    def outside(self) -> str:
        """Address of the outside vantage."""
        return f"{self.prefix}1"

    @property
    def web(self) -> str:
        """Address of the web host."""
        return f"{self.prefix}10"

    @property
    def database(self) -> str:
        """Address of the database host."""
        return f"{self.prefix}20"

    @property
    def origin(self) -> str:
        """Address at which the service would be reached past the edge; it does not listen there."""
        return f"{self.prefix}30"

    @property
    def authority(self) -> str:
        """Address of the certificate authority, which is no host of the service."""
        return f"{self.prefix}40"

    @property
    def revocation_list_url(self) -> str:
        """The distribution point in every certificate of the service."""
        return f"http://{self.authority}:{AUTHORITY_PORT}/issuing.crl"

    @property
    def service_addresses(self) -> tuple[str, ...]:
        """Where the service listens."""
        opened = any(defect.origin_open for defect in self.chosen)
        return (*self.web_addresses, self.origin) if opened else self.web_addresses

    @property
    def outside_addresses(self) -> tuple[str, ...]:
        """All addresses of the outside vantage."""
        return self._both(self.outside)

    @property
    def web_addresses(self) -> tuple[str, ...]:
        """All addresses of the web host."""
        return self._both(self.web)

    @property
    def database_addresses(self) -> tuple[str, ...]:
        """All addresses of the database host."""
        return self._both(self.database)

    def _both(self, address: str) -> tuple[str, ...]:
        return (address, IPV6_PREFIX + address.removeprefix(self.prefix)) if self.ipv6 else (address,)

    @property
    def url(self) -> str:
        """The base URL users know."""
        return f"https://{PUBLIC_NAME}:{HTTPS_PORT}"

    @property
    def chosen(self) -> tuple[Defect, ...]:
        """The defects that are switched on."""
        return select(self.defects)

    @property
    def certificate(self) -> Certificate:
        """How the certificate of the partners' name is issued.

        Raises:
            LabError: two of the defects want another one each.
        """
        wanted = [defect.certificate for defect in self.chosen if defect.certificate]
        if len(wanted) > 1:
            raise LabError("Only one defect of the certificate can be switched on at a time.")
        return wanted[0] if wanted else Certificate()

    def require_possible(self) -> None:
        """Make sure that this laboratory can have all its defects.

        Raises:
            LabError: two exclude each other, or one needs the office network, which only namespaces have.
        """
        self.certificate  # noqa: B018 - raises
        if self.open_to_office and self.mode != "namespace":
            raise LabError("The office network is a namespace of its own; there is none with --mode loopback.")

    @property
    def open_to_office(self) -> bool:
        """Whether PostgreSQL answers the office network."""
        return any(defect.open_to_office for defect in self.chosen)

    @property
    def ssh_passwords(self) -> bool:
        """Whether SSH takes passwords, too."""
        return any(defect.ssh_passwords for defect in self.chosen)

    @property
    def mail_login_without_tls(self) -> bool:
        """Whether the mail server takes logins before TLS."""
        return any(defect.mail_login_without_tls for defect in self.chosen)

    @property
    def snmp_agent(self) -> bool:
        """Whether an SNMP agent runs on the web host."""
        return any(defect.snmp_agent for defect in self.chosen)

    @property
    def zone(self) -> Zone:
        """What the name server publishes."""
        chosen = self.chosen
        published = [f"{name} {kind} {address}" for name in ("ledger", "partners", "api", "mail", "ns")
                     for kind, address in zip(("A", "AAAA"), self.web_addresses, strict=False)]  # fmt: skip
        status = next((defect.status_address for defect in chosen if defect.status_address), "192.31.196.10")
        inside = [record for defect in chosen for record in defect.published]
        lines = (
            "$TTL 300",
            "@ SOA ns hostmaster 2026010100 3600 600 604800 300",
            "@ NS ns",
            "@ MX 10 ledger",
            "www CNAME ledger",
            f"status A {status}",
            *published,
            *(record.replace("{database}", self.database) for record in inside),
        )
        return Zone(ZONE, "\n".join(lines) + "\n", open_transfer=any(defect.open_transfer for defect in chosen))

    @property
    def database_exposed(self) -> bool:
        """Whether PostgreSQL listens where users could reach it."""
        return any(defect.database_exposed for defect in self.chosen)

    @property
    def listen_addresses(self) -> tuple[str, ...]:
        """Where PostgreSQL listens for TCP."""
        own = ("127.0.0.1",) if self.mode == "namespace" else ()
        exposed = (self.database,) if self.database_exposed else ()
        forgotten = self.database_addresses[1:] if any(defect.database_on_ipv6 for defect in self.chosen) else ()
        return (*own, *exposed, *forgotten)

    @property
    def partner_port_leads_to(self) -> tuple[str, int] | str:
        """Address and port, or the path of a unix socket, that the edge maps the partners' port to."""
        if not any(defect.mapped_to_database for defect in self.chosen):
            return self.web, HTTPS_PORT
        return self.database_socket

    @property
    def database_socket(self) -> str:
        """PostgreSQL's unix socket."""
        return str(self.database_data / f".s.PGSQL.{DATABASE_PORT}")

    @property
    def database_data(self) -> Path:
        """PostgreSQL's own folder, its socket included; belongs to the user it runs as."""
        return self.folder / "database"

    def database_url(self, role: str, password: str, database: str = DATABASE) -> str:
        """For SQLAlchemy."""
        host = "127.0.0.1" if self.mode == "namespace" else quote(str(self.database_data))
        return f"postgresql+psycopg://{role}:{password}@/{database}?host={host}&port={DATABASE_PORT}"

    def with_defects(self, names: tuple[str, ...]) -> Plan:
        """The same laboratory with these defects and no others.

        Raises:
            ValueError: a defect is unknown.
            LabError: they exclude each other.
        """
        plan = self.model_copy(update={"defects": tuple(defect.name for defect in select(names))})
        plan.require_possible()
        return plan

    def write(self) -> Path:
        """Stores the plan in its folder, readable by the owner only; returns the path."""
        path = self.folder / "plan.json"
        path.touch(mode=0o600)
        path.write_text(self.model_dump_json(indent=1))
        return path

    @classmethod
    def read(cls, path: Path) -> Plan:
        """What `write` stored."""
        return cls.model_validate_json(path.read_bytes())
