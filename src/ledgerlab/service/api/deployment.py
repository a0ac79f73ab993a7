"""Which deployment this is: what operators compare before they trust what they see."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel
from sqlalchemy import text

from ledgerlab.service.access import MainUser
from ledgerlab.service.database import Database

router = APIRouter(tags=["operations"])


class Deployment(BaseModel):
    """Tells deployments apart; nothing in it opens anything."""

    database: str
    """System identifier of the PostgreSQL cluster: made by initdb, kept by every copy of its files."""
    signing_key: str
    """SHA-256 of the key that signs forms."""
    at: datetime


@router.get("/deployment")
def deployment(who: MainUser, request: Request, db: Database) -> Deployment:  # noqa: ARG001 - the guard
    """Which database and which key this deployment works with."""
    identifier = db.scalar(text("SELECT system_identifier::text FROM pg_control_system()"))
    key = hashlib.sha256(request.app.state.settings.form_key.encode()).hexdigest()
    return Deployment(database=str(identifier), signing_key=f"sha256:{key}", at=datetime.now(UTC))
