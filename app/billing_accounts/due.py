"""Locks that expired and whose end is not posted yet: reads count it as if it were, as of `:now`.

The next write posts them (`ledger.expiry`). Until then they are the last of the account's movements: each of them is
later than every one that is posted, which a CHECK of `budgets` makes sure of.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    DateTime,
    FromClause,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    SQLColumnExpression,
    String,
    bindparam,
    case,
    cast,
    false,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import DeclarativeBase, Mapped

from app.billing_accounts.models import Budget, BudgetLine, BudgetMovement, MovementKind
from app.db.base import Moment
from app.db.columns import columns_of

NOW: ColumnElement[datetime] = cast(bindparam("now"), DateTime(timezone=True))
_IS_DUE = BudgetLine.expires_at <= NOW
STANDS = or_(BudgetLine.expires_at.is_(None), BudgetLine.expires_at > NOW)
# Whether any lock of an account is due.
IS_DUE = func.coalesce(Budget.next_expiry <= NOW, false())
_OF_ACCOUNT: BindParameter[int] = bindparam("account_id")


class Amounts(NamedTuple):
    """What is locked of a budget and what remains of it, without what is due."""

    locked: SQLColumnExpression[Decimal]
    remaining: SQLColumnExpression[Decimal]

    @classmethod
    def of(cls, *accounts: ColumnElement[bool]) -> "Amounts":
        """Those of each budget of a statement, whose locks these conditions say once more, if it is for one account."""
        expired = (
            select(func.sum(BudgetLine.amount))
            .where(BudgetLine.billing_account_id == Budget.billing_account_id, _IS_DUE, *accounts)
            .correlate(Budget)
            .scalar_subquery()
        )
        # Looked for only where something is due.
        counted = case((Budget.next_expiry <= NOW, expired), else_=0)
        return cls(Budget.locked - counted, Budget.remaining + counted)


AS_STORED = Amounts(Budget.locked, Budget.remaining)
OF_EACH = Amounts.of()
# A database that is cut by account then knows beforehand which part it meets.
OF_ONE = Amounts.of(BudgetLine.billing_account_id == _OF_ACCOUNT)
_IN_ORDER: dict[str, Any] = {"order_by": (BudgetLine.expires_at, BudgetLine.id), "rows": (None, 0)}


def total(name: str, before: ColumnElement[bool]) -> FromClause:
    """How many locks of the account expired that `before` admits, and what they had locked."""
    return (
        select(func.count().label("count"), func.coalesce(func.sum(BudgetLine.amount), 0).label("amount"))
        .where(BudgetLine.billing_account_id == _OF_ACCOUNT, _IS_DUE, before)
        .subquery(name)
    )


_EMPTY = null()
# Of the same types as what is posted, so that one order of both needs no sorting of the journal.
_EXPIRIES = (
    select(
        (Budget.movements + cast(func.row_number().over(**_IN_ORDER), Integer)).label("place"),
        cast(_EMPTY, Integer).label("position"),
        BudgetLine.expires_at.label("at"),
        cast(literal(MovementKind.EXPIRED.value), String).label("kind"),
        BudgetLine.id.label("entry_id"),
        BudgetLine.external_type,
        BudgetLine.external_id,
        BudgetLine.external_name,
        cast(0, Numeric).label("budget_delta"),
        (-BudgetLine.amount).label("locked_delta"),
        cast(0, Numeric).label("consumed_delta"),
        Budget.amount.label("budget_after"),
        (Budget.locked - func.sum(BudgetLine.amount).over(**_IN_ORDER)).label("locked_after"),
        Budget.consumed.label("consumed_after"),
        cast(_EMPTY, LargeBinary).label("actor"),
        cast(_EMPTY, String).label("reason"),
        cast(_EMPTY, String).label("request_id"),
    )
    .join(Budget, Budget.billing_account_id == BudgetLine.billing_account_id)
    .where(BudgetLine.billing_account_id == _OF_ACCOUNT, _IS_DUE)
)
_POSTED = select(
    BudgetMovement.position.label("place"),
    *columns_of(BudgetMovement, but={"billing_account_id", "actor_kind", "action", "hash"}),
).where(BudgetMovement.billing_account_id == _OF_ACCOUNT)


class _Selection(DeclarativeBase):
    """Rows of a statement, not of a table."""

    metadata = MetaData()


class ShownMovement(_Selection):
    """A movement of the account `:account_id`, posted or due; `place` is the position it has or is to get."""

    __table__ = union_all(_POSTED, _EXPIRIES).subquery("shown")
    __mapper_args__ = {"primary_key": [__table__.c.place]}  # noqa: RUF012 - as its base declares it

    place: Mapped[int]
    position: Mapped[int | None]
    at: Mapped[Moment]
    kind: Mapped[str]
    entry_id: Mapped[UUID | None]
    external_type: Mapped[str | None]
    external_id: Mapped[str | None]
    external_name: Mapped[str | None]
    budget_delta: Mapped[Decimal]
    locked_delta: Mapped[Decimal]
    consumed_delta: Mapped[Decimal]
    budget_after: Mapped[Decimal]
    locked_after: Mapped[Decimal]
    consumed_after: Mapped[Decimal]
    # None of what is not posted.
    actor: Mapped[bytes | None]
    reason: Mapped[str | None]
    request_id: Mapped[str | None]
