"""The database every laboratory starts with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from ledgerlab.lab.people import COMPANIES, PEOPLE
from ledgerlab.lab.plan import DATABASE, Plan
from ledgerlab.lab.postgres import Postgres
from ledgerlab.service.models import (
    Base,
    Company,
    Invoice,
    InvoiceStatus,
    LedgerAccount,
    Payslip,
    Posting,
    User,
    Voucher,
)
from ledgerlab.service.security import hash_password

SEED = "seed"
"""The database that is filled once and copied whenever the books begin anew."""
CHART = {
    1200: "Bank",
    1400: "Receivables",
    1600: "Payables",
    2800: "Equity",
    4000: "Sales",
    6000: "Wages",
    6300: "Rent",
}


def hash_passwords(folder: Path) -> dict[str, str]:
    """User name to password hash; argon2 lets go of the interpreter, so threads help."""
    with ThreadPoolExecutor(2) as pool:
        hashes = pool.map(lambda person: hash_password((folder / person.username).read_text()), PEOPLE)
        return {person.username: value for person, value in zip(PEOPLE, hashes, strict=True)}


def fill(postgres: Postgres, plan: Plan, hashes: dict[str, str]) -> None:
    """Makes the seed database, its tables and data, and the service's role with no more than it needs."""
    with postgres.connect("postgres") as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(SEED)))
        connection.execute(
            sql.SQL("CREATE ROLE ledger_service LOGIN PASSWORD {}").format(sql.Literal(plan.database_password))
        )
    engine = create_engine(plan.database_url("postgres", plan.owner_password, SEED))
    Base.metadata.create_all(engine)
    with Session(engine) as db:
        _insert(db, hashes)
        db.commit()
    engine.dispose()
    with postgres.connect(SEED) as connection:
        connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
        connection.execute("GRANT USAGE ON SCHEMA public TO ledger_service")
        connection.execute("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ledger_service")
        # What is in the audit log stays there.
        connection.execute("REVOKE UPDATE, DELETE ON audit_event FROM ledger_service")
        connection.execute("REVOKE INSERT, UPDATE, DELETE ON ledger_account, company FROM ledger_service")


def fresh_books(postgres: Postgres, plan: Plan) -> None:
    """Gives the service a copy of the seed database: nothing of what anybody did is left."""
    ledger = sql.Identifier(DATABASE)
    with postgres.connect("postgres") as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(ledger))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(ledger, sql.Identifier(SEED)))
    disabled = [name for defect in plan.chosen for name in defect.disabled_accounts]
    with postgres.connect(DATABASE) as connection:
        connection.execute("UPDATE user_account SET active = false WHERE username = ANY(%s)", [disabled])


def _insert(db: Session, hashes: dict[str, str]) -> None:
    now = datetime.now(UTC)
    companies = {key: Company(key=key, name=name) for key, name in COMPANIES.items()}
    db.add_all([*companies.values(), *(LedgerAccount(number=n, name=name) for n, name in CHART.items())])
    db.flush()
    users = {
        person.username: User(
            company_id=companies[person.company].id,
            username=person.username,
            full_name=person.full_name,
            role=person.role,
            password_hash=hashes[person.username],
        )
        for person in PEOPLE
    }
    db.add_all(users.values())
    db.flush()
    for key in ("A", "B"):
        author = users[f"{key.lower()}_acct"]
        db.add_all(
            Invoice(
                company_id=author.company_id,
                customer=f"Customer {number}",
                reference=f"{key}-{2026000 + number}",
                amount_cents=10_000 * number,
                due=now.date() + timedelta(days=14),
                status=InvoiceStatus.SENT.value,
                created_by=author.id,
                created_at=now,
            )
            for number in range(1, 6)
        )
        db.add(_opening_balance(author, now))
    for number, person in enumerate(("a_emp", "a_emp2", "b_emp"), 1):
        user = users[person]
        gross = 310_000 + 1_700 * number
        db.add(
            Payslip(
                company_id=user.company_id,
                user_id=user.id,
                period="2026-10",
                gross_cents=gross,
                tax_cents=gross // 4,
            )
        )


def _opening_balance(author: User, now: datetime) -> Voucher:
    lines = ((1200, 500_000, 0), (2800, 0, 500_000))
    return Voucher(
        company_id=author.company_id,
        day=date(now.year, 1, 1),
        text="Opening balance",
        created_by=author.id,
        created_at=now,
        postings=[
            Posting(company_id=author.company_id, account=account, debit_cents=debit, credit_cents=credit)
            for account, debit, credit in lines
        ],
    )
