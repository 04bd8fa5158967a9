"""Finding and writing accounts and members."""

from sqlalchemy import (
    ARRAY,
    String,
    Text,
    and_,
    any_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from app.customers.models import AccountMember, AccountOpener, AccountStatus, CustomerAccount, MemberRole
from app.db.columns import columns_of, values_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.paging import ListQuery
from app.db.versions import is_expected
from app.tenancy import SETTING, USER_SETTING

# The account named, or else the one joined first. It is looked for as the person who calls, who sees their own
# memberships; from there on the rows of that account are seen and no others. As text: the setting follows from what
# the same statement finds, and also when it finds nothing.
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

_OF_ACCOUNT = AccountMember.account_id == bindparam("account_id")
_OF_USER = AccountMember.user_id == bindparam("user_id")
_HAS_JOINED = AccountMember.user_id.is_not(None)
_IS_INVITED = AccountMember.user_id.is_(None)
_IS_OPEN = and_(AccountMember.ended_at.is_(None), AccountMember.expires_at > bindparam("now"))
_HAS_ADDRESS = func.lower(AccountMember.email.collate("C")) == bindparam("folded_email")

# The next four run as the person.
OWNS_SOME_ACCOUNT = Prepared(
    select(
        exists().where(
            _OF_USER,
            AccountMember.role == MemberRole.OWNER,
            CustomerAccount.id == AccountMember.account_id,
            CustomerAccount.status != AccountStatus.CLOSED,
        )
    )
)
_MEMBERSHIPS = select(
    AccountMember.id,
    AccountMember.account_id,
    CustomerAccount.name.label("account_name"),
    CustomerAccount.status.label("account_status"),
    AccountMember.role,
    AccountMember.date_joined,
).join(CustomerAccount, CustomerAccount.id == AccountMember.account_id)
MEMBERSHIPS = ListQuery(
    rows=_MEMBERSHIPS,
    key=AccountMember.id,
    filters={"user_id": _OF_USER},
    sorts={"date_joined": AccountMember.date_joined},
    default_sort="date_joined",
)
_INVITATIONS = select(
    AccountMember.id,
    AccountMember.account_id,
    CustomerAccount.name.label("account_name"),
    AccountMember.role,
    AccountMember.invited_by,
    AccountMember.expires_at,
).join(CustomerAccount, CustomerAccount.id == AccountMember.account_id)
INVITATIONS = ListQuery(
    rows=_INVITATIONS,
    key=AccountMember.id,
    filters={"folded_email": and_(_IS_INVITED, _HAS_ADDRESS), "now": _IS_OPEN},
    sorts={"invited_at": AccountMember.invited_at},
    default_sort="invited_at",
)
# One that the person accepted is found too: it can be said of it that it ended.
INVITATION = Prepared(
    _INVITATIONS.add_columns(_HAS_JOINED.label("is_accepted")).where(
        AccountMember.id == bindparam("invitation_id"),
        AccountMember.expires_at.is_not(None),
        or_(_OF_USER, and_(_IS_INVITED, _HAS_ADDRESS)),
    )
)
# One person at a time: looking for their account and opening one belong together.
ONE_OPENING_AT_A_TIME = Prepared(
    select(func.pg_advisory_xact_lock(func.hashtextextended(literal("account of ").concat(bindparam("user_id")), 0)))
)

_FIXED = {"id", "version", "slug", "status", "erased_at", "created_by", "created_at", "updated_at"}
_SETTINGS = columns_of(CustomerAccount, but=_FIXED)
CHANGEABLE = frozenset(each.key for each in _SETTINGS)
_ACCOUNT = columns_of(CustomerAccount, but={"created_by", "updated_at", "erased_at"})
_IS_ACCOUNT = CustomerAccount.id == bindparam("account_id")
CREATE = Prepared(
    insert(CustomerAccount)
    .values(**values_of(*columns_of(CustomerAccount, but={"id", "version", "status", "erased_at"})))
    .on_conflict_do_nothing(index_elements=[CustomerAccount.slug])
    .returning(*_ACCOUNT)
)
ACCOUNT = Prepared(select(*_ACCOUNT).where(_IS_ACCOUNT))
_STATUS = select(CustomerAccount.status, CustomerAccount.members_may_buy).where(_IS_ACCOUNT)
LOCK_ACCOUNT = Prepared(_STATUS.with_for_update(key_share=True))
# For what only needs the status to stay as it is.
SHARE_ACCOUNT = Prepared(_STATUS.with_for_update(read=True))
SET_STATUS = Prepared(
    update(CustomerAccount)
    .where(_IS_ACCOUNT)
    .values(status=bindparam("status"), updated_at=bindparam("now"), version=CustomerAccount.version + 1)
)
UPDATE = Prepared(
    update(CustomerAccount)
    .where(_IS_ACCOUNT, is_expected(CustomerAccount))
    .values(**values_of(*_SETTINGS, CustomerAccount.updated_at), version=CustomerAccount.version + 1)
    .returning(*_ACCOUNT)
)

# What is left of a closed account whose personal data is erased.
ERASE_ACCOUNT = Prepared(
    update(CustomerAccount)
    .where(_IS_ACCOUNT)
    .values(
        **{each.key: "" for each in _SETTINGS if isinstance(each.type, String) and each.key != "name"},
        name=bindparam("name"),
        slug=bindparam("slug"),
        created_by="",
        updated_at=bindparam("now"),
        erased_at=bindparam("now"),
        version=CustomerAccount.version + 1,
    )
)

_MEMBER = (
    *columns_of(
        AccountMember,
        but={"account_id", "user_id", "email", "invited_at", "invited_by", "expires_at", "ended_at"},
    ),
    func.coalesce(AccountMember.email, "").label("email"),
    _HAS_JOINED.label("is_active"),
)
_IS_MEMBER = and_(AccountMember.id == bindparam("member_id"), _OF_ACCOUNT)
# Members, and invitations that can still be accepted.
_OF_TEAM = or_(_HAS_JOINED, _IS_OPEN)
MEMBERS = ListQuery(
    rows=select(*_MEMBER),
    key=AccountMember.id,
    filters={"account_id": _OF_ACCOUNT, "now": _OF_TEAM},
    sorts={"invited_at": AccountMember.invited_at},
    default_sort="invited_at",
)
ADD_MEMBER = Prepared(
    insert(AccountMember)
    .values(**values_of(*columns_of(AccountMember, but={"id", "version", "ended_at"})))
    .on_conflict_do_nothing()
    .returning(*_MEMBER)
)
# An invitation that expired does not keep its address from being invited again.
END_EXPIRED = Prepared(
    update(AccountMember)
    .where(
        _OF_ACCOUNT,
        _IS_INVITED,
        _HAS_ADDRESS,
        AccountMember.ended_at.is_(None),
        AccountMember.expires_at <= bindparam("now"),
    )
    .values(ended_at=AccountMember.expires_at)
    .returning(AccountMember.id)
)
END_INVITATION = Prepared(
    update(AccountMember)
    .where(_IS_MEMBER, _IS_INVITED, _IS_OPEN, is_expected(AccountMember))
    .values(ended_at=bindparam("now"))
    .returning(AccountMember.id)
)
ACCEPT_INVITATION = Prepared(
    update(AccountMember)
    .where(_IS_MEMBER, _IS_INVITED, _IS_OPEN)
    .values(
        user_id=bindparam("user_id"),
        date_joined=bindparam("now"),
        is_staff=bindparam("is_staff"),
        first_name=func.coalesce(func.nullif(bindparam("first_name"), ""), AccountMember.first_name),
        last_name=func.coalesce(func.nullif(bindparam("last_name"), ""), AccountMember.last_name),
    )
    .returning(AccountMember.id)
)
# A member of the team of an account that is locked: by the row, or by the user.
MEMBER = Prepared(select(*_MEMBER).where(_IS_MEMBER, _OF_TEAM))
EVERY_INVITATION: AnyPrepared = Prepared(
    select(
        *columns_of(
            AccountMember,
            but={"version", "account_id", "user_id", "first_name", "last_name", "is_staff", "date_joined"},
        )
    )
    .where(_OF_ACCOUNT, _IS_INVITED)
    .order_by(AccountMember.id.desc())
)
MEMBERSHIP = Prepared(_MEMBERSHIPS.where(_OF_ACCOUNT, _OF_USER))
# Owners who can sign in: one who was only invited does not keep an account in hand.
OTHER_OWNERS = Prepared(
    select(
        exists().where(
            _OF_ACCOUNT,
            AccountMember.role == MemberRole.OWNER,
            _HAS_JOINED,
            AccountMember.id != bindparam("member_id"),
        )
    )
)
SET_ROLE = Prepared(
    update(AccountMember)
    .where(_IS_MEMBER, is_expected(AccountMember))
    .values(role=bindparam("role"), version=AccountMember.version + 1)
    .returning(*_MEMBER)
)
REMOVE_MEMBER = Prepared(
    delete(AccountMember).where(_IS_MEMBER, is_expected(AccountMember)).returning(AccountMember.id)
)

REMOVE_TEAM = Prepared(delete(AccountMember).where(_OF_ACCOUNT))
# Nobody asks for them any more.
PRUNE_INVITATIONS = Prepared(
    delete(AccountMember)
    .where(_IS_INVITED, func.least(AccountMember.ended_at, AccountMember.expires_at) <= bindparam("before"))
    .returning(AccountMember.id)
)

_DIGESTS = cast(bindparam("digests"), ARRAY(Text))
_EACH_DIGEST = func.unnest(_DIGESTS).column_valued("digest")
# In the order of the digests: two people who share one wait for each other, but never in a circle.
COUNT_OPENING = Prepared(
    insert(AccountOpener)
    .from_select(["digest", "accounts"], select(_EACH_DIGEST, literal(1)).order_by(_EACH_DIGEST))
    .on_conflict_do_update(
        index_elements=[AccountOpener.digest],
        set_={"accounts": AccountOpener.accounts + 1},
    )
    .returning(AccountOpener.digest, AccountOpener.accounts, AccountOpener.granted_at)
)
NOTE_FIRST_GRANT = Prepared(
    update(AccountOpener).where(AccountOpener.digest == any_(_DIGESTS)).values(granted_at=bindparam("now"))
)
