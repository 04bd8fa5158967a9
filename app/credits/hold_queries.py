"""Reading holds: those that expired are shown so, whether that is posted yet or not."""

from sqlalchemy import DateTime, and_, bindparam, case, cast, func, select

from app.credits.hold_models import CreditHold, HoldStatus
from app.credits.models import CreditBalance
from app.db.columns import columns_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery

_OWN = CreditHold.account_id == bindparam("account_id")
# Of the account: the later of the clock and its last change.
_NOW = (
    select(func.greatest(cast(bindparam("now"), DateTime(timezone=True)), CreditBalance.moved_at))
    .where(CreditBalance.account_id == bindparam("account_id"))
    .scalar_subquery()
)
_HAS_EXPIRED = and_(CreditHold.status == HoldStatus.OPEN, CreditHold.expires_at <= _NOW)
_STATUS = case((_HAS_EXPIRED, HoldStatus.EXPIRED), else_=CreditHold.status)
_ROWS = select(
    *columns_of(
        CreditHold,
        but={"account_id", "request_hash", "key_id", "remaining", "status", "ended_at", "lot_ids", "lot_credits"},
    ),
    case((_HAS_EXPIRED, 0), else_=CreditHold.remaining).label("remaining"),
    _STATUS.label("status"),
    case((_HAS_EXPIRED, CreditHold.expires_at), else_=CreditHold.ended_at).label("ended_at"),
).where(_OWN)
HOLDS = ListQuery(
    rows=_ROWS,
    key=CreditHold.id,
    filters={
        "account_id": _OWN,
        "status": bindparam("status") == _STATUS,
        "reference": CreditHold.reference == bindparam("reference"),
        "operation_type": CreditHold.operation_type == bindparam("operation_type"),
        "user_id": CreditHold.user_id == bindparam("user_id"),
    },
    sorts={"created_at": CreditHold.id},
    default_sort="created_at",
)
HOLD: AnyPrepared = Prepared(_ROWS.where(CreditHold.id == bindparam("hold_id")))
