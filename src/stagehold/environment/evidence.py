"""What the environment itself can show: `evidence`, adapters to records that others keep."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from stagehold.environment.values import JsonPointer, Text, UrlPath
from stagehold.model import Model


class EnvironmentRecord(Model):
    """A record of which database, mail sink, identity provider and keys the environment works with.

    Each pointer leads to a text or a list of texts in the record.
    """

    target: Text | None = None
    path: UrlPath | None = None
    """An operation of the target that tells; or `file`."""
    account: Text | None = None
    """Who asks; nobody's session where it is left out."""
    file: Text | None = None
    """A JSON file, relative to this one, that the deployment wrote."""
    time: JsonPointer | None = None
    """When the record was made (RFC 3339). A file needs it; an operation answers now."""
    max_age: Annotated[int, Field(ge=1)] = 86_400
    """Seconds after which a record with a `time` says nothing any more."""
    database_ids: tuple[JsonPointer, ...] = ()
    """Such as PostgreSQL's system identifier."""
    mail_domains: tuple[JsonPointer, ...] = ()
    """Domains or hosts that mail leaves through."""
    issuers: tuple[JsonPointer, ...] = ()
    """URLs of identity providers."""
    secret_fingerprints: tuple[JsonPointer, ...] = ()
    """Hashes of keys and passwords; never the secrets."""

    @model_validator(mode="after")
    def _one_source(self) -> EnvironmentRecord:
        if (self.file is None) == (self.path is None) or (self.path is None) != (self.target is None):
            raise ValueError("needs either `file`, or `target` and `path`")
        if self.file is not None and self.time is None:
            raise ValueError("has a `file` without `time`: where in it stands when it was made")
        if self.file is not None and self.account is not None:
            raise ValueError("has an `account`, but nobody is asked for a file")
        if not (self.database_ids or self.mail_domains or self.issuers or self.secret_fingerprints):
            raise ValueError("points at nothing; give `database_ids`, or another of its lists")
        return self


class FirewallTests(Model):
    """The ledger of firewall tests that were completed, one JSON object on each line, the newest last."""

    file: Text
    """Relative to this one."""
    interval_days: Annotated[int, Field(ge=1, le=366)] = 7
    """The newest one may be at most so old."""


class EvidenceSources(Model):
    """Records that checks compare with what is declared."""

    environment: tuple[EnvironmentRecord, ...] = ()
    """What tells the environment apart from production."""
    firewall_tests: FirewallTests | None = None


class Baselines(Model):
    """Reviewed files that say what was approved."""

    ports: Text | None = None
    """The approved port matrix, relative to this one: a run's `ports-proposal.yaml` with an approver in it."""
