"""Statements and conditions about personal data."""

from sqlalchemy import ColumnElement, Text, bindparam, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.audit.models import ACTOR, PersonalData
from app.db.fast.prepared import Prepared
from app.tenancy import SETTING

# Text: it reads, and inserts where there is nothing to read. Two transactions at once may both insert: nothing is wrong
# with several references to one value, and neither waits for the other.
_REFER = """
    WITH known AS (
        SELECT ref FROM personal_data
        WHERE md5(value) = md5(CAST(:value AS text)) AND value = :value AND kind = :kind AND {of_account} LIMIT 1
    ), salted AS (
        SELECT uuid_send(gen_random_uuid()) AS salt, CAST(:kind AS text) AS kind, CAST(:value AS text) AS value
        WHERE NOT EXISTS (SELECT FROM known)
    ), made AS (
        INSERT INTO personal_data (ref, account_id, kind, value, salt, created_at)
        SELECT sha256(salt || convert_to(kind || ':' || value, 'UTF8')), CAST(:account_id AS bigint), kind, value, salt,
            :now
        FROM salted RETURNING ref
    )
    SELECT ref FROM known UNION ALL SELECT ref FROM made
"""
REFER = Prepared(_REFER.format(of_account="account_id IS NULL"))
# It sets its own tenant, as where each statement commits by itself nothing else has.
REFER_OF_ACCOUNT = Prepared(
    f"SELECT set_config('{SETTING}', :tenant, true);" + _REFER.format(of_account="account_id = :account_id")
)


def refers_to_actor(column: InstrumentedAttribute[bytes] | InstrumentedAttribute[bytes | None]) -> ColumnElement[bool]:
    """The condition "`column` refers to the actor whose name is the value `actor`"."""
    return column.in_(
        select(PersonalData.ref).where(
            func.md5(PersonalData.value) == func.md5(cast(bindparam("actor"), Text)),
            PersonalData.value == bindparam("actor"),
            PersonalData.kind == ACTOR,
        )
    )
