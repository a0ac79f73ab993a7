"""What the supervisor decides and the other processes carry out; travels as `plan.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from ledgerlab.defects import Defect, select

PUBLIC_NAME = "ledger.demo.test"
PARTNER_NAME = "partners.demo.test"
"""Under this name partners' programs reach the same service; it has a certificate of its own."""
HTTPS_PORT = 8443
REDIRECT_PORT = 8080
DATABASE_PORT = 5432
NAMESPACE_PREFIX = "10.77.0."

LONGEST_FOLDER = 80
"""Characters: the path of a unix socket below it must stay within 107 bytes (unix(7))."""

Mode = Literal["namespace", "loopback"]


class Plan(BaseModel):
    """One laboratory: where it lives, which addresses it has, what is broken in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: Path
    mode: Mode
    prefix: str
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
    def url(self) -> str:
        """The base URL users know."""
        return f"https://{PUBLIC_NAME}:{HTTPS_PORT}"

    @property
    def chosen(self) -> tuple[Defect, ...]:
        """The defects that are switched on."""
        return select(self.defects)

    @property
    def database_exposed(self) -> bool:
        """Whether PostgreSQL listens where users could reach it."""
        return any(defect.database_exposed for defect in self.chosen)

    @property
    def listen_addresses(self) -> tuple[str, ...]:
        """Where PostgreSQL listens for TCP."""
        own = ("127.0.0.1",) if self.mode == "namespace" else ()
        return (*own, self.database) if self.database_exposed else own

    @property
    def database_data(self) -> Path:
        """PostgreSQL's own folder, its socket included; belongs to the user it runs as."""
        return self.folder / "database"

    def database_url(self, role: str, password: str) -> str:
        """For SQLAlchemy."""
        host = "127.0.0.1" if self.mode == "namespace" else quote(str(self.database_data))
        return f"postgresql+psycopg://{role}:{password}@/ledger?host={host}&port={DATABASE_PORT}"

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
