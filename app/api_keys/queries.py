"""Finding and writing keys."""

from sqlalchemy import BigInteger, Text, bindparam, cast, func, insert, null, or_, select, update

from app.auth.api_keys.models import ApiKey, ApiKeySecret
from app.db.columns import columns_of, values_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery

# A secret is shown once, by the operation that made it.
_SHOWN = (*columns_of(ApiKey), cast(null(), Text).label("key"))
_ROWS = select(*_SHOWN)
_ACCOUNT_ID = cast(bindparam("account_id"), BigInteger)
# Of the account, or of any where none is named.
_IS_KEY = (ApiKey.id == bindparam("key_id"), or_(_ACCOUNT_ID.is_(None), ApiKey.account_id == _ACCOUNT_ID))
KEYS = ListQuery(
    rows=_ROWS,
    key=ApiKey.id,
    filters={"account_id": ApiKey.account_id == bindparam("account_id")},
    sorts={"created_at": ApiKey.id},
    default_sort="created_at",
)
KEY: AnyPrepared = Prepared(_ROWS.where(*_IS_KEY))
LOCK: AnyPrepared = Prepared(_ROWS.where(*_IS_KEY).with_for_update(key_share=True))
CREATE = Prepared(
    insert(ApiKey).values(**values_of(*columns_of(ApiKey, but={"id", "last_used_at", "revoked_at"}))).returning(*_SHOWN)
)
ADD_SECRET = Prepared(insert(ApiKeySecret).values(**values_of(*columns_of(ApiKeySecret, but={"ends_at"}))))
# One that ends already does not live longer.
END_SECRETS = Prepared(
    update(ApiKeySecret)
    .where(ApiKeySecret.key_id == bindparam("key_id"))
    .values(ends_at=func.least(ApiKeySecret.ends_at, bindparam("ends_at")))
)
SET_PREFIX = Prepared(
    update(ApiKey).where(ApiKey.id == bindparam("key_id")).values(prefix=bindparam("prefix")).returning(*_SHOWN)
)
ERASE: AnyPrepared = Prepared(
    update(ApiKey)
    .where(ApiKey.account_id == bindparam("account_id"))
    .values(name="", created_by="", revoked_at=func.coalesce(ApiKey.revoked_at, bindparam("now")))
)
REVOKE = Prepared(
    update(ApiKey).where(ApiKey.id == bindparam("key_id")).values(revoked_at=bindparam("now")).returning(*_SHOWN)
)
