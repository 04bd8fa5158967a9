"""Erasing personal data: what refers to it stays, and so do the chains over it."""

from sqlalchemy import text

from app import tenancy
from app.audit.models import ObjectType
from app.audit.recording import record
from app.db.base import db

_OF_SUBJECT = text("""
    UPDATE personal_data SET value = NULL, salt = NULL WHERE md5(value) = md5(:subject) AND value = :subject
""")
_OF_ACCOUNT = text("""
    UPDATE personal_data SET value = NULL, salt = NULL WHERE account_id = :account_id AND value IS NOT NULL
""")


def erase(subject: str) -> int:
    """Erase a value wherever it stands, as an actor or in a field; how many references were emptied."""
    tenancy.set_every_account()
    erased: int = db.session.execute(_OF_SUBJECT, {"subject": subject}).rowcount  # type: ignore[attr-defined]
    if erased:
        record(ObjectType.RUN, "erasure", after={"erased": erased})
    return erased


def erase_account(account_id: int) -> int:
    """Erase the actors of a customer account and all personal fields of its entries; how many there were."""
    tenancy.set_account(account_id)
    erased: int = db.session.execute(_OF_ACCOUNT, {"account_id": account_id}).rowcount  # type: ignore[attr-defined]
    if erased:
        record(ObjectType.CUSTOMER_ACCOUNT, account_id, after={"erased": erased}, account_id=account_id)
    return erased
