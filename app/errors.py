"""The closed set of ways a request can fail. Services raise these; `app.web.errors` turns them into responses."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

Result = TypeVar("Result")


class Reason(StrEnum):
    """The stable words that programs match on; every failure response has one."""

    INVALID_INPUT = "invalid_input"
    INVALID_JSON = "invalid_json"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    REVERSAL_EXCEEDS_CONSUMED = "reversal_exceeds_consumed"
    USE_CSV = "use_csv"
    UNAUTHORIZED = "unauthorized"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    CAP_REACHED = "cap_reached"
    ACCOUNT_IN_DEBT = "account_in_debt"
    FORBIDDEN = "forbidden"
    NO_ACCOUNT = "no_account"
    ACCOUNT_SUSPENDED = "account_suspended"
    ACCOUNT_CLOSED = "account_closed"
    NOT_FOUND = "not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    NOT_ACCEPTABLE = "not_acceptable"
    REQUEST_TIMEOUT = "request_timeout"
    CONFLICT = "conflict"
    ACCOUNT_INACTIVE = "account_inactive"
    ACCOUNT_NOT_CURRENT = "account_not_current"
    ALREADY_CONSUMED = "already_consumed"
    NOT_OPEN_YET = "not_open_yet"
    NOTHING_TO_REVERSE = "nothing_to_reverse"
    PAYMENT_LINE = "payment_line"
    OTHER_CLIENT = "other_client"
    NOTHING_TO_CARRY = "nothing_to_carry"
    BOOKING_CANCELLED = "booking_cancelled"
    BUDGET_BELOW_RESERVED = "budget_below_reserved"
    CREDITS_SPENT = "credits_spent"
    AMOUNT_MISMATCH = "amount_mismatch"
    REFUND_EXCEEDS_PAYMENT = "refund_exceeds_payment"
    GRANT_EXISTS = "grant_exists"
    HOLD_EXISTS = "hold_exists"
    HOLD_ENDED = "hold_ended"
    CAPTURE_EXCEEDS_HOLD = "capture_exceeds_hold"
    LAST_OWNER = "last_owner"
    TAX_COUNTRY_UNKNOWN = "tax_country_unknown"
    PRICE_CHANGED = "price_changed"
    ACCOUNT_BUSY = "account_busy"
    INVITATION_ENDED = "invitation_ended"
    TOO_MANY_ACCOUNTS = "too_many_accounts"
    IDEMPOTENCY_IN_PROGRESS = "idempotency_in_progress"
    PRECONDITION_FAILED = "precondition_failed"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    URI_TOO_LONG = "uri_too_long"
    HEADERS_TOO_LARGE = "headers_too_large"
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    RATE_LIMITED = "rate_limited"
    EXPORT_BUSY = "export_busy"
    HTTP_ERROR = "http_error"
    INTERNAL_ERROR = "internal_error"
    SERVICE_UNAVAILABLE = "service_unavailable"
    DATABASE_UNAVAILABLE = "database_unavailable"
    CLOCK_SKEW = "clock_skew"
    IDENTITY_PROVIDER_UNAVAILABLE = "identity_provider_unavailable"
    PAYMENT_GATEWAY_UNAVAILABLE = "payment_gateway_unavailable"
    GATEWAY_TIMEOUT = "gateway_timeout"


class ServiceError(Exception):
    """A failure that is reported to the caller: HTTP status, reason, message and details."""

    status: ClassVar[int]
    default_reason: ClassVar[Reason]
    # Headers that HTTP requires with the status.
    headers: ClassVar[Mapping[str, str]] = {}

    def __init__(self, message: str, *, reason: Reason | None = None, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.details = details


class Invalid(ServiceError):
    """The request is malformed, or violates a rule regardless of state."""

    status = 400
    default_reason = Reason.INVALID_INPUT

    @classmethod
    def field(cls, name: str, problem: str, *, location: str = "json") -> "Invalid":
        """A failure of one named input field, in the shape that schema validation uses."""
        return cls(f"{name}: {problem}", details={location: {name: [problem]}})


class Unauthorized(ServiceError):
    """The caller is not authenticated: the request has no token, or an invalid one."""

    status = 401
    default_reason = Reason.UNAUTHORIZED
    headers: ClassVar[Mapping[str, str]] = {"WWW-Authenticate": "Bearer"}


class PaymentRequired(ServiceError):
    """The account does not have enough credits, or owes some."""

    status = 402
    default_reason = Reason.INSUFFICIENT_CREDITS


class Forbidden(ServiceError):
    """The caller is authenticated but not permitted to do this."""

    status = 403
    default_reason = Reason.FORBIDDEN


class NotFound(ServiceError):
    """The object does not exist, or is not visible to the caller."""

    status = 404
    default_reason = Reason.NOT_FOUND


class NotAcceptable(ServiceError):
    """The operation has no response of a type that the caller accepts."""

    status = 406
    default_reason = Reason.NOT_ACCEPTABLE


class Conflict(ServiceError):
    """The request is valid, but the current state does not allow it."""

    status = 409
    default_reason = Reason.CONFLICT


class PreconditionFailed(ServiceError):
    """The object no longer has the version that the caller expects."""

    status = 412
    default_reason = Reason.PRECONDITION_FAILED


class UnsupportedMediaType(ServiceError):
    """The body is not JSON."""

    status = 415
    default_reason = Reason.UNSUPPORTED_MEDIA_TYPE


class UnsupportedEncoding(UnsupportedMediaType):
    """The body is compressed."""

    headers: ClassVar[Mapping[str, str]] = {"Accept-Encoding": "identity"}


class KeyReused(ServiceError):
    """An idempotency key was reused with a different request."""

    status = 422
    default_reason = Reason.IDEMPOTENCY_KEY_REUSED


class RateLimited(ServiceError):
    """The caller, or their address, exceeded a rate limit."""

    status = 429
    default_reason = Reason.RATE_LIMITED


class ExportBusy(RateLimited):
    """This worker is writing as many exports as it may at once."""

    default_reason = Reason.EXPORT_BUSY
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "5"}


class Unavailable(ServiceError):
    """Something this service depends on is unavailable; the same request may succeed after `Retry-After` seconds."""

    status = 503
    default_reason = Reason.DATABASE_UNAVAILABLE
    headers: ClassVar[Mapping[str, str]] = {"Retry-After": "2"}


def only(outcomes: Sequence[Result | ServiceError]) -> Result:
    """The only result. Raises its failure."""
    (outcome,) = outcomes
    if isinstance(outcome, ServiceError):
        raise outcome
    return outcome
