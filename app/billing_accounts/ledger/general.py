"""Locking, consuming and unlocking whatever a reference has: locks that expire, challenges consumed in part.

`app.billing_accounts.ledger.single` leaves here what its own statements, which are shorter, do not do. Each of these
decides and writes anything, but for an account of which something is due: that is to be posted before it.
"""

from app.billing_accounts.ledger import journal, rule
from app.billing_accounts.ledger.expiry import DUE, is_due, now_of
from app.db.fast.prepared import AnyPrepared, Prepared
from app.errors import Reason

# Budgets are locked first; what is decided on is read by the next statement, once they are held. (A statement that
# locks and reads at once would look at the line its snapshot shows, which a concurrent request may have replaced.) Both
# are sent at once, and nothing is written unless all is: a refusal needs no rollback, the work no transaction.
# The budget is found by the parameter, never by joining on the line, so its primary key is always used.
LOCK_BUDGET = "SELECT FROM budgets WHERE billing_account_id = :account_id FOR NO KEY UPDATE;"
# Nothing, of an engagement: each of its charges stands for itself.
LINES_OF_REFERENCE = """
    billing_account_id = :account_id AND external_id = :external_id AND external_type = 'CHALLENGE'
        AND :external_type = 'CHALLENGE'
"""
_HELD = f"""
    held AS (
        SELECT sum(amount) FILTER (WHERE kind = 'locked') AS locked,
            sum(amount) FILTER (WHERE kind = 'consumed') AS consumed, max(expires_at) AS expires_at
        FROM budget_lines WHERE {LINES_OF_REFERENCE}
    )
"""
_REQUEST = f"""
    SELECT budget.remaining, account.status, coalesce(account.start_date, '-infinity') AS opens_at,
        coalesce(account.end_date, 'infinity') AS closes_at,
        CASE WHEN held.locked IS NOT NULL THEN 'locked' WHEN held.consumed IS NOT NULL THEN 'consumed' END AS held_as,
        coalesce(held.locked, 0) AS held_locked, coalesce(held.consumed, 0) AS held_consumed,
        held.expires_at AS ended, budget.next_expiry AS next_before, CAST(:amount AS numeric) AS asked,
        {now_of("budget")} AS asked_at, CAST(:dates_enforced AS boolean) AS dates_enforced,
        {is_due("budget")} AS is_due
    FROM budgets AS budget JOIN billing_accounts AS account ON account.id = budget.billing_account_id, held
    WHERE budget.billing_account_id = :account_id
"""
ON_CONFLICT = "ON CONFLICT (billing_account_id, external_id, kind) WHERE external_type = 'CHALLENGE' DO UPDATE SET"
OF_LINE = {name: f"line.{name}" for name in ("external_type", "external_id", "external_name")}
RETURNED = "id, amount, date, created_at, consumed_at, expires_at, external_type, external_id, external_name"
IS_CHANGED_HERE = "CASE WHEN line.as_imported IS NOT NULL THEN false END"


def _next_expiry(next_expiry: str, ended: str) -> str:
    """When the first lock of the account expires once this reference has none that does so at `ended`."""
    return f"""
        CASE WHEN {ended} = {next_expiry} THEN (
            SELECT min(expires_at) FROM budget_lines
            WHERE billing_account_id = :account_id AND expires_at IS NOT NULL AND external_id <> :external_id
        ) ELSE {next_expiry} END
    """


def _reserve(asked_as: str, held: str, locked: str, consumed: str, *, expires_at: str, written: str) -> AnyPrepared:
    """The statement that reserves an amount, `asked`, for the reference.

    As SQL: `held` is what the reference has that counts for it, `locked` and `consumed` what it has afterwards, when
    the lock expires, and the CTEs that write the lines, the last of which, `written`, returns the one that was set.
    """
    reserved = journal.post(
        "decision, written AS line",
        "budgets.billing_account_id = :account_id AND (locked_delta <> 0 OR consumed_delta <> 0)",
        at="asked_at",
        kind="asked_as",
        entry_id="line.id",
        **OF_LINE,
        locked_delta="locked_delta",
        consumed_delta="consumed_delta",
        also=", next_expiry = expiry_after",
    )
    return Prepared(f"""
        {LOCK_BUDGET}
        WITH {_HELD}, request AS ({_REQUEST}), weighed AS (
            SELECT *, '{asked_as}' AS asked_as, {held} AS held, {locked} AS locked_after, {consumed} AS consumed_after,
                {expires_at} AS expires_at
            FROM request
        ), decision AS (
            SELECT *, CASE WHEN is_due THEN '{DUE}' WHEN expires_at <= asked_at THEN '{Reason.INVALID_INPUT}'
                    ELSE {rule.REFUSAL.sql} END AS refusal,
                locked_after - held_locked AS locked_delta, consumed_after - held_consumed AS consumed_delta,
                least({_next_expiry("next_before", "ended")}, expires_at) AS expiry_after
            FROM weighed
        ), {written}, {reserved}
        SELECT written.*, CASE external_type WHEN 'CHALLENGE' THEN external_id END AS challenge_id, refusal, held,
            remaining
        FROM decision LEFT JOIN written ON true
    """)


_AT = "coalesce(CAST(:expires_at AS timestamptz), asked_at + make_interval(secs => :expires_in))"
# A lock that only gets another time to expire at is no movement.
_LOCKED = f"""
    written AS (
        INSERT INTO budget_lines AS line
            (billing_account_id, kind, external_type, external_id, external_name, amount, date, created_at, expires_at)
        SELECT :account_id, 'locked', :external_type, :external_id, :external_name, asked, asked_at, asked_at,
            expires_at
        FROM decision WHERE refusal IS NULL
        {ON_CONFLICT} external_name = coalesce(excluded.external_name, line.external_name),
            amount = excluded.amount, date = excluded.date, expires_at = excluded.expires_at,
            as_imported = {IS_CHANGED_HERE}
        RETURNING {RETURNED}
    ), rescheduled AS (
        UPDATE budgets SET next_expiry = expiry_after FROM decision
        WHERE billing_account_id = :account_id AND refusal IS NULL AND locked_delta = 0
            AND next_expiry IS DISTINCT FROM expiry_after
    )
"""
LOCK = _reserve("locked", "held_locked", "asked", "held_consumed", expires_at=_AT, written=_LOCKED)
# The line of a lock that ends becomes the consumed one, unless there is one. An INSERT reads what was deleted, so that
# the line has its id once it is gone.
_ENDED = f"""
    ended AS (
        DELETE FROM budget_lines AS line USING decision
        WHERE {LINES_OF_REFERENCE} AND kind = 'locked' AND refusal IS NULL AND locked_after = 0
        RETURNING line.id, line.created_at, line.external_name, {IS_CHANGED_HERE} AS as_imported
    )
"""
_CONSUMED = f"""
    written AS (
        INSERT INTO budget_lines AS line
            (id, billing_account_id, kind, external_type, external_id, external_name, amount, date, created_at,
            consumed_at, as_imported)
        SELECT coalesce(ended.id, uuidv7()), :account_id, 'consumed', :external_type, :external_id,
            coalesce(:external_name, ended.external_name), consumed_after, asked_at,
            coalesce(ended.created_at, asked_at), asked_at, ended.as_imported
        FROM decision LEFT JOIN ended ON true WHERE refusal IS NULL
        {ON_CONFLICT} external_name = coalesce(excluded.external_name, line.external_name),
            amount = excluded.amount, date = excluded.date, as_imported = {IS_CHANGED_HERE}
        RETURNING {RETURNED}
    )
"""
CONSUME = _reserve(
    "consumed",
    "held_locked + held_consumed",
    "0",
    "asked",
    expires_at="CAST(NULL AS timestamptz)",
    written=f"{_ENDED}, {_CONSUMED}",
)
# What is consumed is added, and taken off the lock as far as that goes.
CONSUME_PART = _reserve(
    "consumed",
    "held_locked",
    "greatest(held_locked - asked, 0)",
    "held_consumed + asked",
    expires_at="CASE WHEN asked < held_locked THEN ended END",
    written=f"""
        {_ENDED}, lowered AS (
            UPDATE budget_lines AS line SET amount = locked_after, date = asked_at, as_imported = {IS_CHANGED_HERE}
            FROM decision
            WHERE {LINES_OF_REFERENCE} AND kind = 'locked' AND refusal IS NULL AND locked_after > 0
        ), {_CONSUMED}
    """,
)
_UNLOCKED = journal.post(
    "released AS line",
    "budgets.billing_account_id = :account_id",
    kind="'unlocked'",
    entry_id="line.id",
    **OF_LINE,
    locked_delta="-line.amount",
    also=f", next_expiry = {_next_expiry('budgets.next_expiry', 'line.expires_at')}",
)
UNLOCK = Prepared(f"""
    {LOCK_BUDGET}
    WITH {_HELD}, budget AS (
        SELECT {is_due("budget")} AS is_due FROM budgets AS budget WHERE billing_account_id = :account_id
    ), released AS (
        DELETE FROM budget_lines AS line USING budget
        WHERE {LINES_OF_REFERENCE} AND kind = 'locked' AND NOT is_due
        RETURNING line.id, billing_account_id, external_type, external_id, external_name, amount, as_imported,
            expires_at
    ), remembered AS (
        INSERT INTO released_lines (billing_account_id, external_id)
        SELECT released.billing_account_id, external_id FROM released, budgets AS budget
        WHERE budget.billing_account_id = :account_id
            AND (released.as_imported IS NOT NULL OR budget.as_imported IS NOT NULL)
        ON CONFLICT DO NOTHING
    ), {_UNLOCKED}
    SELECT CASE WHEN is_due THEN '{DUE}'
        WHEN locked IS NULL AND consumed IS NOT NULL THEN '{Reason.ALREADY_CONSUMED}' END AS refusal
    FROM budget, held
""")
