"""The audit trail as callers read it: all of it, of one object, of a customer account."""
