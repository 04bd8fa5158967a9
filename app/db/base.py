"""The SQLAlchemy handle and the declarative base every model derives from."""

from datetime import datetime
from typing import Annotated, Any

from flask import has_request_context
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session
from sqlalchemy import BigInteger, Connection, DateTime, Engine, Index, Label, MetaData, event, literal_column
from sqlalchemy.orm import DeclarativeBase, Mapped, ORMExecuteState, mapped_column

from app.clock import utc_now
from app.db.fast import prepared
from app.db.fast.prepared import Prepared

# What a session's `info` holds while a block of `app.db.transaction` is open.
COMMITS = "commits"

# Ids stay below 2^53: a double, which is what many callers read numbers into, holds them unchanged.
MAX_ID = 2**53 - 1
Id = Annotated[int, mapped_column(BigInteger)]
# Every moment is kept with its zone.
Moment = Annotated[datetime, mapped_column(DateTime(timezone=True))]


def search_index(name: str, column: str) -> Index:
    """The trigrams of a text column in any case, indexed for substring search."""
    folded: Label[str] = literal_column(f"fold_text({column})").label("folded")
    return Index(name, folded, postgresql_using="gin", postgresql_ops={"folded": "gin_trgm_ops"})


class Base(DeclarativeBase):
    """Names every constraint by rule, so that migrations and error messages can rely on the names."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        }
    )


class Timestamped:
    """`created_at` and `updated_at`, kept by the ORM from the one clock. What is new has the same moment in both."""

    created_at: Mapped[Moment]
    updated_at: Mapped[Moment] = mapped_column(onupdate=utc_now)


@event.listens_for(Timestamped, "init", propagate=True)
def _begin(_entity: Timestamped, _arguments: Any, values: dict[str, Any]) -> None:
    now = utc_now()
    values.setdefault("created_at", now)
    values.setdefault("updated_at", now)


class RoutedSession(Session):
    """The session of a request: on the primary, unless `replica` is set before its first statement.

    Prepared statements, which are most, run on a connection from the pool and nothing else: what the ORM needs for
    entities is set up when there are some. Both share the connection, and so its transaction.
    """

    replica: Engine | None = None
    _taken: Connection | None = None

    def execute(self, statement: Any, params: Any = None, **options: Any) -> Any:
        """Run a statement: prepared ones by `app.db.fast.prepared`."""
        if isinstance(statement, Prepared):
            self.require_commit()
            return prepared.run(self.connection(), statement, params or {})
        return super().execute(statement, params, **options)

    def add(self, instance: object, **options: Any) -> None:
        """Have an entity inserted by the next flush."""
        self.require_commit()
        super().add(instance, **options)

    def connection(self, *_: Any, **__: Any) -> Connection:
        """The connection that statements run on, taken from the pool by the first one of a transaction."""
        # Where there are entities their transaction goes on, and begins a savepoint that was asked for.
        return super().connection() if self.in_transaction() else self.get_bind()

    def get_bind(self, *_: Any, **__: Any) -> Connection:
        """The same, for entities."""
        if self._taken is None:
            self._taken = (self.replica or self._db.engine).connect()
        return self._taken

    def commit(self) -> None:
        """Commit what ran on the connection, and give it back to the pool."""
        if self.in_transaction():
            # From here on the transaction of the entities is that of the connection.
            self.connection()
            super().commit()
        else:
            self.dispatch.before_commit(self)
            if self._taken is not None:
                (self._taken.get_transaction() or self._taken.begin()).commit()
            self.dispatch.after_commit(self)
        self._give_back()

    def rollback(self) -> None:
        """Undo what ran on the connection, and give it back to the pool."""
        if self.in_transaction():
            super().rollback()
        else:
            self.dispatch.after_soft_rollback(self, None)
            # Also one whose commit failed: closing the connection would take that for the end of the transaction, and
            # the next to get it would be inside.
            if self._taken is not None and (begun := self._taken.get_transaction()) is not None:
                begun.rollback()
        self._give_back()

    def close(self) -> None:
        """Forget all entities, and give the connection back to the pool."""
        if self.in_transaction() or self.identity_map:
            super().close()
        self._give_back()

    def _give_back(self) -> None:
        """Return the connection, which undoes what is not committed."""
        if self._taken is not None:
            self._taken.close()
            self._taken = None

    def require_commit(self) -> None:
        """Raise RuntimeError in a request that opened no transaction: its work would be lost without a word."""
        if COMMITS not in self.info and has_request_context():
            raise RuntimeError("A statement outside of any transaction: nothing would commit it")


@event.listens_for(RoutedSession, "do_orm_execute")
def _require_commit(state: ORMExecuteState) -> None:
    """Look at every statement that SQLAlchemy runs for a session, by whichever method."""
    session = state.session
    if isinstance(session, RoutedSession):
        session.require_commit()


# Entities join a transaction that statements began on the connection, and end it.
_OPTIONS = {"class_": RoutedSession, "join_transaction_mode": "control_fully"}
db = SQLAlchemy(model_class=Base, disable_autonaming=True, session_options=_OPTIONS)
