"""Weeks run from Sunday to Saturday; working days are Monday to Friday."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import NamedTuple

DAYS_IN_WEEK = 7
_WEEKEND = frozenset({5, 6})


class Week(NamedTuple):
    """A week and how many of its working days a booking covers."""

    start: date
    end: date
    working_days: int


def sunday_of(day: date) -> date:
    """The Sunday that begins the week of `day`."""
    return day - timedelta(days=day.isoweekday() % DAYS_IN_WEEK)


def between(first: date, last: date) -> Iterator[Week]:
    """Every week that has a day from `first` to `last`."""
    sunday = sunday_of(first)
    while sunday <= last:
        days = [sunday + timedelta(days=number) for number in range(DAYS_IN_WEEK)]
        working = [day for day in days if first <= day <= last and day.weekday() not in _WEEKEND]
        yield Week(sunday, days[-1], len(working))
        sunday += timedelta(days=DAYS_IN_WEEK)
