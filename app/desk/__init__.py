"""The vendor's desk: staff find customers, see their accounts, and keep the catalogue and the books of the vendor."""
