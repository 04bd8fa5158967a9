"""Scales and points of charts, which templates draw as SVG. Lengths are in units of the drawing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

WIDTH = 720
_COLUMNS_WIDTH, _MOST_LABELS = 520, 6
_LABELS, _ROW, _FOOT = 90, 18, 18
_STEPS = (1, 2, 5, 10)
_TICKS = 4


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of a scale, with its label."""

    at: float
    label: str
    anchor: str = "middle"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a chart, and how long its filled part is."""

    x: float
    y: float
    width: float
    height: float
    label: str
    left: float = 0


@dataclass(frozen=True, slots=True)
class Timeline:
    """Spans of time below each other."""

    width: int
    height: int
    start: str
    end: str
    now: float
    bars: Sequence[Bar]
    ticks: Sequence[Tick]


@dataclass(frozen=True, slots=True)
class Columns:
    """Amounts beside each other, from a line of zero."""

    width: int
    height: int
    zero: float
    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    labels: Sequence[Tick]


def nice_steps(most: float) -> list[float]:
    """Round values from zero to `most` or a little more, for the lines of a scale."""
    if most <= 0:
        return [0.0, 1.0]
    size = 10.0 ** (len(str(int(most))) - 1) if most >= 1 else 0.1
    step = next(size / 10 * each for each in (*_STEPS, 20, 50, 100) if size / 10 * each * _TICKS >= most)
    lines = [0.0]
    while lines[-1] < most:
        lines.append(round(lines[-1] + step, 6))
    return lines


def columns(rows: Sequence[Mapping[str, Any]], label: str, amount: str, *, height: int = 200) -> Columns:
    """A column for each row. Labels are shown as far as there is room for them."""
    amounts = [float(Decimal(str(row[amount] or 0))) for row in rows]
    lines = nice_steps(max(amounts, default=0))
    floor, left = height - _FOOT, 56
    scale = (floor - 8) / lines[-1]
    each = (_COLUMNS_WIDTH - left) / max(len(rows), 1)
    bars = [
        Bar(
            round(left + n * each + each * 0.1, 2),
            round(floor - max(size, 0) * scale, 2),
            round(each * 0.8, 2),
            round(max(size, 0) * scale, 2),
            str(row[label]),
        )
        for n, (row, size) in enumerate(zip(rows, amounts, strict=True))
    ]
    every = max(1, -(-len(rows) // _MOST_LABELS))
    return Columns(
        width=_COLUMNS_WIDTH,
        height=height,
        zero=floor,
        bars=bars,
        ticks=[Tick(round(floor - line * scale, 2), _short(line)) for line in lines],
        labels=[_label(bar) for bar in bars[::every]],
    )


def timeline(lots: Sequence[Mapping[str, Any]], now: datetime) -> Timeline:
    """Lots from when they take effect to when they expire; those that never do reach the end of the scale."""
    spans = [(_at(lot["effective_at"]), _at(lot["expires_at"])) for lot in lots]
    known = [at for span in spans for at in span if at is not None]
    start = min([now - timedelta(days=1), *known])
    end = max([now + timedelta(days=30), *known])
    scale = (WIDTH - _LABELS) / (end - start).total_seconds()

    def place(at: datetime) -> float:
        return round(_LABELS + (at - start).total_seconds() * scale, 2)

    bars = []
    for row, (lot, (begins, ends)) in enumerate(zip(lots, spans, strict=True)):
        x = place(begins or start)
        width = max(2.0, round(place(ends or end) - x, 2))
        share = lot["remaining"] / lot["credits"] if lot["credits"] else 0
        bars.append(Bar(x, 4 + row * _ROW, width, 12, f"{lot['source']} {lot['id'] or ''}", round(width * share, 2)))
    height = 4 + len(lots) * _ROW + _FOOT
    return Timeline(WIDTH, height, f"{start:%Y-%m-%d}", f"{end:%Y-%m-%d}", place(now), bars, _days(start, end, place))


def _days(start: datetime, end: datetime, place: Any) -> list[Tick]:
    part = (end - start) / _TICKS
    at = [start + part * n for n in range(_TICKS + 1)]
    anchors = ("start", *("middle" for _ in range(_TICKS - 1)), "end")
    return [Tick(place(each), f"{each:%Y-%m-%d}", anchor) for each, anchor in zip(at, anchors, strict=True)]


def _at(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if text else None


def _label(bar: Bar) -> Tick:
    """The label of a column, in the middle below it, unless it would reach beyond the edge there."""
    middle = bar.x + bar.width / 2
    if middle > _COLUMNS_WIDTH - _LABELS / 3:
        return Tick(_COLUMNS_WIDTH, bar.label, "end")
    return Tick(round(middle, 2), bar.label)


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:g} {letter}"
    return f"{number:g}"
