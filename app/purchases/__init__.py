"""Credits for money: packages, invoices, and payments by way of a gateway."""
