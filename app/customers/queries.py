"""Finding and writing accounts and members."""

from sqlalchemy import and_, bindparam, func, or_, select, text

from app.customers.models import AccountMember, CustomerAccount
from app.db.fast.prepared import Prepared
from app.db.paging import ListQuery
from app.tenancy import SETTING, USER_SETTING

# The account named, or else the one joined first. It is looked for as the person who calls, who sees their own
# memberships; from there on the rows of that account are seen and no others.
ENTER = Prepared(f"""
    SELECT set_config('{USER_SETTING}', :user_id, true);
    WITH found AS MATERIALIZED (
        SELECT account_id, role FROM account_members
        WHERE user_id = :user_id AND (CAST(:account_id AS bigint) IS NULL OR account_id = :account_id)
        ORDER BY date_joined, id LIMIT 1
    )
    SELECT account_id, role, set_config('{SETTING}', coalesce(CAST(account_id AS text), ''), true),
        set_config('{USER_SETTING}', '', true)
    FROM (SELECT) AS one LEFT JOIN found ON true
""")
# The next five run as the person.
OWNS_SOME_ACCOUNT = text("SELECT EXISTS (SELECT FROM account_members WHERE user_id = :user_id AND role = 'owner')")
_MEMBERSHIP_COLUMNS = "m.id, m.account_id, a.name AS account_name, m.role, m.date_joined"
MEMBERSHIPS = ListQuery(
    rows=select(
        AccountMember.id,
        AccountMember.account_id,
        CustomerAccount.name.label("account_name"),
        AccountMember.role,
        AccountMember.date_joined,
    ).join(CustomerAccount, CustomerAccount.id == AccountMember.account_id),
    key=AccountMember.id,
    filters={"user_id": AccountMember.user_id == bindparam("user_id")},
    sorts={"date_joined": AccountMember.date_joined},
    default_sort="date_joined",
)
_INVITATION_COLUMNS = "m.id, m.account_id, a.name AS account_name, m.role, m.invited_by, m.expires_at"
_FOLDED_EMAIL = 'lower(m.email COLLATE "C")'
INVITATIONS = ListQuery(
    rows=select(
        AccountMember.id,
        AccountMember.account_id,
        CustomerAccount.name.label("account_name"),
        AccountMember.role,
        AccountMember.invited_by,
        AccountMember.expires_at,
    ).join(CustomerAccount, CustomerAccount.id == AccountMember.account_id),
    key=AccountMember.id,
    filters={
        "folded_email": and_(
            AccountMember.user_id.is_(None),
            func.lower(AccountMember.email.collate("C")) == bindparam("folded_email"),
        ),
        "now": and_(AccountMember.ended_at.is_(None), AccountMember.expires_at > bindparam("now")),
    },
    sorts={"invited_at": AccountMember.invited_at},
    default_sort="invited_at",
)
# One that the person accepted is found too: it can be said of it that it ended.
INVITATION = text(f"""
    SELECT {_INVITATION_COLUMNS}, m.user_id IS NOT NULL AS is_accepted
    FROM account_members m JOIN customer_accounts a ON a.id = m.account_id
    WHERE m.id = :invitation_id AND m.expires_at IS NOT NULL
        AND (m.user_id = :user_id OR m.user_id IS NULL AND {_FOLDED_EMAIL} = :folded_email)
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
_OPEN_INVITATION = "user_id IS NULL AND ended_at IS NULL AND expires_at > :now"
# Members, and invitations that can still be accepted.
_OF_TEAM = f"(user_id IS NOT NULL OR {_OPEN_INVITATION})"
MEMBERS = ListQuery(
    rows=select(
        AccountMember.id,
        func.coalesce(AccountMember.email, "").label("email"),
        AccountMember.first_name,
        AccountMember.last_name,
        AccountMember.user_id.is_not(None).label("is_active"),
        AccountMember.is_staff,
        AccountMember.date_joined,
        AccountMember.role,
    ),
    key=AccountMember.id,
    filters={
        "account_id": AccountMember.account_id == bindparam("account_id"),
        "now": or_(
            AccountMember.user_id.is_not(None),
            and_(AccountMember.ended_at.is_(None), AccountMember.expires_at > bindparam("now")),
        ),
    },
    sorts={"invited_at": AccountMember.invited_at},
    default_sort="invited_at",
)
ADD_MEMBER = text(f"""
    INSERT INTO account_members AS m (
        account_id, user_id, email, first_name, last_name, role, is_staff, invited_at, invited_by, expires_at,
        date_joined
    ) VALUES (
        :account_id, :user_id, :email, :first_name, :last_name, :role, :is_staff, :now, :invited_by, :expires_at,
        CASE WHEN CAST(:user_id AS text) IS NOT NULL THEN CAST(:now AS timestamptz) END
    )
    ON CONFLICT DO NOTHING RETURNING {_MEMBER_COLUMNS}
""")
# An invitation that expired does not keep its address from being invited again.
END_EXPIRED = text(f"""
    UPDATE account_members AS m SET ended_at = expires_at
    WHERE account_id = :account_id AND user_id IS NULL AND ended_at IS NULL AND expires_at <= :now
        AND {_FOLDED_EMAIL} = :folded_email
""")
END_INVITATION = text(f"""
    UPDATE account_members SET ended_at = :now
    WHERE id = :member_id AND account_id = :account_id AND {_OPEN_INVITATION} RETURNING id
""")
ACCEPT_INVITATION = text(f"""
    UPDATE account_members SET user_id = :user_id, date_joined = :now, is_staff = :is_staff,
        first_name = coalesce(nullif(:first_name, ''), first_name),
        last_name = coalesce(nullif(:last_name, ''), last_name)
    WHERE id = :member_id AND account_id = :account_id AND {_OPEN_INVITATION} RETURNING id
""")
# Of an account that is locked, somebody of the team: by the row, or by the user.
MEMBER = text(f"""
    SELECT {_MEMBER_COLUMNS} FROM account_members AS m
    WHERE id = :member_id AND account_id = :account_id AND {_OF_TEAM}
""")
MEMBERSHIP = text(f"""
    SELECT {_MEMBERSHIP_COLUMNS} FROM account_members m JOIN customer_accounts a ON a.id = m.account_id
    WHERE m.account_id = :account_id AND m.user_id = :user_id
""")
# Owners who can sign in: one who was only invited does not keep an account in hand.
OTHER_OWNERS = text("""
    SELECT EXISTS (
        SELECT FROM account_members WHERE account_id = :account_id AND role = 'owner'
            AND user_id IS NOT NULL AND id <> :member_id
    )
""")
SET_ROLE = text(f"""
    UPDATE account_members AS m SET role = :role WHERE id = :member_id AND account_id = :account_id
    RETURNING {_MEMBER_COLUMNS}
""")
REMOVE_MEMBER = text("""
    DELETE FROM account_members WHERE id = :member_id AND account_id = :account_id
""")

# In the order of the digests: two people who share one wait for each other, but never in a circle.
COUNT_OPENING = text("""
    INSERT INTO account_openers AS opener (digest, accounts)
    SELECT digest, 1 FROM unnest(CAST(:digests AS text[])) AS digest ORDER BY digest
    ON CONFLICT (digest) DO UPDATE SET accounts = opener.accounts + 1
    RETURNING digest, accounts, granted_at
""")
NOTE_FIRST_GRANT = text("""
    UPDATE account_openers SET granted_at = :now WHERE digest = ANY(CAST(:digests AS text[]))
""")
