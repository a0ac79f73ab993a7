"""Configuration of the service: one JSON file, read at start."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=1, le=65535)]


class Settings(BaseModel):
    """Where the service listens, what it serves, and its limits."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    public_name: str
    """The host name users type; redirects go nowhere else."""
    addresses: tuple[str, ...] = Field(min_length=1)
    """IPv4 and IPv6 addresses to listen on."""
    https_port: Port = 8443
    redirect_port: Port | None = 8080
    """Plain HTTP; answers nothing but redirects to https, and refuses programs."""
    operations: str
    """Where metrics are served in plain HTTP: `unix:PATH`, or `ADDRESS:PORT`."""
    certificate_file: Path
    key_file: Path
    api_name: str
    """The name that programs use; over plain HTTP it is refused, not redirected."""
    partner_name: str
    """The name partners' programs use; a client that asks for it (SNI) gets the certificate of that name."""
    partner_certificate_file: Path
    partner_key_file: Path
    minimum_tls: Literal["TLSv1_1", "TLSv1_2", "TLSv1_3"] = "TLSv1_2"
    maximum_tls: Literal["TLSv1_2", "TLSv1_3"] = "TLSv1_3"
    ciphers: str = "ECDHE+AESGCM:ECDHE+CHACHA20"
    """OpenSSL cipher string for TLS 1.2 and below; TLS 1.3 brings its own."""
    partner_ciphers: str | None = None
    """The same under the partners' name, where their programs need others."""
    database_url: str
    database_pool: Annotated[int, Field(ge=1, le=64)] = 12
    form_key: str = Field(min_length=32)
    """Signs the tokens that protect forms."""
    partner_key: str = Field(min_length=32)
    """Signs the tokens of partners' programs."""
    partner_minutes: Annotated[int, Field(ge=1)] = 15
    lockout_failures: Annotated[int, Field(ge=1, le=100)] = 5
    lockout_minutes: Annotated[int, Field(ge=1)] = 15
    idle_minutes: Annotated[int, Field(ge=1)] = 30
    session_hours: Annotated[int, Field(ge=1)] = 8

    @classmethod
    def read(cls, path: Path) -> Settings:
        """From a JSON file; pydantic's `ValidationError` tells what is wrong with it."""
        return cls.model_validate_json(path.read_bytes())
