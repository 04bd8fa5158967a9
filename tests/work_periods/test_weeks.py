from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.work_periods import weeks


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("2025-03-03", "2025-03-21", [("2025-03-02", 5), ("2025-03-09", 5), ("2025-03-16", 5)]),
        ("2025-03-05", "2025-03-05", [("2025-03-02", 1)]),
        ("2025-03-08", "2025-03-08", [("2025-03-02", 0)]),
        ("2025-03-09", "2025-03-09", [("2025-03-09", 0)]),
        ("2025-03-04", "2025-03-06", [("2025-03-02", 3)]),
        ("2025-03-08", "2025-03-10", [("2025-03-02", 0), ("2025-03-09", 1)]),
        ("2024-02-28", "2024-03-01", [("2024-02-25", 3)]),
        ("2023-02-28", "2023-03-01", [("2023-02-26", 2)]),
        ("2024-12-31", "2025-01-02", [("2024-12-29", 3)]),
        ("2027-12-31", "2028-01-03", [("2027-12-26", 1), ("2028-01-02", 1)]),
    ],
)
def test_weeks_run_from_sunday_and_count_working_days(first: str, last: str, expected: list[tuple[str, int]]) -> None:
    found = list(weeks.between(date.fromisoformat(first), date.fromisoformat(last)))
    assert [(week.start.isoformat(), week.working_days) for week in found] == expected


@given(st.dates(date(1990, 1, 1), date(2100, 1, 1)), st.integers(0, 800))
def test_weeks_cover_every_day_once(first: date, days: int) -> None:
    last = first + timedelta(days=days)
    found = list(weeks.between(first, last))
    assert all((week.start.isoweekday(), week.end.isoweekday()) == (7, 6) for week in found)
    assert found[0].start <= first <= found[0].end
    assert found[-1].start <= last <= found[-1].end
    assert [week.start for week in found[1:]] == [week.end + timedelta(days=1) for week in found[:-1]]
    working = sum((first + timedelta(days=day)).isoweekday() < 6 for day in range(days + 1))
    assert sum(week.working_days for week in found) == working
