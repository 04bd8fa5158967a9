"""Reading lots: all of an account, and those of one transaction."""

from sqlalchemy import BigInteger, Label, and_, bindparam, column, func, literal_column, select, true

from app.audit.cause import CAUSE
from app.credits.ledger import rule
from app.credits.lot_models import CreditLot
from app.credits.models import CreditBalance, CreditTransaction
from app.db.columns import columns_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery

_OWN = CreditLot.account_id == bindparam("account_id")
# The status by the names of its facts, which are columns but for one.
_STATUS: Label[str] = literal_column(rule.STATUS.sql.replace("is_pending", "(credit_lots.position IS NULL)")).label(
    "status"
)
_INTERNALS = {"is_bought", "is_spendable", "is_live", "request_hash", "owed", "owed_as", "debt", *CAUSE}
_SHOWN = columns_of(CreditLot, but={*_INTERNALS, "account_id"})
_DRAWN = (
    func.unnest(CreditTransaction.lot_ids, CreditTransaction.lot_credits)
    .table_valued(column("lot_id", BigInteger), column("credits", BigInteger), with_ordinality="place")
    .render_derived("drawn")
)
_DUE_AT = select(CreditBalance.due_at).where(CreditBalance.account_id == bindparam("account_id")).scalar_subquery()
LOTS = ListQuery(
    rows=select(*_SHOWN, _STATUS, _DUE_AT.label("due_at")).where(_OWN),
    key=CreditLot.id,
    filters={"account_id": _OWN},
    sorts={"created_at": CreditLot.id},
    default_sort="created_at",
)
# In the order in which the transaction took them.
LOTS_OF_TRANSACTION: AnyPrepared = Prepared(
    select(
        CreditLot.id.label("lot_id"),
        func.abs(_DRAWN.c.credits).label("credits"),
        *columns_of(CreditLot, but={*_INTERNALS, "account_id", "id", "credits"}),
    )
    .select_from(CreditTransaction)
    .join(_DRAWN, true())
    .join(CreditLot, and_(CreditLot.account_id == CreditTransaction.account_id, CreditLot.id == _DRAWN.c.lot_id))
    .where(CreditTransaction.account_id == bindparam("account_id"), CreditTransaction.id == bindparam("transaction_id"))
    .order_by(_DRAWN.c.place)
)
