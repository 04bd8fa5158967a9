"""Forms: fields that become the body of a call, and what comes of sending it.

A form carries the token of its session, the ETag that it was made from, and a key, so that sending it twice has one
effect and sending an outdated one has none.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from http import HTTPStatus
from typing import Any
from uuid import uuid4

from flask import current_app, flash, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from app.console import calls, permitted
from app.console.browser import CONFIRMED_FIELD, ETAG_FIELD, KEY_FIELD
from app.console.calls import Answer
from app.console.pages import render
from app.web import idempotency

REASON_FIELD = "change_reason"
_INTEGER = re.compile(r"-?[0-9]{1,16}", re.ASCII)


class Kind(StrEnum):
    """How a field is entered, and what it becomes in JSON."""

    TEXT = "text"
    LINES = "lines"
    INTEGER = "integer"
    MONEY = "money"
    DATE = "date"
    CHECK = "check"
    CHOICE = "choice"
    EMAIL = "email"
    # Several of its choices.
    SEVERAL = "several"
    # What the page shows in its own words, and the call has to name.
    HIDDEN = "hidden"


class Blank(StrEnum):
    """What an empty field becomes."""

    OMITTED = "omitted"
    NULL = "null"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form, by its name in the API."""

    name: str
    label: str
    kind: Kind = Kind.TEXT
    required: bool = False
    hint: str = ""
    # Values with their labels.
    choices: Sequence[tuple[str, str]] = ()
    blank: Blank = Blank.OMITTED

    def shown(self, value: Any) -> str:
        """A value of the API as it is entered."""
        if value is None:
            return ""
        if self.kind == Kind.SEVERAL and isinstance(value, list):
            return ", ".join(str(each) for each in value)
        if self.kind == Kind.DATE:
            return str(value)[:10]
        if self.kind == Kind.CHECK:
            return "true" if value is True or value == "true" else ""
        return str(value)

    def sent(self, text: str) -> Any:
        """What is entered as a value of the API, which refuses what has no such value."""
        match self.kind:
            case Kind.CHECK:
                return text == "true"
            case Kind.INTEGER if _INTEGER.fullmatch(text):
                return int(text)
            case Kind.SEVERAL:
                return [word.strip() for word in text.split(",") if word.strip()]
            case _:
                return text


@dataclass(frozen=True, slots=True)
class Form:
    """A form of a page: its fields, and the words around them."""

    title: str
    fields: Sequence[Field]
    action: str = "Save"
    # What sending it does, beyond the title.
    about: str = ""
    # Asks why, for the audit trail. Where the operation has a reason of its own, that is a field.
    asks_reason: bool = False
    constants: Mapping[str, Any] = field(default_factory=dict)
    # The fields beside which refusals for reasons of the API are shown.
    blame: Mapping[str, str] = field(default_factory=dict)
    # Sends the fields that differ from the object alone: where one that is sent as it was still has an effect.
    sends_changes: bool = False
    # A template that extends that of all forms, and what else it shows.
    template: str = "console/form.html"
    context: Mapping[str, Any] = field(default_factory=dict)

    def entered(self) -> dict[str, str]:
        """What was entered, by field."""
        return {each.name: ",".join(request.form.getlist(each.name)).strip() for each in self.fields}

    def hidden(self, initial: Mapping[str, Any]) -> dict[str, str]:
        """What hidden fields say: what the page shows now, whatever was sent before."""
        return {each.name: each.shown(initial.get(each.name)) for each in self.fields if each.kind == Kind.HIDDEN}

    def body(self, entered: Mapping[str, str], current: Mapping[str, Any]) -> dict[str, Any]:
        """The body of the call, which changes `current` if there is such an object."""
        body: dict[str, Any] = dict(self.constants)
        for each in self.fields:
            text = entered[each.name]
            if self.sends_changes and text == each.shown(current.get(each.name)):
                continue
            if text or each.kind == Kind.CHECK:
                body[each.name] = each.sent(text)
            elif each.blank != Blank.OMITTED:
                body[each.name] = None if each.blank == Blank.NULL else ""
        return body


@dataclass(frozen=True, slots=True)
class Target:
    """The call that a form makes. `current` reads the object that it changes, if there is one.

    With `versioned`, it changes the version that was read and no other.
    """

    method: str
    address: str
    current: str | None = None
    versioned: bool = True


Rows = Sequence[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The facts that a form shows before it is done, such as one that takes something away.

    `rows` makes them from the object that the form is about, with what the call would answer over it, and what was
    entered. Calls that commit in parts cannot be rehearsed: then `rehearsed` is false, and there is the object alone.
    """

    rows: Callable[[Mapping[str, Any], Mapping[str, str]], Rows]
    rehearsed: bool = True


def handle(
    form: Form,
    target: Target,
    *,
    done: Callable[[Any], str],
    said: str,
    back: str,
    outcome: Outcome | None = None,
    initial: Mapping[str, Any] | None = None,
    shows_secret: bool = False,
) -> AnyResponse | str:
    """Show a form, or send it: to the page `done` with what is `said`, or back with problems beside their fields.

    `initial` fills fields of a form about nothing yet, as do arguments of the address. `outcome` is shown before
    anything is done; at once where nothing is to be entered. `shows_secret` shows the answer itself, which has a secret
    that is never shown again.
    """
    permitted.require(target.method, target.address)
    current = _current(target)
    entered, hidden = form.entered(), form.hidden(initial or {})
    shown = _Shown(form, back, {**entered, **hidden}, request.form.get(ETAG_FIELD), confirms=outcome is not None)
    if request.method != "POST":
        values = {**current.data, **(initial or {}), **request.args.to_dict()}
        filled = {each.name: each.shown(values.get(each.name)) for each in form.fields}
        shown = replace(shown, values={**filled, **hidden}, etag=current.etag)
        if outcome is None or form.fields or form.asks_reason:
            return shown.page()
    if outcome is not None and not _is_confirmed():
        would = _send(form, target, entered, current.data, rehearse=True) if outcome.rehearsed else current
        facts = {**current.data, **(would.data or {})}
        return shown.failure(would) if would.error else shown.page(outcome=outcome.rows(facts, entered))
    answer = _send(form, target, entered, current.data)
    if answer.error is not None:
        if answer.status == HTTPStatus.PRECONDITION_FAILED:
            return replace(shown, etag=current.etag).failure(answer, _differences(form, shown.values, current.data))
        return shown.failure(answer)
    if shows_secret:
        return render("console/secret.html", title=said, answer=answer.data, back=done(answer.data))
    flash(said)
    return redirect(done(answer.data), 303)


def _is_confirmed() -> bool:
    """Whether the outcome was seen. A GET confirms nothing: only what is posted has shown the token of its session."""
    return request.method == "POST" and bool(request.form.get(CONFIRMED_FIELD))


def _current(target: Target) -> Answer:
    """The object that a form changes. Raises Refused."""
    current = calls.call("GET", target.current) if target.current else Answer(200, {})
    if current.error is not None:
        raise calls.Refused(current)
    return current


def _send(
    form: Form, target: Target, entered: Mapping[str, str], current: Mapping[str, Any], *, rehearse: bool = False
) -> Answer:
    # A rehearsal leaves its key to the call itself.
    headers = {} if rehearse else {"Idempotency-Key": request.form.get(KEY_FIELD, "")}
    if target.versioned and (etag := request.form.get(ETAG_FIELD)):
        headers["If-Match"] = etag
    if reason := request.form.get(REASON_FIELD, "").strip():
        headers["X-Change-Reason"] = calls.header_text(reason)
    body = form.body(entered, current) if target.method in idempotency.METHODS | {"PUT"} else None
    return calls.call(target.method, target.address, body=body, headers=headers, rehearse=rehearse)


def _differences(form: Form, entered: Mapping[str, str], now: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The fields whose value is another than what was entered: label, entered, now."""
    pairs = ((each.label, entered[each.name], each.shown(now.get(each.name))) for each in form.fields)
    return [(label, yours, theirs) for label, yours, theirs in pairs if yours != theirs]


@dataclass(frozen=True, slots=True)
class _Shown:
    """A form as it is shown."""

    form: Form
    back: str
    values: Mapping[str, str]
    etag: str | None
    # Whether sending it shows the outcome first.
    confirms: bool

    def failure(self, answer: Answer, theirs: Sequence[tuple[str, str, str]] | None = None) -> AnyResponse:
        """The form with what was entered, and what is wrong with it."""
        problems = dict(answer.problems)
        if blamed := self.form.blame.get(answer.reason):
            problems[blamed] = answer.message
        page = self.page(message=answer.message, problems=problems, theirs=theirs)
        return current_app.response_class(page, answer.status)

    def page(self, **values: Any) -> str:
        """The form."""
        defaults: dict[str, Any] = {"message": "", "problems": {}, "theirs": None, "outcome": None}
        return render(
            self.form.template,
            title=self.form.title,
            form=self.form,
            values=self.values,
            back=self.back,
            confirms=self.confirms,
            etag=self.etag,
            # A key whose call failed may be used again; one whose call succeeded replays.
            key=request.form.get(KEY_FIELD) or str(uuid4()),
            change_reason=request.form.get(REASON_FIELD, ""),
            **{**defaults, **self.form.context, **values},
        )
