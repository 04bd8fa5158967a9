"""Finding and writing sign-ins."""

from sqlalchemy import bindparam, delete, insert, select

from app.console.models import SignIn
from app.db.columns import columns_of, values_of
from app.db.fast.prepared import AnyPrepared, Prepared

_IS_VALID = (
    SignIn.digest == bindparam("digest"),
    SignIn.kind == bindparam("kind"),
    SignIn.expires_at > bindparam("now"),
)
ADD: AnyPrepared = Prepared(insert(SignIn).values(**values_of(*columns_of(SignIn))))
FIND = Prepared(select(SignIn.claims).where(*_IS_VALID))
# Of two that take the same link at once, one gets nothing.
TAKE = Prepared(delete(SignIn).where(*_IS_VALID).returning(SignIn.claims, SignIn.session_hours))
PRUNE = Prepared(delete(SignIn).where(SignIn.expires_at <= bindparam("now")).returning(SignIn.digest))
