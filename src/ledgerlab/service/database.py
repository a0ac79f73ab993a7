"""Connection to PostgreSQL and the transaction of a request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import Session, sessionmaker


def connect(url: str, pool: int) -> Engine:
    """An engine with a pool of fixed size: a request waits at most five seconds for a connection."""
    return create_engine(url, pool_size=pool, max_overflow=0, pool_timeout=5, pool_pre_ping=False)


def session_factory(engine: Engine) -> sessionmaker[Session]:
    """Sessions whose objects stay readable after the commit, so that answers can be rendered from them."""
    return sessionmaker(engine, expire_on_commit=False)


def _transaction(request: Request) -> Iterator[Session]:
    factory: sessionmaker[Session] = request.app.state.sessions
    with factory() as session:
        yield session


Database = Annotated[Session, Depends(_transaction, scope="function")]
"""The session of this request; handlers commit. What is not committed is rolled back."""
