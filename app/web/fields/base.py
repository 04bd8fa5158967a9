"""Parts shared by all fields."""

from typing import Any

import marshmallow as ma


class QueryArguments(ma.Schema):
    """Marks schemas whose values are strings from a query string."""


def described(options: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """`options` of a field with `metadata` added; metadata already in `options` takes precedence."""
    return {**options, "metadata": {**metadata, **options.get("metadata", {})}}
