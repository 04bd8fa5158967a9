"""The portal of customers, below `/portal`."""
