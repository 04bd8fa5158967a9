"""Charts as the geometry of an SVG."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

WIDTH, HEIGHT = 720, 160
_GAP = 0.2


class Bar(NamedTuple):
    """A bar of a chart, and the row that it shows."""

    x: float
    y: float
    width: float
    height: float
    row: Mapping[str, Any]


class Bars(NamedTuple):
    """A chart of bars, and the number that is as high as it."""

    bars: Sequence[Bar]
    most: int


def bars(rows: Sequence[Mapping[str, Any]], field: str) -> Bars:
    """A bar for each row, as high as its field is big."""
    most = max((row[field] for row in rows), default=0)
    step = WIDTH / max(len(rows), 1)
    drawn = []
    for place, row in enumerate(rows):
        height = HEIGHT * row[field] / most if most else 0.0
        drawn.append(
            Bar(
                round((place + _GAP / 2) * step, 2),
                round(HEIGHT - height, 2),
                round(step * (1 - _GAP), 2),
                round(height, 2),
                row,
            )
        )
    return Bars(drawn, most)
