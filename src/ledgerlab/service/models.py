"""Tables. Whatever belongs to a company has a `company_id`; amounts are integer cents; times are UTC."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import BigInteger, CheckConstraint, DateTime, ForeignKey, Identity, Index, LargeBinary
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Role(StrEnum):
    """What a person is in the company."""

    MAIN_USER = "main_user"
    ACCOUNTANT = "accountant"
    EMPLOYEE = "employee"


class InvoiceStatus(StrEnum):
    """Life of an invoice."""

    DRAFT = "draft"
    SENT = "sent"
    PAID = "paid"


class VoucherStatus(StrEnum):
    """Life of a voucher: posted by the accountant, approved by the main user."""

    POSTED = "posted"
    APPROVED = "approved"


class Base(DeclarativeBase):
    """All tables."""

    type_annotation_map = {datetime: DateTime(timezone=True), int: BigInteger}  # noqa: RUF012 - SQLAlchemy's protocol


def _identity() -> Mapped[int]:
    return mapped_column(Identity(), primary_key=True)


def _company() -> Mapped[int]:
    return mapped_column(ForeignKey("company.id"), index=True)


class Company(Base):
    """A customer of the service: the tenant."""

    __tablename__ = "company"
    id: Mapped[int] = _identity()
    key: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]


class User(Base):
    """A person with a personal login."""

    __tablename__ = "user_account"
    id: Mapped[int] = _identity()
    company_id: Mapped[int] = _company()
    username: Mapped[str] = mapped_column(unique=True)
    full_name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None]


class LoginSession(Base):
    """A login; only the hash of what the client holds is stored."""

    __tablename__ = "login_session"
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    kind: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class LedgerAccount(Base):
    """The chart of accounts: reference data, the same for every company."""

    __tablename__ = "ledger_account"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str]


class Invoice(Base):
    """A sales invoice."""

    __tablename__ = "invoice"
    id: Mapped[int] = _identity()
    company_id: Mapped[int] = _company()
    customer: Mapped[str]
    reference: Mapped[str]
    amount_cents: Mapped[int]
    due: Mapped[date]
    status: Mapped[str] = mapped_column(default=InvoiceStatus.DRAFT.value)
    created_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]


class Voucher(Base):
    """A double entry: its postings sum to zero."""

    __tablename__ = "voucher"
    id: Mapped[int] = _identity()
    company_id: Mapped[int] = _company()
    day: Mapped[date]
    text: Mapped[str]
    status: Mapped[str] = mapped_column(default=VoucherStatus.POSTED.value)
    created_by: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    created_at: Mapped[datetime]
    approved_by: Mapped[int | None] = mapped_column(ForeignKey("user_account.id"))
    postings: Mapped[list[Posting]] = relationship(lazy="selectin", order_by="Posting.id")


class Posting(Base):
    """One line of a voucher: debit or credit, never both."""

    __tablename__ = "posting"
    __table_args__ = (
        CheckConstraint("debit_cents >= 0 AND credit_cents >= 0 AND (debit_cents > 0) <> (credit_cents > 0)"),
    )
    id: Mapped[int] = _identity()
    company_id: Mapped[int] = _company()
    voucher_id: Mapped[int] = mapped_column(ForeignKey("voucher.id"), index=True)
    account: Mapped[int] = mapped_column(ForeignKey("ledger_account.number"))
    debit_cents: Mapped[int]
    credit_cents: Mapped[int]


class Payslip(Base):
    """Personal: for the person, and for who runs the company's payroll."""

    __tablename__ = "payslip"
    id: Mapped[int] = _identity()
    company_id: Mapped[int] = _company()
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), index=True)
    period: Mapped[str]
    gross_cents: Mapped[int]
    tax_cents: Mapped[int]


class IdempotentRequest(Base):
    """The answer given to a request with an `Idempotency-Key`, to be given again."""

    __tablename__ = "idempotent_request"
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"), primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    object_id: Mapped[int | None]
    created_at: Mapped[datetime]


class AuditEvent(Base):
    """Who did what, when, to what."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("audit_by_company", "company_id", "id"),)
    id: Mapped[int] = _identity()
    company_id: Mapped[int] = mapped_column(ForeignKey("company.id"))
    user_id: Mapped[int] = mapped_column(ForeignKey("user_account.id"))
    at: Mapped[datetime]
    action: Mapped[str]
    subject: Mapped[str]
