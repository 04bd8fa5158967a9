"""What the fields of all kinds share."""

from typing import Any

import marshmallow as ma


class QueryArguments(ma.Schema):
    """Marks schemas whose values come as text from a query string."""


def described(options: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """`options` of a field with `metadata` beneath the metadata they have."""
    return {**options, "metadata": {**metadata, **options.get("metadata", {})}}
