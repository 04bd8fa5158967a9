"""The customer's own account: settings, team and usage."""
