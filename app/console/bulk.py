"""Bulk calls: what would become of each item is seen before it is done, and what was refused stands beside it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from flask import current_app, flash, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, permitted
from app.console.browser import ACCOUNT_FIELD, CONFIRMED_FIELD, CSRF_FIELD, KEY_FIELD
from app.console.forms import REASON_FIELD
from app.console.pages import render

# The form sends one of each item that is chosen, by its id.
CHOSEN_FIELD = "chosen"


@dataclass(frozen=True, slots=True)
class Bulk:
    """A bulk call of a page: the items that are chosen, and the words around them."""

    title: str
    method: str
    address: str
    # The item of the call for an id that was chosen.
    item: Callable[[str], Mapping[str, Any]]
    # The template of the macro `row`, which shows an outcome.
    rows: str
    action: str
    # What was done, to so many.
    said: Callable[[int], str]
    back: str


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of an item, or would: `result` or `error`."""

    chosen: str
    result: Mapping[str, Any]
    error: Mapping[str, Any] | None


def decide(bulk: Bulk) -> AnyResponse | str:
    """Show what the call would do to each item that is chosen; once that is confirmed, do it to the good ones.

    A call that refused some after all shows what became of each item; one that did not leads back.
    """
    permitted.require(bulk.method, bulk.address)
    chosen = list(dict.fromkeys(request.form.getlist(CHOSEN_FIELD)))
    if not chosen:
        return _page(bulk, [], HTTPStatus.BAD_REQUEST, message="Choose at least one row first.")
    confirmed = bool(request.form.get(CONFIRMED_FIELD))
    answer = calls.call(
        bulk.method, bulk.address, body=[bulk.item(each) for each in chosen], headers=_headers(confirmed),
        rehearse=not confirmed,
    )  # fmt: skip
    if answer.error is not None:
        return _page(bulk, [], answer.status, message=answer.message)
    outcomes = [_Outcome(each, found, found.get("error")) for each, found in zip(chosen, answer.data, strict=True)]
    if confirmed and not any(each.error for each in outcomes):
        flash(bulk.said(len(outcomes)))
        return redirect(bulk.back, 303)
    return _page(bulk, outcomes, HTTPStatus.OK, done=confirmed)


def _headers(confirmed: bool) -> dict[str, str]:
    reason = request.form.get(REASON_FIELD, "").strip()
    headers = {"X-Change-Reason": calls.header_text(reason)} if reason else {}
    return {**headers, "Idempotency-Key": request.form.get(KEY_FIELD, "")} if confirmed else headers


def _page(
    bulk: Bulk, outcomes: Sequence[_Outcome], status: int, *, message: str = "", done: bool = False
) -> AnyResponse:
    kept = {
        name: value
        for name, value in request.form.items()
        if name not in {CHOSEN_FIELD, CONFIRMED_FIELD, KEY_FIELD, CSRF_FIELD, ACCOUNT_FIELD}
    }
    page = render(
        "console/bulk.html",
        title=bulk.title,
        bulk=bulk,
        outcomes=outcomes,
        good=[each for each in outcomes if not each.error],
        message=message,
        done=done,
        kept=kept,
        key=str(uuid4()),
    )
    return current_app.response_class(page, status)
