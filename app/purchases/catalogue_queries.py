"""Reading and writing the packages there are."""

from typing import Any

from sqlalchemy import Select, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.columns import columns_of, values_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery
from app.purchases.models import CreditPackage

_EDITABLE = columns_of(CreditPackage, but={"id", "created_at", "updated_at", "version"})
EDITABLE = tuple(each.key for each in _EDITABLE)
_PACKAGE = (CreditPackage.id, *_EDITABLE, CreditPackage.version)
_PACKAGES: Select[*tuple[Any, ...]] = select(*_PACKAGE)
PACKAGES = ListQuery(
    rows=_PACKAGES,
    key=CreditPackage.id,
    filters={"is_active": CreditPackage.is_active == bindparam("is_active")},
    sorts={"price": CreditPackage.price},
    default_sort="price",
    default_order="asc",
)
EVERY_PACKAGE: AnyPrepared = Prepared(_PACKAGES.order_by(CreditPackage.price, CreditPackage.name))
PACKAGE: AnyPrepared = Prepared(_PACKAGES.where(CreditPackage.id == bindparam("package_id")))
ONE_CHANGE_AT_A_TIME = Prepared(select(func.pg_advisory_xact_lock(func.hashtextextended("packages", 0))))
CREATE_PACKAGE: AnyPrepared = Prepared(
    insert(CreditPackage)
    .values(**values_of(*_EDITABLE), created_at=bindparam("now"), updated_at=bindparam("now"))
    .on_conflict_do_nothing(index_elements=[CreditPackage.name])
    .returning(*_PACKAGE)
)
UPDATE_PACKAGE: AnyPrepared = Prepared(
    update(CreditPackage)
    .where(CreditPackage.id == bindparam("package_id"))
    .values(**values_of(*_EDITABLE), updated_at=bindparam("now"), version=CreditPackage.version + 1)
    .returning(*_PACKAGE)
)
