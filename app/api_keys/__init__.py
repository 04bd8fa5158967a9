"""Issuing, rotating and revoking API keys; `app.auth.api_keys` verifies them."""
