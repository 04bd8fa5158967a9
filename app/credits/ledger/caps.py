"""Caps on what members, operations or API keys may spend in a day, in a month or at all.

What is spent counts in the period (UTC) in which it is spent, and all that a hold is for in the period in which the
hold was made: a hold counts at once, what it gives back no longer does, captures change nothing.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from app.credits.hold_models import CapKind, CapPeriod
from app.errors import PaymentRequired, Reason


class Use(NamedTuple):
    """What credits are for, the API key that spends them, and when they count."""

    operation_type: str
    user_id: str
    key_id: int | None
    at: datetime

    @property
    def subjects(self) -> dict[str, str]:
        """What it is to caps of each kind."""
        key = "" if self.key_id is None else str(self.key_id)
        return {CapKind.MEMBER: self.user_id, CapKind.OPERATION: self.operation_type, CapKind.KEY: key}


@dataclass(slots=True, eq=False)
class Cap:
    """A cap; `used` is of the period that begins on `period_start`."""

    id: int
    account_id: int
    kind: str
    subject: str
    period: str
    credits: int
    used: int
    period_start: date
    created_at: datetime

    def limits(self, use: Use) -> bool:
        """Whether the use counts against it, in the period that it counts now."""
        return use.subjects[self.kind] == self.subject and start_of(self.period, use.at) == self.period_start

    def enter_period(self, now: datetime) -> None:
        """Begin the present period anew, if it is another one."""
        start = start_of(self.period, now)
        if start != self.period_start:
            self.period_start, self.used = start, 0

    @property
    def resets_at(self) -> datetime | None:
        """When the next period begins."""
        if self.period == CapPeriod.TOTAL:
            return None
        days = 1 if self.period == CapPeriod.DAY else 32
        following = start_of(self.period, _first_instant(self.period_start) + timedelta(days=days))
        return _first_instant(following)

    @property
    def standing(self) -> tuple[int, date]:
        """What changes of it."""
        return self.used, self.period_start

    def reached(self) -> PaymentRequired:
        """The failure of a use that exceeds it."""
        names = ("id", "kind", "subject", "period", "credits")
        return PaymentRequired(
            f"The cap of {self.credits} credits for {self.kind} {self.subject} is reached",
            reason=Reason.CAP_REACHED,
            details={
                "cap": {name: getattr(self, name) for name in names},
                "used": self.used,
                "resets_at": self.resets_at,
            },
        )


def start_of(period: str, at: datetime) -> date:
    """The first day of the period that an instant is in."""
    day = at.astimezone(UTC).date()
    if period == CapPeriod.TOTAL:
        return date.min
    return day if period == CapPeriod.DAY else day.replace(day=1)


def cap_of(row: Any) -> Cap:
    """The cap that a row is."""
    return Cap(**{name: getattr(row, name) for name in Cap.__slots__})


def _first_instant(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
