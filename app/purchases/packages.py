"""Credit packages."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.audit.models import ObjectType
from app.audit.recording import record
from app.clock import utc_now
from app.db.base import db
from app.db.paging import Page
from app.errors import Conflict, NotFound
from app.purchases import queries


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of the packages for sale, cheapest first."""
    return queries.PACKAGES.page(arguments, is_active=True)


def every_package() -> Sequence[Row[Any]]:
    """All packages, including those no longer for sale."""
    return db.session.execute(queries.EVERY_PACKAGE).all()


def put(name: str, credits: int, price: Decimal, *, is_active: bool, expires_after_days: int | None = None) -> None:
    """Create or change a package. Earlier purchases keep their price, and their credits the time they expire."""
    terms = {"credits": credits, "price": price, "is_active": is_active, "expires_after_days": expires_after_days}
    known = next((each._asdict() for each in every_package() if each.name == name), None)
    db.session.execute(queries.SET_PACKAGE, {**terms, "name": name, "now": utc_now()})
    before = known and {each: known[each] for each in terms}
    record(ObjectType.PACKAGE, name, before=before, after=terms)


def require_for_sale(package_id: int) -> Row[Any]:
    """The package. Raises NotFound, and Conflict if it is no longer for sale."""
    package = db.session.execute(queries.PACKAGE, {"package_id": package_id}).one_or_none()
    if package is None:
        raise NotFound(f"Credit package {package_id} was not found")
    if not package.is_active:
        raise Conflict(f"{package.name} is no longer for sale")
    return package
