"""Credits spent and bought by day, read from daily totals: the cost does not grow with the number of transactions."""

from collections import defaultdict
from datetime import timedelta
from typing import Any

from app.clock import utc_now
from app.credits import queries
from app.credits.ledger import forecast
from app.credits.models import TransactionType
from app.db.base import db


def usage(account_id: int, days: int) -> dict[str, Any]:
    """Totals of the last `days` days of an account, including today (UTC)."""
    today = utc_now().date()
    first = today - timedelta(days=days - 1)
    period = {"account_id": account_id, "first": first, "last": today}
    (balance, totals), due = forecast.read(
        account_id,
        lambda: (
            db.session.execute(queries.CREDITS, period).one(),
            db.session.execute(queries.DAILY_TOTALS, period).all(),
        ),
        lambda found: found[0].due_at,
    )
    by_type: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    by_day: dict[Any, dict[str, int]] = defaultdict(dict)
    for day, kind, total, count in totals:
        by_type[kind][0] += total
        by_type[kind][1] += count
        by_day[day][kind] = total
    for each in () if due is None else due.transactions:
        day = each.created_at.date()
        if first <= day <= today:
            by_type[each.transaction_type][0] += each.amount
            by_type[each.transaction_type][1] += 1
    return {
        "period_days": days,
        "current_balance": balance.credits if due is None else due.standing.credits,
        "usage_by_type": [
            {"transaction_type": kind, "total": total, "count": count}
            for kind, (total, count) in sorted(by_type.items())
        ],
        "daily_usage": [_day(day, by_day[day]) for day in (first + timedelta(days=n) for n in range(days))],
        "total_usage": -by_type[TransactionType.DEDUCTION][0],
        "total_purchases": by_type[TransactionType.PURCHASE][0],
    }


def _day(day: Any, totals: dict[str, int]) -> dict[str, Any]:
    usage, purchases = -totals.get(TransactionType.DEDUCTION, 0), totals.get(TransactionType.PURCHASE, 0)
    return {"date": day, "usage": usage, "purchases": purchases, "net": purchases - usage}
