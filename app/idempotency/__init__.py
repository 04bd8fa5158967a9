"""Idempotency keys: requests repeated with the same key have one effect and one response."""
