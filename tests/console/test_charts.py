"""Scales and points of charts."""

from datetime import UTC, datetime

import pytest

from app.console import charts


@pytest.mark.parametrize(
    ("most", "lines"),
    [
        (0, [0, 1]),
        (7, [0, 2, 4, 6, 8]),
        (100, [0, 50, 100]),
        (101, [0, 50, 100, 150]),
        (0.2, [0, 0.05, 0.1, 0.15, 0.2]),
        (1_250_000, [0, 500_000, 1_000_000, 1_500_000]),
    ],
)
def test_lines_of_a_scale_are_round_and_reach_the_most(most: float, lines: list[float]) -> None:
    assert charts.nice_steps(most) == lines


def test_columns_are_as_high_as_their_amounts() -> None:
    rows = [{"day": str(n), "credits": amount} for n, amount in enumerate((0, 50, 100, "25.0", None))]
    chart = charts.columns(rows, "day", "credits")
    high = [bar.height for bar in chart.bars]
    assert high[0] == high[4] == 0
    assert high[2] == 2 * high[1] == 4 * high[3] == chart.zero - chart.ticks[-1].at
    assert all(bar.y + bar.height == chart.zero for bar in chart.bars)
    assert all(left.x + left.width < right.x for left, right in zip(chart.bars, chart.bars[1:], strict=False))
    assert chart.bars[-1].x + chart.bars[-1].width <= chart.width


def test_a_chart_of_nothing_has_no_bars() -> None:
    assert charts.columns([], "day", "credits").bars == []
    assert charts.timeline([], datetime(2026, 1, 1, tzinfo=UTC)).bars == []


def test_labels_of_many_columns_leave_room() -> None:
    chart = charts.columns([{"day": str(n), "credits": 1} for n in range(90)], "day", "credits")
    assert len(chart.labels) <= 6


def test_a_timeline_shows_when_lots_can_be_spent() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)

    def lot(number: int, remaining: int, expires_at: str | None) -> dict[str, object]:
        effective_at = f"2026-0{number}-01T00:00:00.000Z"
        return {
            "id": number,
            "source": "grant",
            "credits": 100,
            "remaining": remaining,
            "effective_at": effective_at,
            "expires_at": expires_at,
        }

    shown = charts.timeline([lot(1, 50, None), lot(2, 0, "2026-03-01T00:00:00.000Z")], now)
    first, second = shown.bars
    assert first.x + first.width == pytest.approx(shown.width)
    assert first.left == pytest.approx(first.width / 2, abs=0.01)
    assert (second.left, second.label) == (0, "grant 2")
    assert first.x < second.x < second.x + second.width < shown.now < shown.width
    assert (shown.ticks[0].label, shown.start) == ("2026-01-01", "2026-01-01")
