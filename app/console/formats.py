"""Amounts and times in the reader's language. The exact value stands beside each, for programs and for copying."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from babel import Locale, UnknownLocaleError, dates, numbers
from flask import Flask, request
from markupsafe import Markup

_FALLBACK = Locale("en")
_NOTHING = Markup('<span class="quiet">\u2013</span>')
_MOST_PLACES = 6


def init_app(app: Flask) -> None:
    """Add the formats to the templates of `app`."""
    formats = {"money": money, "whole": whole, "moment": moment, "day": day, "percent": percent, "segment": segment}
    for name, format_ in formats.items():
        app.jinja_env.filters[name] = format_


def locale() -> Locale:
    """The language and region that the reader's browser prefers, if they are known."""
    return _locale_of(request.headers.get("Accept-Language", ""))


@lru_cache(maxsize=256)
def _locale_of(header: str) -> Locale:
    for tag in header.split(","):
        name = tag.partition(";")[0].strip()
        try:
            return Locale.parse(name, sep="-")
        except (UnknownLocaleError, ValueError, TypeError):
            continue
    return _FALLBACK


def segment(text: str) -> str:
    """A text as one segment of an address, whatever it holds."""
    return quote(text, safe="")


def money(amount: Any, currency: str | None = None) -> Markup:
    """An amount with at least two decimals, and as many as it has."""
    if amount is None or amount == "":
        return _NOTHING
    exact = Decimal(str(amount))
    places = max(2, min(_MOST_PLACES, -int(exact.as_tuple().exponent)))
    pattern = "#,##0." + "0" * places
    shown = numbers.format_decimal(exact, format=pattern, locale=locale())
    suffix = f" {currency}" if currency else ""
    return Markup('<data class="number" value="{}">{}{}</data>').format(amount, shown, suffix)


def whole(number: Any) -> Markup:
    """A whole number, such as credits."""
    if number is None or number == "":
        return _NOTHING
    return Markup('<data class="number" value="{}">{}</data>').format(
        number, numbers.format_decimal(int(number), locale=locale())
    )


def percent(fraction: Any) -> Markup:
    """A fraction such as 0.23 as a percentage."""
    if fraction is None or fraction == "":
        return _NOTHING
    return Markup('<data class="number" value="{}">{}</data>').format(
        fraction, numbers.format_percent(Decimal(str(fraction)), format="#,##0.##%", locale=locale())
    )


def moment(text: str | None) -> Markup:
    """A time of the API, in UTC."""
    if not text:
        return _NOTHING
    at = datetime.fromisoformat(text).astimezone(UTC)
    # To the minute; the title has all of it.
    day_shown = dates.format_date(at, format="medium", locale=locale())
    minute = dates.format_time(at, format="short", locale=locale())
    shown = f"{day_shown}, {minute}"
    return Markup('<time datetime="{}" title="{}">{} UTC</time>').format(text, text, shown)


def day(text: str | None) -> Markup:
    """The day of a date or a time of the API, in UTC."""
    if not text:
        return _NOTHING
    shown = dates.format_date(date.fromisoformat(text[:10]), format="medium", locale=locale())
    return Markup('<time datetime="{}" title="{}">{}</time>').format(text, text, shown)
