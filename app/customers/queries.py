"""Finding and writing accounts and members."""

from sqlalchemy import text

from app.db.paging import ListQuery
from app.db.prepared import Prepared
from app.db.tenancy import EVERY_ACCOUNT, SETTING

# Whose account it is has to be found before it can be set; from there on nothing else is seen.
_SEE_EVERY = f"SELECT set_config('{SETTING}', '{EVERY_ACCOUNT}', true);"
# The account named, or else the one joined first. Invitations that wait for this person come along.
ENTER = Prepared(f"""
    {_SEE_EVERY}
    WITH found AS MATERIALIZED (
        SELECT account_id, role FROM account_members
        WHERE user_id = :user_id AND (CAST(:account_id AS bigint) IS NULL OR account_id = :account_id)
        ORDER BY date_joined, id LIMIT 1
    ), invitations AS MATERIALIZED (
        SELECT EXISTS (SELECT FROM account_members WHERE lower(email) = lower(:email) AND user_id IS NULL) AS waiting
    )
    SELECT account_id, role, waiting AS invited, set_config('{SETTING}', coalesce(CAST(account_id AS text), ''), true)
    FROM invitations LEFT JOIN found ON true
""")
# An invitation by an address that a member of the account uses besides their own stays as it is.
JOIN = text(f"""
    {_SEE_EVERY}
    UPDATE account_members AS invited
    SET user_id = :user_id, date_joined = :now, is_staff = :is_staff,
        first_name = coalesce(nullif(:first_name, ''), first_name),
        last_name = coalesce(nullif(:last_name, ''), last_name)
    WHERE lower(email) = lower(:email) AND user_id IS NULL AND NOT EXISTS (
        SELECT FROM account_members AS known WHERE known.account_id = invited.account_id AND known.user_id = :user_id
    )
""")
# One person at a time: looking for their account and opening one belong together.
ONE_OPENING_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('account of ' || :user_id, 0))")

_SETTINGS = (
    "name",
    "billing_email",
    "billing_address_line1",
    "billing_address_line2",
    "billing_city",
    "billing_state",
    "billing_postal_code",
    "billing_country",
    "tax_id",
)
CHANGEABLE = frozenset(_SETTINGS)
_ACCOUNT_COLUMNS = f"id, slug, {', '.join(_SETTINGS)}, created_at"
CREATE = text(f"""
    INSERT INTO customer_accounts (slug, {", ".join(_SETTINGS)}, created_by, created_at, updated_at)
    VALUES (:slug, {", ".join(f":{name}" for name in _SETTINGS)}, :created_by, :now, :now)
    ON CONFLICT (slug) DO NOTHING RETURNING {_ACCOUNT_COLUMNS}
""")
ACCOUNT = Prepared(f"SELECT {_ACCOUNT_COLUMNS} FROM customer_accounts WHERE id = :account_id")
LOCK_ACCOUNT = text("SELECT FROM customer_accounts WHERE id = :account_id FOR NO KEY UPDATE")
UPDATE = text(f"""
    UPDATE customer_accounts SET updated_at = :now, {", ".join(f"{name} = :{name}" for name in _SETTINGS)}
    WHERE id = :account_id RETURNING {_ACCOUNT_COLUMNS}
""")

_MEMBER_COLUMNS = """
    m.id, coalesce(m.email, '') AS email, m.first_name, m.last_name, m.user_id IS NOT NULL AS is_active, m.is_staff,
    m.date_joined, m.role
"""
MEMBERS = ListQuery(
    columns=_MEMBER_COLUMNS,
    source="account_members m",
    key="m.id",
    joins="JOIN account_members m ON m.id = page.key",
    filters={"account_id": "m.account_id = :account_id"},
    sorts={"invited_at": "m.invited_at"},
    default_sort="invited_at",
    default_order="asc",
)
ADD_MEMBER = text(f"""
    INSERT INTO account_members AS m
        (account_id, user_id, email, first_name, last_name, role, is_staff, invited_at, date_joined)
    VALUES (
        :account_id, :user_id, :email, :first_name, :last_name, :role, :is_staff, :now,
        CASE WHEN CAST(:user_id AS text) IS NOT NULL THEN CAST(:now AS timestamptz) END
    )
    ON CONFLICT DO NOTHING RETURNING {_MEMBER_COLUMNS}
""")
MEMBER_ROLE = text("""
    SELECT role FROM account_members WHERE id = :member_id AND account_id = :account_id
""")
# Owners who can sign in: one who was only invited does not keep an account in hand.
OTHER_OWNERS = text("""
    SELECT EXISTS (
        SELECT FROM account_members WHERE account_id = :account_id AND role = 'owner'
            AND user_id IS NOT NULL AND id <> :member_id
    )
""")
REMOVE_MEMBER = text("""
    DELETE FROM account_members WHERE id = :member_id AND account_id = :account_id
""")
