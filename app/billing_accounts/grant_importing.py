"""Grants of a previous system, merged by the thousand: its managers, by their handles, become users of accounts."""

from collections.abc import Iterator
from typing import IO, Any

from sqlalchemy import Row, text

from app.clock import utc_now
from app.db.base import db
from app.db.staging import Merged, stage

MANAGER_COLUMNS = {"account_id": "integer", "user_account_id": "text"}
USER_COLUMNS = {"user_account_id": "text", "handle": "text"}
MEMBER_COLUMNS = {"user_id": "text", "handle": "text"}

_HANDLES = text("""
    SELECT DISTINCT handle FROM staged_users
    WHERE EXISTS (SELECT FROM staged_managers WHERE user_account_id = staged_users.user_account_id)
""")
# The member of each handle. Case is folded for ASCII letters only, since other characters that fold to the same letter
# only look alike; the member who is spelt exactly so goes before others.
_RESOLVED = """
    FROM staged_managers AS manager
    LEFT JOIN billing_accounts AS account ON account.id = manager.account_id
    LEFT JOIN staged_users AS known USING (user_account_id)
    LEFT JOIN (
        SELECT wanted.handle AS wanted, min(member.user_id) AS user_id, min(member.handle) AS handle,
            count(DISTINCT member.user_id) > 1 AS is_ambiguous
        FROM (
            SELECT wanted.handle, bool_or(member.handle = wanted.handle) AS is_exact
            FROM (SELECT DISTINCT handle FROM staged_users) AS wanted
            JOIN staged_members AS member ON lower(member.handle COLLATE "C") = lower(wanted.handle COLLATE "C")
            GROUP BY wanted.handle
        ) AS wanted
        JOIN staged_members AS member ON lower(member.handle COLLATE "C") = lower(wanted.handle COLLATE "C")
            AND (member.handle = wanted.handle OR NOT wanted.is_exact)
        GROUP BY wanted.handle
    ) AS member ON member.wanted = known.handle
"""
_UNRESOLVED = text(f"""
    SELECT manager.position, CASE
        WHEN account.id IS NULL THEN 'project_id: no such billing account'
        WHEN known.handle IS NULL THEN 'user_account_id: no such user account'
        WHEN member.user_id IS NULL THEN 'user_name: no such member'
        ELSE 'user_name: several members have this handle'
    END AS reason
    {_RESOLVED} WHERE account.id IS NULL OR member.user_id IS NULL OR member.is_ambiguous
""")
_MERGE = text(f"""
    WITH wanted AS (
        SELECT DISTINCT ON (account.id, member.user_id) account.id, member.user_id, member.handle
        {_RESOLVED} WHERE account.id IS NOT NULL AND NOT member.is_ambiguous
        ORDER BY account.id, member.user_id
    ), merged AS (
        INSERT INTO billing_account_access AS known (billing_account_id, user_id, user_handle, created_at)
        SELECT id, user_id, handle, :now FROM wanted ORDER BY id, user_id
        ON CONFLICT (billing_account_id, user_id) DO UPDATE SET user_handle = excluded.user_handle
        WHERE known.user_handle IS DISTINCT FROM excluded.user_handle
        RETURNING old.user_id IS NULL AS created
    )
    SELECT count(*) FILTER (WHERE created) AS created, count(*) FILTER (WHERE NOT created) AS updated,
        (SELECT count(*) FROM wanted) AS wanted
    FROM merged
""")


def stage_managers(lines: IO[bytes]) -> int:
    """Stage the CSV `lines` of MANAGER_COLUMNS; the number of distinct ones."""
    return stage("staged_managers", MANAGER_COLUMNS, ["account_id", "user_account_id"], lines)


def stage_users(lines: IO[bytes]) -> None:
    """Stage the CSV `lines` of USER_COLUMNS."""
    stage("staged_users", USER_COLUMNS, ["user_account_id"], lines)


def stage_members(lines: IO[bytes]) -> None:
    """Stage the CSV `lines` of MEMBER_COLUMNS."""
    stage("staged_members", MEMBER_COLUMNS, ["user_id"], lines)


def handles() -> Iterator[str]:
    """The handles that members are needed for."""
    yield from db.session.execute(_HANDLES, execution_options={"yield_per": 1000}).scalars()


def unresolved() -> Iterator[Row[Any]]:
    """The `position` of every staged manager whose account, handle or member is unknown, and the `reason`."""
    yield from db.session.execute(_UNRESOLVED, execution_options={"yield_per": 1000})


def merge_grants() -> Merged:
    """Grant every resolved manager their account."""
    created, updated, wanted = db.session.execute(_MERGE, {"now": utc_now()}).one()
    return Merged(created, updated, wanted - created - updated)
