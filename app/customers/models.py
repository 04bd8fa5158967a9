"""Customer accounts and their members."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment, Timestamped


class MemberRole(StrEnum):
    """What a member may do: owners and admins manage the account and its team."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class CustomerAccount(Timestamped, Base):
    """A customer: where invoices go. The balance of credits is kept by `app.credits`."""

    __tablename__ = "customer_accounts"

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    slug: Mapped[str] = mapped_column(String(80), unique=True)
    billing_email: Mapped[str] = mapped_column(String(255), server_default="")
    billing_address_line1: Mapped[str] = mapped_column(String(255), server_default="")
    billing_address_line2: Mapped[str] = mapped_column(String(255), server_default="")
    billing_city: Mapped[str] = mapped_column(String(255), server_default="")
    billing_state: Mapped[str] = mapped_column(String(255), server_default="")
    billing_postal_code: Mapped[str] = mapped_column(String(255), server_default="")
    billing_country: Mapped[str] = mapped_column(String(255), server_default="")
    tax_id: Mapped[str] = mapped_column(String(255), server_default="")
    created_by: Mapped[str] = mapped_column(String(255))


class AccountMember(Base):
    """A person of an account. One who was invited has no user id until they sign in with that e-mail address."""

    __tablename__ = "account_members"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
        CheckConstraint("(user_id IS NULL) = (date_joined IS NULL)", name="joined"),
        CheckConstraint("user_id IS NOT NULL OR email IS NOT NULL", name="known"),
        Index("uq_account_members_email", "account_id", text("lower(email)"), unique=True),
        Index("uq_account_members_user_id", "user_id", "account_id", unique=True),
        Index("ix_account_members_invited", text("lower(email)"), postgresql_where=text("user_id IS NULL")),
    )

    id: Mapped[Id] = mapped_column(Identity(), primary_key=True)
    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id"))
    user_id: Mapped[str | None] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(255))
    first_name: Mapped[str] = mapped_column(String(255), server_default="")
    last_name: Mapped[str] = mapped_column(String(255), server_default="")
    role: Mapped[str] = mapped_column(String(16))
    is_staff: Mapped[bool] = mapped_column(server_default="false")
    invited_at: Mapped[Moment]
    date_joined: Mapped[Moment | None]
