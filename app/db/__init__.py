"""The database: one SQLAlchemy handle, its declarative base, transactions and paged queries."""
