"""What the parts of the demo data share: when things happen, and who does them."""

from collections.abc import Callable

from app.auth.actor import Actor
from app.auth.permissions import Role
from app.work_periods.permissions import PROCESS_PAYMENTS

# How long ago it begins; today is the day of this number.
DAYS = 365
# A day, and what happens on it.
Event = tuple[int, Callable[[], object]]

OPERATOR = Actor(
    subject="demo",
    user_id="demo",
    handle="demo",
    email=None,
    roles=frozenset({Role.ADMINISTRATOR}),
    scopes=frozenset({PROCESS_PAYMENTS.lower()}),
)
