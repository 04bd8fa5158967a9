"""Recording changes: what a transaction records is appended along with its commit, by one statement."""

import hashlib
import json
import secrets
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import event, inspect
from sqlalchemy.orm import Session

from app.audit import cause
from app.audit.cause import CAUSE
from app.audit.journal import APPEND, ENTRY, PERSONAL
from app.audit.models import ObjectType
from app.clock import utc_now
from app.db.base import COMMITS, Base, db
from app.db.transaction import EACH_STATEMENT, defer
from app.naming import camel_case

Fields = Mapping[str, Any]

# Objects of the customer's family: their names are as they are, and their money is text.
_SNAKE_CASE = frozenset(
    {
        ObjectType.CUSTOMER_ACCOUNT,
        ObjectType.TEAM_MEMBER,
        ObjectType.PAYMENT,
        ObjectType.INVOICE,
        ObjectType.CREDIT_NOTE,
        ObjectType.TAX_RATE,
        ObjectType.PLAN,
        ObjectType.PACKAGE,
        ObjectType.CREDIT_LOT,
        ObjectType.CREDIT_HOLD,
        ObjectType.CREDIT_CAP,
        ObjectType.API_KEY,
        ObjectType.RUN,
    }
)
# Fields about people, whose values are kept by reference.
PERSONAL_FIELDS = frozenset(
    {
        "user_id",
        "user_handle",
        "email",
        "first_name",
        "last_name",
        "billing_email",
        "billing_address_line1",
        "billing_address_line2",
        "billing_city",
        "billing_state",
        "billing_postal_code",
        "billing_country",
        "tax_id",
    }
)
# Of a customer account the name may be a person's.
_PERSONAL_OF_ACCOUNT = PERSONAL_FIELDS | {"name"}
# What an entry says anyway, or what only imports need.
_LEFT_OUT = frozenset({"id", "created_at", "updated_at", "created_by", "updated_by", "version"})
_RECORDED = "recorded"


def state_of(entity: Base, *, but: Collection[str] = ()) -> dict[str, Any]:
    """The fields of an entity as they are now, for `record`."""
    names = inspect(type(entity)).column_attrs.keys()
    left_out = {*_LEFT_OUT, *but, *(name for name in names if name.endswith("as_imported"))}
    return {name: getattr(entity, name) for name in names if name not in left_out}


def record(
    kind: ObjectType,
    object_id: object,
    *,
    before: Fields | None = None,
    after: Fields | None = None,
    account_id: int | None = None,
) -> None:
    """Append an entry with the commit of this transaction, unless nothing differs between `before` and `after`.

    Without `before` the object is new, without `after` it is gone. `account_id` is the customer account that the object
    belongs to, whose chain the entry continues; other objects have a chain each. Raises RuntimeError where each
    statement commits by itself.
    """
    session = db.session()
    if session.info.get(COMMITS) == EACH_STATEMENT:
        raise RuntimeError("Each statement commits by itself here: an entry would not be of the same transaction")
    old, new = _difference(before or {}, after or {})
    if not old and not new:
        return
    pending: _Pending = session.info.setdefault(_RECORDED, _Pending())
    is_customers = account_id is not None
    pending.add(
        parent_type=ObjectType.CUSTOMER_ACCOUNT if is_customers else kind,
        parent_id=str(account_id if is_customers else object_id),
        account_id=account_id,
        object_type=kind,
        object_id=str(object_id),
        before=pending.written(kind, old, account_id),
        after=pending.written(kind, new, account_id),
        **{name: value for name, value in cause.current().items() if name in CAUSE},
    )


class _Pending:
    """The entries of a transaction that are not written yet."""

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []
        self._personal: list[tuple[bytes, int | None, str, str, bytes]] = []

    def add(self, **entry: Any) -> None:
        """Take an entry."""
        self._entries.append(entry)

    def written(self, kind: ObjectType, fields: Fields, account_id: int | None) -> str | None:
        """The fields as JSON, personal ones by reference; None if there are none."""
        personal = _PERSONAL_OF_ACCOUNT if kind == ObjectType.CUSTOMER_ACCOUNT else PERSONAL_FIELDS
        shown = {}
        for name, value in fields.items():
            refers = name in personal and value not in {None, ""}
            key = name if kind in _SNAKE_CASE else camel_case(name)
            shown[key] = {"personal": self._refer(name, str(value), account_id)} if refers else value
        return json.dumps(shown, default=_as_text if kind in _SNAKE_CASE else _as_number) if shown else None

    def write(self) -> None:
        """Have everything written along with the commit."""
        columns = {name: [entry[name] for entry in self._entries] for name in ENTRY}
        values = zip(*self._personal, strict=True) if self._personal else ([] for _ in PERSONAL)
        personal = {f"personal_{name}": list(column) for name, column in zip(PERSONAL, values, strict=True)}
        defer(APPEND, {**columns, **personal, "now": utc_now()})

    def _refer(self, kind: str, value: str, account_id: int | None) -> str:
        salt = secrets.token_bytes(16)
        ref = hashlib.sha256(salt + f"{kind}:{value}".encode()).digest()
        self._personal.append((ref, account_id, kind, value, salt))
        return ref.hex()


def _difference(before: Fields, after: Fields) -> tuple[Fields, Fields]:
    """The fields of both that differ; what is not there counts as None."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: before[name] for name in names if name in before}, {
        name: after[name] for name in names if name in after
    }


def _as_number(value: Any) -> Any:
    if isinstance(value, Decimal):
        # As in responses: amounts survive a double.
        return int(value) if value == value.to_integral_value() else float(value)
    return _as_text(value)


def _as_text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


@event.listens_for(Session, "before_commit")
def _append(session: Session) -> None:
    pending: _Pending | None = session.info.pop(_RECORDED, None)
    if pending is not None:
        pending.write()


@event.listens_for(Session, "after_soft_rollback")
def _forget(session: Session, _transaction: Any) -> None:
    session.info.pop(_RECORDED, None)
