"""User administration and the audit log, for main users."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ledgerlab.service.access import MainUser
from ledgerlab.service.bookkeeping import audit
from ledgerlab.service.database import Database
from ledgerlab.service.models import AuditEvent, Role, User
from ledgerlab.service.security import hash_password
from ledgerlab.service.sessions import revoke_all
from ledgerlab.service.tenancy import fetch, scoped

router = APIRouter(tags=["administration"])


class NewUser(BaseModel):
    """A person to get a login; 15 characters as NIST SP 800-63B-4 asks where the password stands alone."""

    model_config = ConfigDict(extra="forbid")
    username: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{2,60}$")]
    full_name: Annotated[str, Field(min_length=1, max_length=120)]
    role: Role
    password: Annotated[str, Field(min_length=15, max_length=200)]


class UserChange(BaseModel):
    """What a main user may change about a person."""

    model_config = ConfigDict(extra="forbid")
    role: Role | None = None
    active: bool | None = None


class UserOut(BaseModel):
    """A person, without anything secret."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    username: str
    full_name: str
    role: str
    active: bool


class AuditOut(BaseModel):
    """Who did what."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    user_id: int
    at: datetime
    action: str
    subject: str


@router.get("/users")
def list_users(who: MainUser, db: Database) -> list[UserOut]:
    """The people of the company."""
    rows = db.scalars(scoped(select(User).order_by(User.username), User, who))
    return [UserOut.model_validate(row) for row in rows]


@router.post("/users", status_code=201)
def create_user(who: MainUser, body: NewUser, db: Database) -> UserOut:
    """A new login in the caller's company."""
    user = User(
        company_id=who.company_id,
        username=body.username,
        full_name=body.full_name,
        role=body.role,
        password_hash=hash_password(body.password),
    )
    db.add(user)
    try:
        db.flush()
    except IntegrityError:
        raise HTTPException(409, "This user name cannot be used.") from None
    audit(db, who, "create user", body.username)
    db.commit()
    return UserOut.model_validate(user)


@router.patch("/users/{user_id}")
def change_user(who: MainUser, user_id: int, body: UserChange, db: Database) -> UserOut:
    """Changes a role or disables a person, whose sessions end at once."""
    user = fetch(db, User, user_id, who, lock=True)
    if user.id == who.user_id:
        raise HTTPException(409, "Nobody changes their own rights.")
    for name, value in body.model_dump(exclude_none=True).items():
        setattr(user, name, value)
    if body.active is False:
        revoke_all(db, user.id)
    audit(db, who, "change user", user.username)
    db.commit()
    return UserOut.model_validate(user)


@router.get("/users/{user_id}")
def read_user(who: MainUser, user_id: int, db: Database) -> UserOut:
    """One person of the company."""
    return UserOut.model_validate(fetch(db, User, user_id, who))


@router.delete("/users/{user_id}", status_code=204)
def delete_user(who: MainUser, user_id: int, db: Database) -> Response:
    """Removes a login that was never used; whoever has done something can only be disabled."""
    user = fetch(db, User, user_id, who, lock=True)
    db.delete(user)
    try:
        db.flush()
    except IntegrityError:
        raise HTTPException(409, "This person has used the service; disable the login instead.") from None
    audit(db, who, "delete user", user.username)
    db.commit()
    return Response(status_code=204)


@router.get("/audit")
def read_audit(who: MainUser, db: Database, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> list[AuditOut]:
    """What was done in the company, newest first."""
    rows = db.scalars(scoped(select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit), AuditEvent, who))
    return [AuditOut.model_validate(row) for row in rows]
