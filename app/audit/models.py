"""Personal data that audit entries refer to."""

from sqlalchemy import CheckConstraint, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Id, Moment

# Of `PersonalData.kind`: who caused something.
ACTOR = "actor"


class PersonalData(Base):
    """A value about a person, or who caused something: audited rows name it by `ref` and never contain it.

    `ref` is the SHA-256 of the salt and `kind:value`. So a hash over a row that has the reference covers the value as
    well, and still does once the row is erased, which empties `value` and `salt`. Values of a customer account belong
    to it.
    """

    __tablename__ = "personal_data"
    __table_args__ = (
        CheckConstraint("(value IS NULL) = (salt IS NULL)", name="erased"),
        Index("ix_personal_data_value", text("md5(value)"), "kind"),
        Index("ix_personal_data_account_id", "account_id"),
    )

    ref: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[Id | None]
    kind: Mapped[str] = mapped_column(String(32))
    value: Mapped[str | None] = mapped_column(Text)
    salt: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[Moment]
