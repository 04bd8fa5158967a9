"""Customer accounts and their members."""

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment, Timestamped
from app.db.versions import Versioned

# Addresses are compared ignoring the case of ASCII letters only; see `fold_ascii`.
FOLDED_EMAIL = text('lower(email COLLATE "C")')
_NOT_ENDED = text("ended_at IS NULL")


class MemberRole(StrEnum):
    """Role of a member: owners and admins manage the account and its team."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class AccountStatus(StrEnum):
    """Status of an account: what a suspended and a closed one refuse is in `app.customers.states`."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class CustomerAccount(Timestamped, Versioned, Base):
    """A customer account with its billing address. Its credit balance is in `app.credits`.

    `status` is changed by who holds the locks of both this row and the credit balance, which has the same; decisions
    read it under either.
    """

    __tablename__ = "customer_accounts"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'suspended', 'closed')", name="status"),
        CheckConstraint("erased_at IS NULL OR status = 'closed'", name="erased_at"),
        # What the credit balance refers to, so that it has the same status.
        UniqueConstraint("id", "status"),
    )

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
    status: Mapped[str] = mapped_column(String(16), server_default=AccountStatus.ACTIVE)
    # Whether every member may buy, besides owners and admins.
    members_may_buy: Mapped[bool] = mapped_column(server_default="false")
    # When the personal data of a closed account was erased.
    erased_at: Mapped[Moment | None]
    created_by: Mapped[str] = mapped_column(String(255))


class AccountMember(Versioned, Base):
    """A member of an account, or an invitation, which has no user id until it is accepted.

    An invitation ends when it is accepted, declined or withdrawn, or at `expires_at`. Declined and withdrawn ones are
    kept with `ended_at`, so that requests for their ids get a precise error; they are not part of the team.
    """

    __tablename__ = "account_members"
    __table_args__ = (
        CheckConstraint("role IN ('owner', 'admin', 'member')", name="role"),
        CheckConstraint("(user_id IS NULL) = (date_joined IS NULL)", name="joined"),
        CheckConstraint("user_id IS NOT NULL OR (email IS NOT NULL AND expires_at IS NOT NULL)", name="invited"),
        CheckConstraint("user_id IS NULL OR ended_at IS NULL", name="ended"),
        Index("uq_account_members_email", "account_id", FOLDED_EMAIL, unique=True, postgresql_where=_NOT_ENDED),
        Index("uq_account_members_user_id", "user_id", "account_id", unique=True),
        Index("ix_account_members_invited", FOLDED_EMAIL, postgresql_where=text("user_id IS NULL")),
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
    # Shown to the invited person: the e-mail address of the inviter, else their user id.
    invited_by: Mapped[str] = mapped_column(String(255), server_default="")
    expires_at: Mapped[Moment | None]
    ended_at: Mapped[Moment | None]
    date_joined: Mapped[Moment | None]


class DirectoryKind(StrEnum):
    """What an entry of the directory names."""

    ACCOUNT = "account"
    MEMBER = "member"


class DirectoryEntry(Base):
    """The words by which staff look for an account or a member, folded; `directory` keeps it.

    It is apart from what it names for its policy, which is the search itself: staff see the entries that match what
    they look for, and no others. A condition of the query could not use the trigrams, since PostgreSQL applies policies
    first, and indexes only by them.
    """

    __tablename__ = "account_directory"
    __table_args__ = (
        CheckConstraint("kind IN ('account', 'member')", name="kind"),
        Index("ix_account_directory_account_id", "account_id"),
        Index("ix_account_directory_words", "words", postgresql_using="gin", postgresql_ops={"words": "gin_trgm_ops"}),
    )

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    # Of the account or the member.
    object_id: Mapped[Id] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[Id] = mapped_column(ForeignKey("customer_accounts.id", ondelete="CASCADE"))
    words: Mapped[str] = mapped_column(Text)


class AccountRoute(Base):
    """Whose an object is that calls name by its id alone, read before the tenant is known.

    A transaction reads the route that it asks for, besides those of its tenant.
    """

    __tablename__ = "account_routes"

    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    id: Mapped[Id] = mapped_column(primary_key=True, autoincrement=False)
    account_id: Mapped[Id]


class AccountOpener(Base):
    """A person who opened accounts, as a digest of issuer and user id, or of a verified e-mail address.

    Kept after the accounts are deleted, and not linked to them.
    """

    __tablename__ = "account_openers"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    # Number of accounts opened, including those left or handed over since.
    accounts: Mapped[int]
    # When one of the accounts received the first credits of its plan, which happens once.
    granted_at: Mapped[Moment | None]
