"""Prepaid credits: the ledger, plans, packages, purchases, invoices and payments."""
