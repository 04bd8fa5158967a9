"""Tenant of the current transaction, read by the row-level security policies of every customer table.

Every customer table has a policy that shows only rows of the account set here, so that a query without a condition on
the account finds no rows of others. Before an account is selected, and for data that belongs to a person, the person is
set instead: the transaction can read their memberships, the invitations to their verified e-mail address, and the
accounts of both, and can change nothing. Staff at the vendor's desk read the rows of all accounts, by a policy of its
own, and can change nothing either. The setting ends with the transaction, also behind a transaction pool.

Staff and gateways name a payment or a lot by its id alone. Its route says whose it is
(`customers.models.AccountRoute`): that account becomes the tenant before the row is touched.
"""

from collections.abc import Sequence
from enum import StrEnum

from app.db.base import db
from app.db.fast.prepared import Prepared
from app.db.transaction import defer

# The value that makes all accounts visible, for operators and machines.
EVERY_ACCOUNT = "*"
SETTING = "billing.account_id"
USER_SETTING = "billing.user_id"
# With ASCII letters in lower case, as compared by the policies.
EMAIL_SETTING = "billing.email"
# Of the person's memberships and invitations, as an array; a policy must not look for them itself.
PERSON_ACCOUNTS_SETTING = "billing.person_accounts"
# "on" where the rows of all accounts are read for staff.
DESK_SETTING = "billing.desk"
# What they look for in the directory, as a pattern.
SEARCH_SETTING = "billing.desk_search"
# The one route that the transaction reads, as kind and id.
ROUTE_SETTING = "billing.route"

_SET = Prepared(f"""
    SELECT set_config('{SETTING}', CAST(:account_id AS text), true),
        set_config('{USER_SETTING}', :user_id, true), set_config('{EMAIL_SETTING}', :email, true),
        set_config('{PERSON_ACCOUNTS_SETTING}', '', true), set_config('{DESK_SETTING}', :desk, true)
""")
_SET_PERSON_ACCOUNTS = Prepared(f"""
    SELECT set_config('{PERSON_ACCOUNTS_SETTING}', CAST(ARRAY(
        SELECT account_id FROM account_members WHERE user_id = :user_id
        UNION ALL
        SELECT account_id FROM account_members WHERE user_id IS NULL AND lower(email COLLATE "C") = :email
    ) AS text), true)
""")
_ASK_FOR_ROUTE = Prepared(f"SELECT set_config('{ROUTE_SETTING}', CAST(:route AS text), true)")
_SET_ROUTED = Prepared(f"""
    WITH found AS MATERIALIZED (SELECT account_id FROM account_routes WHERE kind = :kind AND id = :id)
    SELECT account_id, set_config('{SETTING}', coalesce(CAST(account_id AS text), ''), true),
        set_config('{USER_SETTING}', '', true), set_config('{EMAIL_SETTING}', '', true),
        set_config('{PERSON_ACCOUNTS_SETTING}', '', true), set_config('{DESK_SETTING}', '', true)
    FROM (SELECT) AS one LEFT JOIN found ON true
""")
_KEEP_ROUTES = Prepared("""
    INSERT INTO account_routes (kind, id, account_id)
    SELECT :kind, made.* FROM unnest(CAST(:ids AS bigint[]), CAST(:account_ids AS bigint[])) AS made
""")
_SEARCH = Prepared(f"SELECT set_config('{SEARCH_SETTING}', fold_text(:pattern), true)")


class Routed(StrEnum):
    """What calls name without its account."""

    PAYMENT = "payment"
    CREDIT_LOT = "credit_lot"


def set_account(account_id: int) -> None:
    """Restrict the rest of this transaction to the rows of one account."""
    _set(account_id=str(account_id))


def set_account_of(kind: Routed, object_id: int) -> int | None:
    """Restrict the rest of this transaction to the rows of the account that an object is of, and return that account.

    Without an object there is none, and nothing is visible.
    """
    defer(_ASK_FOR_ROUTE, {"route": f"{kind} {object_id}"})
    account_id: int | None = db.session.execute(_SET_ROUTED, {"kind": kind, "id": object_id}).one().account_id
    return account_id


def keep_routes(kind: Routed, ids: Sequence[int | None], account_ids: Sequence[int]) -> None:
    """Keep whose new objects are, in the transaction that makes them and along with its next statement."""
    defer(_KEEP_ROUTES, {"kind": kind, "ids": ids, "account_ids": account_ids})


def set_every_account() -> None:
    """Make the rows of all accounts visible to the rest of this transaction. Never use it for customers."""
    _set(account_id=EVERY_ACCOUNT)


def set_person(user_id: str, folded_email: str = "") -> None:
    """Restrict the rest of this transaction to a person: their memberships, and the invitations to an address."""
    _set(user_id=user_id, email=folded_email)
    defer(_SET_PERSON_ACCOUNTS, {"user_id": user_id, "email": folded_email})


def set_desk() -> None:
    """Let the rest of this transaction read the rows of all accounts, and change none. Only for staff and machines."""
    _set(desk="on")


def set_search(pattern: str) -> None:
    """Let staff read the entries of the directory that are like `pattern`, in any case."""
    defer(_SEARCH, {"pattern": pattern})


def _set(*, account_id: str = "", user_id: str = "", email: str = "", desk: str = "") -> None:
    defer(_SET, {"account_id": account_id, "user_id": user_id, "email": email, "desk": desk})
