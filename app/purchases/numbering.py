"""Numbers of documents: a series for each kind and year (UTC), in order of issue and without gaps."""

from datetime import datetime
from typing import NamedTuple

from app.clock import utc_now
from app.db.base import db
from app.purchases import invoice_queries as queries
from app.purchases.invoice_models import Series


class Issue(NamedTuple):
    """The number of a document, and when it is issued: never before the document with the number before it."""

    number: str
    at: datetime


def take(series: Series) -> Issue:
    """The next number of this year, which is used if this transaction commits.

    Until then, no other transaction gets a number of the series.
    """
    now = utc_now()
    taken = db.session.execute(queries.NEXT_NUMBER, {"prefix": series, "year": now.year, "now": now}).one()
    return Issue(f"{series}-{now.year}-{taken.last:03}", taken.last_at)
