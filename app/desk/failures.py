"""Failures at the desk, as examples for the OpenAPI document."""

from app.errors import NotFound

NO_ACCOUNT = NotFound("Account 17 was not found")
NO_PAYMENT = NotFound("Payment 4711 was not found")
NO_INVOICE = NotFound("Invoice 4711 was not found")
