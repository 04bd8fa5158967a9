"""Customer accounts and who belongs to them; below everything that is kept per customer."""
