"""Secrets that are shown once: what is stored of a response, and its ETag, are those of one without them."""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

import orjson
from flask import Response, g


def shows_once(names: Collection[str], respond: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The decorator that makes responses, which also notes what is left of each without the fields `names`."""

    def decorate(view: Any) -> Any:
        answer = respond(view)

        @wraps(answer)
        def with_lasting_body(*args: Any, **kwargs: Any) -> Response:
            response: Response = answer(*args, **kwargs)
            body = orjson.loads(response.get_data())
            body["data"].update(dict.fromkeys(names))
            g.lasting_body = orjson.dumps(body)
            return response

        return with_lasting_body

    return decorate


def lasting_body(response: Response) -> bytes:
    """The body of a response without what is shown once."""
    body: bytes | None = g.get("lasting_body")
    return response.get_data() if body is None else body
