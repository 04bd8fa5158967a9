"""Many callers that begin at the same moment, and statements with their protection taken out."""

import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import TextClause, text
from werkzeug.test import TestResponse

from app.db.fast.prepared import AnyPrepared, Prepared

Call = Callable[[], TestResponse]


def at_once(calls: Sequence[Call], callers: int) -> list[TestResponse]:
    """The answers to the calls, made by so many callers who begin together, in the order of the calls."""
    start = Barrier(callers)

    def work(mine: Sequence[Call]) -> list[TestResponse]:
        start.wait()
        return [call() for call in mine]

    with ThreadPoolExecutor(callers) as pool:
        shares = [pool.submit(work, calls[caller::callers]) for caller in range(callers)]
        done = [share.result() for share in shares]
    return [done[index % callers][index // callers] for index in range(len(calls))]


def without_lock(patch: pytest.MonkeyPatch, module: Any, statement: str) -> None:
    """Let a module's statement read rows without locking them."""
    replace_in(patch, module, statement, r"FOR NO KEY UPDATE( OF \w+)?", "")


def replace_in(patch: pytest.MonkeyPatch, module: Any, statement: str, pattern: str, by: str) -> None:
    """Change a module's statement wherever it matches the pattern, which it must."""
    original: AnyPrepared | TextClause = getattr(module, statement)
    parts = original.parts if isinstance(original, Prepared) else [original.text]
    changed = [re.sub(pattern, by, part) for part in parts]
    assert changed != parts
    altered: AnyPrepared | TextClause = text(changed[0])
    if isinstance(original, Prepared):
        altered = copy(original)
        altered.parts, altered.sql = changed, ";".join(changed)
    patch.setattr(module, statement, altered)
