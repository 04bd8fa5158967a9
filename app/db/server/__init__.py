"""The PostgreSQL server: the embedded one of development and tests, addresses, and what is checked at the start."""
