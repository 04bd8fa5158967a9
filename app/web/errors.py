"""One response shape for every failure, whether a service, Flask or the database raised it or it is unexpected."""

import logging
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, jsonify
from sqlalchemy.exc import DataError, DBAPIError, StatementError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from app.db.availability import is_unavailable
from app.errors import Invalid, RateLimited, Reason, ServiceError, Unavailable
from app.web import limits, metrics

_log = logging.getLogger(__name__)

_REASON_BY_STATUS = {
    400: Reason.INVALID_INPUT,
    404: Reason.NOT_FOUND,
    405: Reason.METHOD_NOT_ALLOWED,
    406: Reason.NOT_ACCEPTABLE,
    408: Reason.REQUEST_TIMEOUT,
    413: Reason.PAYLOAD_TOO_LARGE,
    414: Reason.URI_TOO_LONG,
    415: Reason.UNSUPPORTED_MEDIA_TYPE,
    431: Reason.HEADERS_TOO_LARGE,
}
_MESSAGE_BY_STATUS = {
    404: "There is no resource at this path",
    405: "The method is not allowed for this resource",
    413: "The request body is too large",
}


def error_body(status: int, reason: Reason, message: str, details: Any = None) -> dict[str, Any]:
    """The envelope of a failure."""
    error: dict[str, Any] = {"code": status, "reason": reason, "message": message}
    if details is not None:
        error["details"] = details
    return {"success": False, "error": error}


def init_app(app: Flask) -> None:
    """Turn every failure of `app` into a response in the envelope."""
    app.register_error_handler(ServiceError, _service_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(DBAPIError, _database_failed)
    app.register_error_handler(PoolTimeout, _database_unavailable)
    app.register_error_handler(DataError, _data_refused)
    app.register_error_handler(Exception, _crash)


def _answer(status: int, reason: Reason, message: str, details: Any = None) -> Response:
    if _is_fault_of_caller(status):
        try:
            limits.charge_address()
        except RateLimited as limited:
            status, reason, message, details = limited.status, limited.reason, limited.message, limited.details
    response = jsonify(error_body(status, reason, message, details))
    response.status_code = status
    metrics.failed(reason)
    return response


def _is_fault_of_caller(status: int) -> bool:
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and status != RateLimited.status


def _service_error(error: ServiceError) -> Response:
    response = _answer(error.status, error.reason, error.message, error.details)
    if response.status_code == error.status:
        response.headers.update(error.headers)
    return response


def _http_error(error: HTTPException) -> Response:
    status = error.code or HTTPStatus.INTERNAL_SERVER_ERROR.value
    is_ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
    reason = _REASON_BY_STATUS.get(status, Reason.INTERNAL_ERROR if is_ours else Reason.HTTP_ERROR)
    response = _answer(status, reason, _MESSAGE_BY_STATUS.get(status) or error.description or error.name)
    for name, value in error.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    return response


def _database_failed(error: DBAPIError) -> Response:
    return _database_unavailable(error) if is_unavailable(error) else _crash(error)


def _database_unavailable(error: Exception) -> Response:
    _log.warning("The database is unavailable: %s", str(error).splitlines()[0])
    return _service_error(Unavailable("The database is unavailable; try again shortly"))


def _data_refused(error: DBAPIError) -> Response:
    # Schemas refuse such values by field; this catches what they miss.
    _log.error("The database refused a value that passed validation: %s", error.orig)
    return _service_error(Invalid("A value is out of range for its field"))


def _crash(error: Exception) -> Response:
    if isinstance(error, StatementError):
        # Its text would contain every bound value; what callers send does not belong in the log.
        error.hide_parameters = True
    _log.error("Unhandled error", exc_info=error)
    return _answer(500, Reason.INTERNAL_ERROR, "Internal error; it has been logged")
