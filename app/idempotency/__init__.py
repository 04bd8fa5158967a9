"""Idempotency keys: a request sent twice with one key has one effect and one response."""
