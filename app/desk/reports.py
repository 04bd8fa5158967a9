"""The vendor's reports: the credits of all accounts over a month, and the invoices that are not paid."""

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from app.clock import utc_now
from app.credits.ledger import forecast
from app.credits.ledger.due import next_month
from app.credits.ledger.transactions import Transaction
from app.db import streaming
from app.db.base import db
from app.db.paging import EveryRow
from app.desk import report_queries as queries
from app.desk.queries import DUE_ACCOUNTS
from app.errors import Invalid

# The first and the last day since its issue of an invoice of each age.
AGES = {"0-30": (0, 30), "31-60": (31, 60), "61-90": (61, 90), "over 90": (91, None)}


class CreditsReport:
    """What the credits of all accounts were when a month (UTC) began, what changed them in it, and what they became.

    Reads one state of the database. What fell due and is not posted yet counts at its instant. Raises Invalid for a
    month in the future.
    """

    def __init__(self, month: date) -> None:
        self._month = month
        self._since = datetime(month.year, month.month, 1, tzinfo=UTC)
        self._until = next_month(self._since)
        self._now = utc_now()
        if self._since > self._now:
            raise Invalid.field("month", "Must not be in the future.", location="query")

    def whole(self) -> dict[str, Any]:
        """The report: credits, and the revenue in US dollars."""
        late = self._unposted()
        period = {"since": self._since, "until": self._until}
        flows = db.session.execute(queries.FLOWS, period).one()
        sums: dict[str, int] = defaultdict(int, zip(flows.buckets, flows.during, strict=True))
        # The stored balances know nothing of what is not posted.
        opening = flows.credits - sum(flows.during) - sum(flows.later)
        for each in late:
            if each.created_at < self._since:
                opening += each.amount
            elif each.created_at < self._until:
                # A refund of which no write knows yet is one that staff granted for later.
                sums[queries.BUCKET_OF.get(each.transaction_type, "adjusted")] += each.amount
        revenue = db.session.execute(queries.REVENUE, {**period, **_draws_of_bought(late)}).scalar_one()
        return {
            "month": f"{self._month:%Y-%m}",
            "opening": opening,
            **{bucket: sign * sums[bucket] for bucket, sign in queries.BUCKETS.items()},
            "closing": opening + sum(sums.values()),
            "revenue": revenue,
        }

    def every_row(self) -> EveryRow:
        """The report as one row."""
        return EveryRow.of(iter([[self.whole()]]))

    def _unposted(self) -> list[Transaction]:
        account_ids = db.session.execute(DUE_ACCOUNTS, {"now": self._now}).scalars().all()
        return forecast.of_accounts(account_ids).transactions


class Receivables:
    """The invoices that are not paid, by the days since they were issued."""

    def __init__(self) -> None:
        self._now = utc_now()

    def whole(self) -> dict[str, Any]:
        """The invoices, oldest first, and their sums by age."""
        invoices = [_aged(row) for row in db.session.execute(queries.OPEN_INVOICES, {"now": self._now})]
        by_age = [_sum([each for each in invoices if each["age"] == age], age=age) for age in AGES]
        return {"as_of": self._now, **_sum(invoices), "by_age": by_age, "invoices": invoices}

    def every_row(self) -> EveryRow:
        """The invoices as they are fetched."""
        fields, parts = streaming.fetch(queries.OPEN_INVOICES, {"now": self._now})
        return EveryRow.of(parts, [*fields, "age"]).shown(_aged)


def _draws_of_bought(transactions: list[Transaction]) -> dict[str, list[Any]]:
    draws = [
        (each.account_id, lot.id, credits, each.created_at)
        for each in transactions
        for lot, credits in each.draws
        if lot.is_bought and each.transaction_type != "purchase"
    ]
    columns = zip(*draws, strict=True) if draws else ((), (), (), ())
    return dict(zip(("account_ids", "lot_ids", "credits", "instants"), map(list, columns), strict=True))


def _aged(row: Any) -> dict[str, Any]:
    age = next(age for age, (_, last) in AGES.items() if last is None or row.days <= last)
    return {**row._asdict(), "age": age}


def _sum(invoices: list[dict[str, Any]], **about: str) -> dict[str, Any]:
    total = sum((each["total_amount"] for each in invoices), Decimal(0))
    return {**about, "count": len(invoices), "total_amount": total}
