"""What a database distributed by account asks of policies, triggers and statements."""

from flask import Flask
from sqlalchemy import text

from app.db.base import db

POLICIES = text("""
    SELECT tablename || ' ' || policyname, concat_ws(' ', qual, with_check) FROM pg_policies WHERE schemaname = 'public'
""")


def test_no_policy_has_a_subquery(app: Flask) -> None:
    with app.app_context():
        policies = dict(db.session.execute(POLICIES).all())
    assert "payments own_account" in policies
    assert [name for name, condition in policies.items() if "SELECT" in condition] == []
