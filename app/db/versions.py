"""Versions of objects: a number that moves with what PATCH can change, and what callers expect of it."""

from collections.abc import Collection
from typing import Any, TypeAlias

from sqlalchemy import ARRAY, ColumnElement, Integer, any_, bindparam, cast, or_
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from sqlalchemy.orm.attributes import flag_modified

from app.clock import utc_now
from app.db.base import Timestamped
from app.errors import PreconditionFailed

# The versions of which an object must have one for a change to be made; None for any.
Expected: TypeAlias = Collection[int] | None


class Versioned:
    """`version`, from 1. Every UPDATE of the ORM moves it, and finds only the row of the version that was read."""

    version: Mapped[int] = mapped_column(server_default="1")

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy calls it with the class
        return {"version_id_col": cls.version}


def require(version: int, expected: Expected) -> None:
    """Raise PreconditionFailed for a version that is not expected. The caller holds the lock of the row."""
    if expected is not None and version not in expected:
        raise failure(version, expected)


def failure(version: int, expected: Expected) -> PreconditionFailed:
    """The failure of an object whose version is not expected."""
    return PreconditionFailed(
        "The object was changed since it was read; read it again before changing it",
        details={"version": version, "expected": sorted(expected or ())},
    )


def touch(entity: Timestamped) -> None:
    """Have the next flush move the version and `updated_at`, though what changes may be kept in another table."""
    entity.updated_at = utc_now()
    # Also if it is what it was: two changes may be made at one time.
    flag_modified(entity, "updated_at")


def is_expected(model: type[Versioned]) -> ColumnElement[bool]:
    """The condition that a row has a version that is `expected`, for statements of Core."""
    expected = cast(bindparam("expected"), ARRAY(Integer))
    return or_(expected.is_(None), model.version == any_(expected))


def listed(expected: Expected) -> list[int] | None:
    """What `is_expected` compares with."""
    return None if expected is None else list(expected)
