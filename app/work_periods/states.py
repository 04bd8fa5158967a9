"""The state machine of payments: which moves and changes each status allows, and to which callers."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import Flag, auto
from typing import Any, NamedTuple

from app.auth.actor import Actor
from app.auth.permissions import Role
from app.errors import Conflict, Forbidden
from app.naming import camel_case
from app.work_periods.models import PaymentStatus
from app.work_periods.permissions import PROCESS_PAYMENTS, STAFF, UPDATE_PAYMENTS

CANCELLED, COMPLETED, FAILED = PaymentStatus.CANCELLED, PaymentStatus.COMPLETED, PaymentStatus.FAILED
IN_PROGRESS, SCHEDULED = PaymentStatus.IN_PROGRESS, PaymentStatus.SCHEDULED

# Active payments count in the totals of their period and reserve their amount on the budget.
OPEN = frozenset({SCHEDULED, IN_PROGRESS})
ACTIVE = OPEN | {COMPLETED}


class Part(Flag):
    """What a caller is to a payment; a caller may be several."""

    NONE = 0
    UPDATING = auto()
    ADMINISTERING = auto()
    PROCESSING = auto()


# The roles and scopes that give a caller each part.
BEARERS: Mapping[Part, tuple[tuple[Role, ...], tuple[str, ...]]] = {
    Part.UPDATING: (STAFF, UPDATE_PAYMENTS),
    Part.ADMINISTERING: ((Role.ADMINISTRATOR,), ()),
    Part.PROCESSING: ((), (PROCESS_PAYMENTS,)),
}


class State(NamedTuple):
    """What the status of a payment allows.

    `moves` maps the statuses it may move to to the callers who may move it; `changes` are the fields that may change in
    this status, also together with a move from it; `reports` are the fields that may be sent with a move to it.
    """

    moves: Mapping[PaymentStatus, Part]
    changes: frozenset[str]
    reports: frozenset[str]


_DETAILS, _REFERENCE = "status_details", "external_reference"
_PAY = frozenset({"member_rate", "customer_rate", "billing_account_id", "amount"})
_EVERYTHING = _PAY | {"days", _REFERENCE}
_REPORT = frozenset({_DETAILS, _REFERENCE})
_NOTHING: frozenset[str] = frozenset()

STATES: Mapping[PaymentStatus, State] = {
    SCHEDULED: State(
        moves={IN_PROGRESS: Part.PROCESSING, CANCELLED: Part.UPDATING},
        changes=_EVERYTHING,
        reports=frozenset({_DETAILS}),
    ),
    IN_PROGRESS: State(
        moves={
            COMPLETED: Part.PROCESSING,
            FAILED: Part.PROCESSING | Part.ADMINISTERING,
            SCHEDULED: Part.PROCESSING,
        },
        changes=frozenset({"customer_rate"}) | _REPORT,
        reports=_REPORT,
    ),
    COMPLETED: State(moves={CANCELLED: Part.UPDATING}, changes=_PAY | {_REFERENCE}, reports=_REPORT),
    FAILED: State(
        moves={SCHEDULED: Part.UPDATING, CANCELLED: Part.UPDATING},
        changes=_NOTHING,
        reports=_REPORT,
    ),
    CANCELLED: State(moves={}, changes=_NOTHING, reports=_NOTHING),
}
# The cause of a failure, such as an account without budget, can be fixed together with the retry.
RETRY = (FAILED, SCHEDULED)
RETRY_CHANGES = _EVERYTHING

SENDERS: Mapping[str, Part] = {
    **dict.fromkeys(_EVERYTHING, Part.UPDATING),
    _DETAILS: Part.PROCESSING,
    _REFERENCE: Part.PROCESSING | Part.ADMINISTERING,
}


def part_of(actor: Actor) -> Part:
    """The parts that the roles and scopes of the caller give."""
    found = Part.NONE
    for part, (roles, named) in BEARERS.items():
        if actor.has_role(*roles) or actor.has_scope(named):
            found |= part
    return found


def move(actor: Actor, payment: Mapping[str, Any], changes: Mapping[str, Any]) -> PaymentStatus | None:
    """The status that `changes` move the payment to, or None if its status stays.

    The current status is not a move if other fields change with it, or if the caller repeats its own last move. Raises
    Forbidden if the caller may not send one of the fields, and Conflict if the current status does not allow the move
    or one of the changes.
    """
    part = part_of(actor)
    present = PaymentStatus(payment["status"])
    wanted = PaymentStatus(changes["status"]) if "status" in changes else present
    named = changes.keys() - {"status"}
    _require_sender(part, named, wanted if "status" in changes else None)
    allowed = STATES[present].changes
    if wanted != present:
        _require_move(part, present, wanted)
        allowed |= STATES[wanted].reports | (RETRY_CHANGES if (present, wanted) == RETRY else _NOTHING)
    elif "status" in changes and not _is_beside_others(part, named):
        _require_repetition(actor, payment)
        allowed |= STATES[present].reports
    for name in sorted(named - allowed):
        if not (name == "days" and present == COMPLETED and changes["days"] == payment["days"]):
            raise Conflict(f"{camel_case(name)} cannot be changed while the payment is {present}")
    return None if wanted == present else wanted


def _require_sender(part: Part, named: AbstractSet[str], wanted: PaymentStatus | None) -> None:
    for name in sorted(named):
        # An administrator who fails a payment because its processor died says why.
        senders = SENDERS[name] | (Part.ADMINISTERING if (name, wanted) == (_DETAILS, FAILED) else Part.NONE)
        if not part & senders:
            bearers = [names for sender, names in BEARERS.items() if sender & senders]
            details: dict[str, list[str]] = {
                "roles": [role for roles, _ in bearers for role in roles],
                "scopes": [scope for _, scopes_named in bearers for scope in scopes_named],
            }
            needed = ", ".join([*details["roles"], *details["scopes"]])
            raise Forbidden(
                f"Your roles and scopes do not allow sending {camel_case(name)}; required: {needed}",
                details=details,
            )


def _require_move(part: Part, present: PaymentStatus, wanted: PaymentStatus) -> None:
    movers = STATES[present].moves.get(wanted)
    if movers is None:
        raise Conflict(f"A payment cannot be moved from {present} to {wanted}")
    if not part & movers:
        raise Conflict(f"Your roles and scopes do not allow moving a payment from {present} to {wanted}")


def _is_beside_others(part: Part, named: AbstractSet[str]) -> bool:
    """Whether an unchanged status is sent only together with fields that change.

    The fields that processing reports do not count: with them, the status of another processor's move is a conflict.
    """
    return bool(named - _REPORT if part & Part.PROCESSING else named)


def _require_repetition(actor: Actor, payment: Mapping[str, Any]) -> None:
    if payment["moved_by"] != actor.identity:
        raise Conflict(f"The payment is already {payment['status']}")
