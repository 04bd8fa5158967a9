"""The vendor's reports: the credits of all accounts over a month, and the invoices that are not paid."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
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

# The last day after the due date of an invoice of each age.
AGES = {"not due": 0, "1-30": 30, "31-60": 60, "61-90": 90, "over 90": None}


_USED = ("credits_used", "credits_returned", "count")


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


class UsageReport:
    """What all accounts spent in a range of days (UTC), by day and by operation, and what was taken back on them."""

    def __init__(self, first: date, last: date) -> None:
        self._first, self._last = first, last

    def whole(self) -> dict[str, Any]:
        """The sums of the days, also of those without any, and of the operations, the one with most credits first."""
        by_day: dict[Any, Counter[str]] = {
            self._first + timedelta(days=n): Counter() for n in range((self._last - self._first).days + 1)
        }
        by_operation: dict[Any, Counter[str]] = defaultdict(Counter)
        total: Counter[str] = Counter()
        for row in self._rows():
            for sums in (by_day[row.date], by_operation[row.operation_type], total):
                for name in _USED:
                    sums[name] += getattr(row, name)
        operations = sorted(by_operation.items(), key=lambda each: (-each[1]["credits_used"], each[0]))
        return {
            "first": self._first,
            "last": self._last,
            **_used(total),
            "by_day": [{"date": day, **_used(sums)} for day, sums in by_day.items()],
            "by_operation_type": [{"operation_type": name, **_used(sums)} for name, sums in operations],
        }

    def every_row(self) -> EveryRow:
        """A row for each day and operation."""
        return EveryRow.of(iter([[row._asdict() for row in self._rows()]]), ["date", "operation_type", *_USED])

    def _rows(self) -> Sequence[Any]:
        return db.session.execute(queries.USAGE, {"first": self._first, "last": self._last}).all()


class Receivables:
    """The invoices that are not paid, by the days since the day by which they were to be paid."""

    def __init__(self) -> None:
        self._now = utc_now()

    def whole(self) -> dict[str, Any]:
        """The invoices, the oldest due date first, and their sums by currency and age."""
        invoices = [_aged(row) for row in db.session.execute(queries.OPEN_INVOICES, {"now": self._now})]
        sums = _Sums()
        sums.add(invoices)
        return {"as_of": self._now, "count": len(invoices), "totals": sums.by_currency(), "invoices": invoices}

    def every_row(self) -> EveryRow:
        """The invoices as they are fetched, then a row for each currency and age with their sum."""
        fields, parts = streaming.fetch(queries.OPEN_INVOICES, {"now": self._now})
        return EveryRow.of(self._rows(parts), ["kind", *fields, "age", "count"])

    @staticmethod
    def _rows(parts: Iterator[Sequence[Any]]) -> Iterator[list[dict[str, Any]]]:
        sums = _Sums()
        for part in parts:
            invoices = [_aged(row) for row in part]
            sums.add(invoices)
            yield [{"kind": "invoice", **each} for each in invoices]
        yield [
            {"kind": "total", "currency": total["currency"], **each}
            for total in sums.by_currency()
            for each in total["by_age"]
        ]


class _Sums:
    """How many invoices there are of each currency and age, and their sum."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._amounts: dict[tuple[str, str], Decimal] = defaultdict(Decimal)

    def add(self, invoices: Iterable[dict[str, Any]]) -> None:
        for each in invoices:
            self._counts[each["currency"], each["age"]] += 1
            self._amounts[each["currency"], each["age"]] += each["total_amount"]

    def by_currency(self) -> list[dict[str, Any]]:
        return [self._of(currency) for currency in sorted({currency for currency, _ in self._counts})]

    def _of(self, currency: str) -> dict[str, Any]:
        by_age = [
            {"age": age, "count": self._counts[currency, age], "total_amount": self._amounts[currency, age]}
            for age in AGES
        ]
        return {
            "currency": currency,
            "count": sum(self._counts[currency, age] for age in AGES),
            "total_amount": sum((self._amounts[currency, age] for age in AGES), Decimal(0)),
            "by_age": by_age,
        }


def _draws_of_bought(transactions: list[Transaction]) -> dict[str, list[Any]]:
    draws = [
        (each.account_id, lot.id, credits, each.created_at)
        for each in transactions
        for lot, credits in each.draws
        if lot.is_bought and each.transaction_type != "purchase"
    ]
    columns = zip(*draws, strict=True) if draws else ((), (), (), ())
    return dict(zip(("account_ids", "lot_ids", "credits", "instants"), map(list, columns), strict=True))


def _used(sums: Counter[str]) -> dict[str, int]:
    return {name: sums[name] for name in _USED}


def _aged(row: Any) -> dict[str, Any]:
    age = next(age for age, last in AGES.items() if last is None or row.days_overdue <= last)
    return {**row._asdict(), "age": age}
