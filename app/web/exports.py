"""Exports: all rows of a list as CSV or NDJSON, written while they are read.

The view and its service run as they do for a page, in a transaction of `app.db.streaming`, so that an export shows what
the pages show. What fails until the first rows are here is an ordinary failure; later ones cut the response off, which
then has no end line.
"""

import errno
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from threading import BoundedSemaphore
from typing import Any, Protocol

import marshmallow as ma
import structlog
from flask import Flask, Response, current_app, g, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.clock import utc_now
from app.config import Settings
from app.db import streaming
from app.db.availability import is_unavailable
from app.db.paging import EveryRow, Page
from app.errors import ExportBusy, Invalid
from app.web import metrics
from app.web.csv_rows import CsvRows
from app.web.json import to_json
from app.web.negotiation import MIMETYPES, Format
from app.web.paper import BINARY
from app.web.schemas import Schema

# The types of the response besides JSON, as in the OpenAPI document.
DOCUMENTATION: dict[Format, dict[str, Any]] = {
    Format.CSV: {
        "schema": {
            "type": "string",
            "description": "A header, one line for each row, and the end line `#end,<rows>` (RFC 4180).",
        }
    },
    Format.PDF: {"schema": BINARY},
    Format.NDJSON: {
        "schema": {
            "type": "string",
            "description": 'One JSON object a line for each row, and the end line `{"end":true,"count":<rows>}`.',
        }
    },
}
_PAGE_ARGUMENTS = ("page", "perPage", "per_page")
_LONGEST_NAME = 100

_log = structlog.get_logger("app.export")


def init_app(app: Flask, settings: Settings) -> None:
    """Limit how many exports a process of `app` writes at the same time."""
    app.extensions["exports"] = BoundedSemaphore(settings.serving.exports_at_once)


def run(read: Callable[[], Response]) -> Response:
    """The response of `read`, whose view calls `response_of`. Raises ExportBusy when others take all slots."""
    slots = _slots()
    if not slots.acquire(blocking=False):
        raise busy()
    try:
        # The body of the response releases the slot.
        return read()
    except BaseException:
        slots.release()
        raise


def _slots() -> BoundedSemaphore:
    slots: BoundedSemaphore = current_app.extensions["exports"]
    return slots


def busy() -> ExportBusy:
    """The failure of an export beyond those that are written at the same time."""
    return ExportBusy("Too many exports are being written; retry in a few seconds")


def arguments_of_export(arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a page as those of all rows. Raises Invalid if the request asks for a page."""
    for name in _PAGE_ARGUMENTS:
        if name in request.args:
            raise Invalid.field(name, "An export has all rows: omit it.", location="query")
    return {**arguments, "per_page": None}


def response_of(page: Page, schema: type[Schema], format_: Format) -> Response:
    """All rows of a list as a response that takes over the session. Raises TypeError for what is only a page."""
    if not isinstance(page, EveryRow):
        raise TypeError("The list made a page of its own for an export, which has all rows")
    writer = CsvRows(schema(), page.fields) if format_ == Format.CSV else _NdjsonRows(schema())
    body = _Body(writer, page, streaming.take_session(), _slots())
    return current_app.response_class(
        body,
        content_type=f"{MIMETYPES[format_]}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{_file_name(format_)}"'},
    )


def archive_response(lists: Mapping[str, EveryRow], schema: Schema) -> Response:
    """An object of lists, by the names of the fields of `schema`, as a response that takes over the session.

    A field that is not a list has the only row of its list.
    """
    body = _Body(_Archive(schema), EveryRow.of(_named(lists)), streaming.take_session(), _slots())
    return current_app.response_class(
        body,
        mimetype=MIMETYPES[Format.JSON],
        headers={"Content-Disposition": f'attachment; filename="{_file_name(Format.JSON)}"'},
    )


def paper_response(content: bytes) -> Response:
    """A PDF as a response, which browsers show."""
    headers = {"Content-Disposition": f'inline; filename="{_file_name(Format.PDF)}"'}
    return current_app.response_class(content, mimetype=MIMETYPES[Format.PDF], headers=headers)


class _Rows(Protocol):
    """Writes the lines of a format."""

    def header(self) -> bytes: ...
    def lines(self, rows: Sequence[Any]) -> bytes: ...
    def end(self, count: int) -> bytes: ...


class _NdjsonRows:
    """Writes rows as lines of JSON."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def header(self) -> bytes:
        return b""

    def lines(self, rows: Sequence[Any]) -> bytes:
        return b"".join(to_json(dumped) + b"\n" for dumped in self._schema.dump(rows, many=True))

    def end(self, count: int) -> bytes:
        return to_json({"end": True, "count": count}) + b"\n"


# In place of a row: where the rows of a name begin.
_BEGINS = object()


def _named(lists: Mapping[str, EveryRow]) -> Iterator[Sequence[tuple[str, Any]]]:
    for name, rows in lists.items():
        yield [(name, _BEGINS)]
        for part in rows.parts:
            yield [(name, row) for row in part]


class _Archive:
    """Writes an object in the envelope, field by field, of rows with the names of their fields."""

    def __init__(self, schema: Schema) -> None:
        self._schemas = {
            name: field.schema for name, field in schema.fields.items() if isinstance(field, ma.fields.Nested)
        }
        self._before = b""
        self._closing = b""

    def header(self) -> bytes:
        return b'{"success":true,"data":{'

    def lines(self, rows: Sequence[tuple[str, Any]]) -> bytes:
        written = bytearray()
        for name, row in rows:
            schema = self._schemas[name]
            if row is _BEGINS:
                separator = b"," if self._closing or self._before else b""
                written += self._closing + separator + to_json(name) + b":" + (b"[" if schema.many else b"")
                self._before, self._closing = b"", b"]" if schema.many else b""
            else:
                written += self._before + to_json(schema.dump(row, many=False))
                self._before = b","
        return bytes(written)

    def end(self, count: int) -> bytes:  # noqa: ARG002 - the end is plain without it
        return self._closing + b"}}"


class _Body:
    """The pieces of an export.

    `close` ends its transaction and releases its slot. It is called with the last piece, or by the server when the
    client hangs up, also before the first piece.
    """

    def __init__(self, writer: _Rows, page: EveryRow, session: Session, slots: BoundedSemaphore) -> None:
        self._session: Session | None = session
        self._slots = slots
        self._pieces = self._written(writer, page)
        self._rows = 0
        self._outcome = "abandoned"
        self._started_at = time.perf_counter()
        # The log has no request any more when the body is read.
        self._facts = {"request_id": g.request_id, "route": request.url_rule.rule if request.url_rule else None}

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except StopIteration:
            self.close()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is: the response has begun
            self._outcome = "failed"
            self._log_failure(error)
            self.close()
            # The server takes this for a client that went away: it closes the connection, without a last chunk.
            raise ConnectionResetError(errno.ECONNRESET, "The export was cut off; the reason is logged") from None

    def _written(self, writer: _Rows, page: EveryRow) -> Generator[bytes]:
        if header := writer.header():
            yield header
        for part in page.parts:
            self._rows += len(part)
            yield writer.lines(part)
        self._outcome = "complete"
        yield writer.end(self._rows)

    def _log_failure(self, error: Exception) -> None:
        if isinstance(error, DBAPIError) and is_unavailable(error):
            reason = str(error).splitlines()[0]
            _log.warning("An export was cut off: the database is unavailable", reason=reason, **self._facts)
        else:
            _log.error("An export was cut off", exc_info=error, **self._facts)

    def close(self) -> None:
        """Give back the connection and the slot, whatever was read. Further calls do nothing."""
        session, self._session = self._session, None
        if session is None:
            return
        self._pieces.close()
        try:
            session.close()
        finally:
            self._slots.release()
            metrics.exported(self._outcome)
            ms = round((time.perf_counter() - self._started_at) * 1000, 2)
            _log.info("export", outcome=self._outcome, rows=self._rows, ms=ms, **self._facts)


def _file_name(format_: Format) -> str:
    """A name from the path, such as billing-accounts-7-movements-2026-11-26.csv."""
    parts = request.path.strip("/").split("/")[1:]
    name = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(parts)).strip("-")[:_LONGEST_NAME]
    return f"{name}-{utc_now().date()}.{format_}"
