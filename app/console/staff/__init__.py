"""The console of staff, below `/console`."""
