"""The packages there are, also those that are not for sale. Earlier purchases keep their price and their expiry."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Row

from app.audit.models import ObjectType
from app.audit.recording import record
from app.clock import utc_now
from app.db import versions
from app.db.base import db
from app.db.paging import Page
from app.db.versions import Expected
from app.errors import Conflict, NotFound
from app.purchases import catalogue_queries as queries

# With tax, and as the price of one credit, it must fit the columns of what is bought.
MAX_PRICE = Decimal("999999.99")


def every_package() -> Sequence[Row[Any]]:
    """All packages, cheapest first."""
    return db.session.execute(queries.EVERY_PACKAGE).all()


def search(arguments: Mapping[str, Any]) -> Page:
    """One page of all packages, cheapest first."""
    return queries.PACKAGES.page(arguments)


def get(package_id: int) -> Row[Any]:
    """A package. Raises NotFound."""
    return _known(package_id, db.session.execute(queries.PACKAGE, {"package_id": package_id}).one_or_none())


def create(values: Mapping[str, Any]) -> Row[Any]:
    """Create a package. Raises Conflict if its name is taken."""
    db.session.execute(queries.ONE_CHANGE_AT_A_TIME)
    package = db.session.execute(queries.CREATE_PACKAGE, {**values, "now": utc_now()}).one_or_none()
    if package is None:
        raise _taken(values["name"])
    record(ObjectType.PACKAGE, package.id, after=values)
    return package


def update(package_id: int, changes: Mapping[str, Any], expected: Expected) -> Row[Any]:
    """Change a package for future purchases. Raises NotFound, PreconditionFailed, and Conflict if its name is taken."""
    db.session.execute(queries.ONE_CHANGE_AT_A_TIME)
    packages = every_package()
    known = _known(package_id, next((each for each in packages if each.id == package_id), None))
    versions.require(known.version, expected)
    before = {name: getattr(known, name) for name in queries.EDITABLE}
    after = {**before, **changes}
    if any(each.name == after["name"] for each in packages if each.id != package_id):
        raise _taken(after["name"])
    changed = db.session.execute(queries.UPDATE_PACKAGE, {**after, "package_id": package_id, "now": utc_now()}).one()
    record(ObjectType.PACKAGE, package_id, before=before, after=after)
    return changed


def put(name: str, credits: int, price: Decimal, *, is_active: bool, expires_after_days: int | None = None) -> None:
    """Create a package, or change the one of that name."""
    values = {
        "name": name,
        "credits": credits,
        "price": price,
        "is_active": is_active,
        "expires_after_days": expires_after_days,
    }
    known = next((each for each in every_package() if each.name == name), None)
    if known is None:
        create(values)
    else:
        update(known.id, values, None)


def _known(package_id: int, found: Row[Any] | None) -> Row[Any]:
    if found is None:
        raise NotFound(f"Credit package {package_id} was not found")
    return found


def _taken(name: str) -> Conflict:
    return Conflict(f"There is a package {name!r} already")
