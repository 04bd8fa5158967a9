"""The words by which staff look for accounts and members, kept by those who change what they are made of."""

from collections.abc import Sequence

from app.db.fast.prepared import Prepared
from app.db.transaction import defer

_LIST_ACCOUNT = Prepared("""
    INSERT INTO account_directory (kind, object_id, account_id, words)
    SELECT 'account', id, id, fold_text(concat_ws(' ', name, slug, billing_email))
    FROM customer_accounts WHERE id = :account_id
    ON CONFLICT (kind, object_id) DO UPDATE SET words = excluded.words
""")
# An invitation that ended is of no team.
_LIST_MEMBERS = Prepared(
    """
    DELETE FROM account_directory
    WHERE kind = 'member' AND object_id = ANY(CAST(:member_ids AS bigint[])) AND account_id = :account_id
    """,
    """
    INSERT INTO account_directory (kind, object_id, account_id, words)
    SELECT 'member', id, account_id, fold_text(concat_ws(' ', email, first_name, last_name, user_id))
    FROM account_members
    WHERE id = ANY(CAST(:member_ids AS bigint[])) AND account_id = :account_id AND ended_at IS NULL
    """,
)
_FORGET_TEAM = Prepared("DELETE FROM account_directory WHERE kind = 'member' AND account_id = :account_id")
_FORGET_MEMBERS = Prepared("""
    DELETE FROM account_directory WHERE kind = 'member' AND object_id = ANY(CAST(:member_ids AS bigint[]))
""")


def list_account(account_id: int) -> None:
    """List an account as it is now, along with the next statement of the transaction."""
    defer(_LIST_ACCOUNT, {"account_id": account_id})


def list_members(account_id: int, member_ids: Sequence[int]) -> None:
    """List members and invitations of an account as they are now; those that ended or are gone, no more."""
    if member_ids:
        defer(_LIST_MEMBERS, {"account_id": account_id, "member_ids": member_ids})


def forget_team(account_id: int) -> None:
    """List nobody of an account any more."""
    defer(_FORGET_TEAM, {"account_id": account_id})


def forget_members(member_ids: Sequence[int]) -> None:
    """List members of whichever accounts no more."""
    defer(_FORGET_MEMBERS, {"member_ids": member_ids})
