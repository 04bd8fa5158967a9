"""Who may call what of bookings, work periods and payments."""

from app.auth.permissions import Role, scopes

STAFF = (Role.ADMINISTRATOR, Role.BOOKING_MANAGER)

_BOOKINGS = "taas-resourceBookings"
READ_BOOKINGS = scopes(_BOOKINGS, "read")
CREATE_BOOKINGS = scopes(_BOOKINGS, "create")
UPDATE_BOOKINGS = scopes(_BOOKINGS, "update")

_PERIODS = "taas-workPeriods"
READ_PERIODS = scopes(_PERIODS, "read")
UPDATE_PERIODS = scopes(_PERIODS, "update")

_PAYMENTS = "taas-workPeriodPayments"
READ_PAYMENTS = scopes(_PAYMENTS, "read")
CREATE_PAYMENTS = scopes(_PAYMENTS, "create")
UPDATE_PAYMENTS = scopes(_PAYMENTS, "update")
# Moves payments through processing; `all:` does not include it.
PROCESS_PAYMENTS = f"process:{_PAYMENTS}"
UPDATE_OR_PROCESS_PAYMENTS = scopes(_PAYMENTS, "update", "process")
