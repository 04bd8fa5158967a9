"""Recomputes what is kept of credit transactions: balances, running balances, lots and daily totals."""

from collections.abc import Iterator

from sqlalchemy import text

from app import tenancy
from app.credits.ledger import capping
from app.db.audit import Difference
from app.db.base import db

_BALANCES = text("""
    SELECT b.account_id, b.credits, coalesce(t.credits, 0) AS computed, b.transactions, coalesce(t.rows, 0) AS rows
    FROM credit_balances b LEFT JOIN (
        SELECT account_id, sum(amount) AS credits, count(*) AS rows FROM credit_transactions GROUP BY account_id
    ) AS t USING (account_id)
    WHERE b.credits <> coalesce(t.credits, 0) OR b.transactions <> coalesce(t.rows, 0) ORDER BY b.account_id
""")
_RUNNING = text("""
    SELECT * FROM (
        SELECT account_id, position, balance_after,
            sum(amount) OVER earlier AS computed, row_number() OVER earlier AS nth
        FROM credit_transactions WINDOW earlier AS (PARTITION BY account_id ORDER BY position)
    ) AS t WHERE balance_after <> computed OR position <> nth ORDER BY account_id, position
""")
_LOTS = text("""
    SELECT lot.account_id, lot.id, lot.remaining, lot.expired, lot.voided, coalesce(drawn.remaining, 0) AS computed,
        coalesce(drawn.expired, 0) AS made_expired, coalesce(drawn.voided, 0) AS made_voided
    FROM credit_lots AS lot LEFT JOIN (
        SELECT account_id, drawn.lot_id, sum(drawn.credits) AS remaining,
            -coalesce(sum(drawn.credits) FILTER (WHERE transaction_type = 'expiry'), 0) AS expired,
            -coalesce(sum(drawn.credits) FILTER (WHERE transaction_type = 'void'), 0) AS voided
        FROM credit_transactions CROSS JOIN LATERAL unnest(lot_ids, lot_credits) AS drawn (lot_id, credits)
        GROUP BY account_id, drawn.lot_id
    ) AS drawn ON drawn.account_id = lot.account_id AND drawn.lot_id = lot.id
    WHERE lot.remaining <> coalesce(drawn.remaining, 0) OR lot.expired <> coalesce(drawn.expired, 0)
        OR (lot.voided <> coalesce(drawn.voided, 0) AND lot.position IS NOT NULL)
    ORDER BY lot.account_id, lot.id
""")
# What a transaction is about is what its lots are, and those are of its account.
_DRAWN = text("""
    SELECT t.account_id, t.position, t.amount, coalesce(sum(drawn.credits), 0) AS computed, count(lot.id) AS lots,
        cardinality(t.lot_ids) AS named
    FROM credit_transactions AS t CROSS JOIN LATERAL unnest(t.lot_ids, t.lot_credits) AS drawn (lot_id, credits)
    LEFT JOIN credit_lots AS lot ON lot.account_id = t.account_id AND lot.id = drawn.lot_id
    GROUP BY t.account_id, t.position
    HAVING t.amount <> coalesce(sum(drawn.credits), 0) OR count(lot.id) <> cardinality(t.lot_ids)
    ORDER BY t.account_id, t.position
""")
_REST = text("""
    SELECT b.account_id, b.credits, b.held, b.frozen, coalesce(lots.remaining, 0) AS remaining,
        coalesce(lots.held, 0) AS of_lots, coalesce(lots.frozen, 0) AS frozen_of_lots
    FROM credit_balances AS b LEFT JOIN (
        SELECT account_id, sum(remaining) AS remaining, sum(held) AS held,
            sum(least(frozen, remaining - held)) AS frozen
        FROM credit_lots GROUP BY account_id
    ) AS lots USING (account_id)
    WHERE b.credits <> coalesce(lots.remaining, 0) OR b.held <> coalesce(lots.held, 0)
        OR b.frozen <> coalesce(lots.frozen, 0)
    ORDER BY b.account_id
""")
_DEBT = text("""
    SELECT account_id, b.debt, coalesce(lots.debt, 0) + coalesce(paid.amount, 0) AS computed
    FROM credit_balances AS b
    LEFT JOIN (SELECT account_id, sum(debt) AS debt FROM credit_lots GROUP BY account_id) AS lots USING (account_id)
    LEFT JOIN (
        SELECT account_id, sum(amount) AS amount FROM credit_transactions
        WHERE transaction_type = 'debt_payment' GROUP BY account_id
    ) AS paid USING (account_id)
    WHERE b.debt <> coalesce(lots.debt, 0) + coalesce(paid.amount, 0) ORDER BY account_id
""")
# Whatever falls due would not be looked for before the instant kept on the balance.
_HELD = text("""
    SELECT lot.account_id, lot.id, lot.held, coalesce(sum(drawn.credits), 0) AS computed
    FROM credit_lots AS lot LEFT JOIN (
        SELECT account_id, drawn.lot_id, drawn.credits
        FROM credit_holds CROSS JOIN LATERAL unnest(lot_ids, lot_credits) AS drawn (lot_id, credits)
    ) AS drawn ON drawn.account_id = lot.account_id AND drawn.lot_id = lot.id
    GROUP BY lot.account_id, lot.id HAVING lot.held <> coalesce(sum(drawn.credits), 0)
    ORDER BY lot.account_id, lot.id
""")
_HOLDS = text("""
    SELECT account_id, id, hold.remaining, hold.captured, hold.drawn, -coalesce(posted.amount, 0) AS spent
    FROM (
        SELECT account_id, id, remaining, captured,
            coalesce((SELECT sum(credits) FROM unnest(lot_credits) AS credits), 0) AS drawn
        FROM credit_holds
    ) AS hold LEFT JOIN (
        SELECT account_id, hold_id AS id, sum(amount) AS amount FROM credit_transactions
        WHERE hold_id IS NOT NULL GROUP BY account_id, hold_id
    ) AS posted USING (account_id, id)
    WHERE hold.remaining <> hold.drawn OR hold.captured <> -coalesce(posted.amount, 0) ORDER BY account_id, id
""")
_CAPS = text(f"""
    SELECT cap.account_id, cap.id, cap.used, coalesce(sum(use.credits), 0) AS computed
    FROM credit_caps AS cap LEFT JOIN ({capping.USES}) AS use ON use.account_id = cap.account_id AND {capping.COUNTS}
    GROUP BY cap.account_id, cap.id, cap.used HAVING cap.used <> coalesce(sum(use.credits), 0)
    ORDER BY cap.account_id, cap.id
""")
_REVERSED = text("""
    SELECT account_id, day, kept.reversed, coalesce(made.reversed, 0) AS computed
    FROM credit_daily_totals AS kept LEFT JOIN (
        SELECT spent.account_id, CAST(spent.created_at AT TIME ZONE 'UTC' AS date) AS day,
            sum(returned.amount) AS reversed
        FROM credit_transactions AS returned JOIN credit_transactions AS spent
            ON spent.account_id = returned.account_id AND spent.position = returned.reverses
        GROUP BY 1, 2
    ) AS made USING (account_id, day)
    WHERE transaction_type = 'deduction' AND kept.reversed <> coalesce(made.reversed, 0) ORDER BY account_id, day
""")
_DUE_HOLDS = text("""
    SELECT b.account_id, b.due_at, min(hold.expires_at) AS at
    FROM credit_balances AS b JOIN credit_holds AS hold USING (account_id) WHERE hold.status = 'open'
    GROUP BY b.account_id, b.due_at HAVING b.due_at > min(hold.expires_at) ORDER BY b.account_id
""")
_DUE = text("""
    SELECT b.account_id, b.due_at,
        min(CASE WHEN lot.position IS NULL THEN lot.effective_at ELSE lot.expires_at END) AS at
    FROM credit_balances AS b JOIN credit_lots AS lot USING (account_id)
    WHERE (lot.is_live AND lot.position IS NULL) OR (lot.is_spendable AND lot.expires_at IS NOT NULL)
    GROUP BY b.account_id, b.due_at
    HAVING b.due_at > min(CASE WHEN lot.position IS NULL THEN lot.effective_at ELSE lot.expires_at END)
    ORDER BY b.account_id
""")
_DAILY = text("""
    SELECT account_id, day, transaction_type, kept.total, kept.count, made.total AS made_total, made.count AS made_count
    FROM credit_daily_totals AS kept FULL JOIN (
        SELECT account_id, CAST(created_at AT TIME ZONE 'UTC' AS date) AS day, transaction_type,
            sum(amount) AS total, count(*) AS count
        FROM credit_transactions GROUP BY 1, 2, 3
    ) AS made USING (account_id, day, transaction_type)
    WHERE (kept.total, kept.count) IS DISTINCT FROM (made.total, made.count)
    ORDER BY account_id, day, transaction_type
""")


def differences() -> Iterator[Difference]:
    """Every balance, lot, hold and daily total that its transactions do not make."""
    tenancy.set_every_account()
    for row in db.session.execute(_BALANCES):
        problem = f"{row.credits} credits of {row.transactions} transactions are kept, "
        yield Difference(f"account {row.account_id}", f"{problem}there are {row.computed} of {row.rows}")
    for row in db.session.execute(_RUNNING):
        problem = f"keeps a balance of {row.balance_after}, the {row.nth} up to it make {row.computed}"
        yield Difference(f"account {row.account_id}, transaction {row.position}", problem)
    yield from _lots()
    yield from _holds()
    for row in db.session.execute(_DAILY):
        problem = f"{row.total} of {row.count} are kept, the transactions make {row.made_total} of {row.made_count}"
        yield Difference(f"account {row.account_id}, {row.transaction_type} on {row.day}", problem)


def _lots() -> Iterator[Difference]:
    for row in db.session.execute(_DRAWN):
        problem = f"is {row.amount}, {row.lots} of the {row.named} lots it names exist and make {row.computed}"
        yield Difference(f"account {row.account_id}, transaction {row.position}", problem)
    for row in db.session.execute(_LOTS):
        problem = f"{row.remaining} credits are left, {row.expired} expired, {row.voided} voided, "
        made = f"its transactions make {row.computed}, {row.made_expired} and {row.made_voided}"
        yield Difference(f"account {row.account_id}, lot {row.id}", f"{problem}{made}")
    for row in db.session.execute(_REST):
        kept = f"{row.credits} credits, {row.held} held and {row.frozen} frozen are kept, "
        made = f"the lots make {row.remaining}, {row.of_lots} and {row.frozen_of_lots}"
        yield Difference(f"account {row.account_id}", kept + made)
    for row in db.session.execute(_DEBT):
        problem = f"a debt of {row.debt} credits is kept, lots and payments of debt make {row.computed}"
        yield Difference(f"account {row.account_id}", problem)
    for row in db.session.execute(_DUE):
        yield Difference(f"account {row.account_id}", f"nothing is due before {row.due_at}, a lot is at {row.at}")


def _holds() -> Iterator[Difference]:
    for row in db.session.execute(_HELD):
        problem = f"{row.held} credits are kept as held, its holds make {row.computed}"
        yield Difference(f"account {row.account_id}, lot {row.id}", problem)
    for row in db.session.execute(_HOLDS):
        kept = f"{row.remaining} credits are kept as held and {row.captured} as captured"
        yield Difference(f"account {row.account_id}, hold {row.id}", f"{kept}, there are {row.drawn} and {row.spent}")
    for row in db.session.execute(_CAPS):
        problem = f"{row.used} credits are kept as used, there are {row.computed}"
        yield Difference(f"account {row.account_id}, cap {row.id}", problem)
    for row in db.session.execute(_REVERSED):
        problem = f"{row.reversed} credits are kept as taken back, there are {row.computed}"
        yield Difference(f"account {row.account_id}, deductions on {row.day}", problem)
    for row in db.session.execute(_DUE_HOLDS):
        yield Difference(f"account {row.account_id}", f"nothing is due before {row.due_at}, a hold is at {row.at}")
