"""What a seeded fault is: one thing an engineer could get wrong, as data.

A fault in code is an edit of the deployed copy of the service; a fault of configuration changes a setting,
the certificate, the database's listener or an account. The service itself knows nothing of any of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Edit:
    """Replaces `before`, which occurs exactly once in the file (a path below `ledgerlab/service`)."""

    file: str
    before: str
    after: str


@dataclass(frozen=True)
class NewFile:
    """A file that was put where it does not belong (a path below `ledgerlab/service`)."""

    file: str
    content: str


@dataclass(frozen=True)
class Certificate:
    """How the certificate of the partners' name is issued and served."""

    name: str | None = None
    """Instead of the service's own name."""
    days_left: int = 90
    with_intermediate: bool = True
    rsa_bits: int | None = None
    """An RSA key of that size instead of one on the curve P-256."""
    revoked: bool = False
    """Whether the authority has it in its revocation list."""


@dataclass(frozen=True)
class Defect:
    """One fault; off unless named."""

    name: str
    breaks: str
    edits: tuple[Edit, ...] = ()
    files: tuple[NewFile, ...] = ()
    in_candidate: bool = True
    """False: the edit is in what was deployed, but not in the build that is to be released."""
    settings: Mapping[str, object] = field(default_factory=dict)
    """Overrides of `ledgerlab.service.config.Settings`; `{web}` and `{database}` become addresses."""
    certificate: Certificate | None = None
    database_exposed: bool = False
    database_on_ipv6: bool = False
    mapped_to_database: bool = False
    """The edge maps the partners' port to PostgreSQL."""
    origin_open: bool = False
    """The service listens on the address behind the edge, too."""
    open_to_office: bool = False
    """The firewall of the database host lets the office network through to PostgreSQL."""
    ssh_passwords: bool = False
    """The administrators' SSH server takes passwords, too."""
    mail_login_without_tls: bool = False
    """The mail server offers and takes logins before TLS, too."""
    snmp_agent: bool = False
    """An SNMP agent with the community `public` answers on the web host."""
    open_transfer: bool = False
    """The name server hands its zone to whoever asks."""
    published: tuple[str, ...] = ()
    """Records that went into the public zone; `{database}` becomes an address."""
    status_address: str = ""
    """Where the public zone says that the status page is."""
    approved_before_partners: bool = False
    """The last approval of the open ports is older than the partners' entrance."""
    firewall_tests_neglected: bool = False
    """The last test of the firewall was long ago."""
    disabled_accounts: tuple[str, ...] = ()
