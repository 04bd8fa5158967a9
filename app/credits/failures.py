"""Failures of the rules of credits, as the document shows them."""

from app.errors import NotFound, PaymentRequired

NO_ACCOUNT = NotFound("Account 7 was not found")
INSUFFICIENT = PaymentRequired("3 credits are needed, 2 are left", details={"available": 2, "requested": 3})
