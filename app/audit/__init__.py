"""The audit trail: who changed what and why, chained by hash; personal data are kept apart, by reference."""
