"""`/v1/admin`, by noun."""
