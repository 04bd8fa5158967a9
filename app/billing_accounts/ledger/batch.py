"""The ledger for many references at once: decided one by one in memory, written together by one statement.

The budgets concerned are locked first, in id order; then each change is decided, in the order it comes, seeing what
those before it did. The statement is text: lines that go, lines that come and totals are written at once.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Row

from app.audit import cause
from app.billing_accounts.ledger import expiry, journal, refusals
from app.billing_accounts.ledger.standing import Budget, Line, Movement, kind_of
from app.billing_accounts.models import ExternalType, Kind, MovementKind
from app.clock import utc_now
from app.db.base import db
from app.db.fast.prepared import AnyPrepared, Prepared
from app.db.time_ordered import time_ordered_ids
from app.errors import ServiceError
from app.money import ZERO


class Charge(NamedTuple):
    """An amount to consume for an engagement."""

    billing_account_id: int
    external_id: str
    amount: Decimal


_BUDGETS = f"""
    SELECT budgets.billing_account_id, budgets.amount, {expiry.locked("budgets")} AS locked, budgets.consumed,
        budgets.movements, budgets.moved_at, {expiry.is_due("budgets")} AS is_due, billing_accounts.status,
        billing_accounts.start_date, billing_accounts.end_date
    FROM budgets JOIN billing_accounts ON billing_accounts.id = budgets.billing_account_id
    WHERE budgets.billing_account_id = ANY(:account_ids)
"""
READ = Prepared(_BUDGETS)
LOCK = Prepared(f"""
    SELECT FROM budgets WHERE billing_account_id = ANY(:account_ids) ORDER BY billing_account_id FOR NO KEY UPDATE;
    {_BUDGETS}
""")
# A movement names the line it changed: of an engagement the one it adds, else the one of the reference.
WRITE = Prepared(f"""
    WITH released AS (
        DELETE FROM budget_lines AS line USING unnest(
            CAST(:released_accounts AS int[]), CAST(:released_references AS text[])
        ) AS gone (account_id, external_id)
        WHERE line.billing_account_id = gone.account_id AND line.external_type = :external_type
            AND line.external_id = gone.external_id
        RETURNING line.id, line.billing_account_id, line.external_id
    ), held AS (
        INSERT INTO budget_lines AS line
            (id, billing_account_id, kind, external_type, external_id, external_name, amount, date, created_at,
            consumed_at)
        SELECT coalesce(id, uuidv7()), account_id, kind, :external_type, external_id, external_name, amount, :now, :now,
            CASE kind WHEN 'consumed' THEN CAST(:now AS timestamptz) END
        FROM unnest(
            CAST(:held_ids AS uuid[]), CAST(:held_accounts AS int[]), CAST(:held_references AS text[]),
            CAST(:held_names AS text[]), CAST(:held_kinds AS text[]), CAST(:held_amounts AS numeric[])
        ) AS held (id, account_id, external_id, external_name, kind, amount)
        ON CONFLICT (billing_account_id, external_id) WHERE external_type = 'WORK_PERIOD_PAYMENT'
        DO UPDATE SET kind = excluded.kind, external_name = coalesce(excluded.external_name, line.external_name),
            amount = excluded.amount, date = excluded.date,
            consumed_at = CASE excluded.kind WHEN 'consumed' THEN coalesce(line.consumed_at, excluded.consumed_at) END
        RETURNING line.id, line.billing_account_id, line.external_id
    ), line AS (
        SELECT * FROM released UNION ALL SELECT * FROM held
    ), numbered AS (
        SELECT account_id AS billing_account_id, position, at, movement.kind, coalesce(entry_id, line.id) AS entry_id,
            CAST(:external_type AS text) AS external_type, movement.external_id, external_name, locked_delta,
            consumed_delta, budget_after, locked_after, consumed_after, budgets.head
        FROM unnest(
            CAST(:entry_ids AS uuid[]), CAST(:moved_accounts AS int[]), CAST(:positions AS int[]),
            CAST(:moments AS timestamptz[]), CAST(:kinds AS text[]), CAST(:references AS text[]),
            CAST(:names AS text[]), CAST(:locked_deltas AS numeric[]), CAST(:consumed_deltas AS numeric[]),
            CAST(:budgets_after AS numeric[]), CAST(:locked_after AS numeric[]), CAST(:consumed_after AS numeric[])
        ) AS movement (
            entry_id, account_id, position, at, kind, external_id, external_name, locked_delta, consumed_delta,
            budget_after, locked_after, consumed_after
        )
        LEFT JOIN line ON entry_id IS NULL AND line.billing_account_id = account_id
            AND line.external_id = movement.external_id
        JOIN budgets ON budgets.billing_account_id = account_id
    ), {journal.post_numbered()} SELECT
""")


# Of each field of a movement, the parameter that has it of all.
_JOURNAL_ARRAYS = (
    "moved_accounts",
    "positions",
    "moments",
    "kinds",
    "references",
    "names",
    "locked_deltas",
    "consumed_deltas",
    "budgets_after",
    "locked_after",
    "consumed_after",
)


class Budgets:
    """The budgets of some accounts, locked until the transaction ends, and the changes decided on them.

    They are for engagements or for payments of work periods. What is due of them is posted first.
    """

    def __init__(self, external_type: ExternalType, account_ids: Iterable[int]) -> None:
        self._external_type = external_type
        self._now = utc_now()
        wanted = set(account_ids)
        rows = _read(LOCK, wanted, self._now)
        if any(row.is_due for row in rows):
            expiry.post(wanted, self._now)
            rows = _read(READ, wanted, self._now)
        self._budgets = self._standing(rows)
        self._lines: dict[tuple[int, str, int], tuple[Line, str | None] | None] = {}
        self._movements: list[Movement] = []

    def knows(self, account_id: int) -> bool:
        """Whether there is such an account among those locked."""
        return account_id in self._budgets

    def available(self, account_id: int) -> Decimal:
        """What a new reference could take from the account, by its amount alone."""
        return max(self._budgets[account_id].remaining, ZERO)

    def move(self, external_id: str, before: Line | None, after: Line | None, name: str | None = None) -> None:
        """Replace what the reference holds, and its name if there is one; an engagement gets one more line each time.

        Raises NotFound, Invalid (insufficient funds) or Conflict (account inactive or not current, already consumed),
        and then nothing changed.
        """
        if before == after:
            return
        if after is not None:
            if not self.knows(after.account_id):
                raise refusals.not_found(after.account_id)
            stays = before is not None and before.account_id == after.account_id
            self._budgets[after.account_id].require(external_id, before if stays else None, after)
        if before is not None and after is not None and before.account_id != after.account_id:
            self._post(MovementKind.MOVED, external_id, name, before, None)
            self._post(MovementKind.MOVED, external_id, name, None, after)
        else:
            self._post(kind_of(before, after), external_id, name, before, after)

    def write(self) -> None:
        """Write the lines, the totals and the movements of every change."""
        if not self._movements:
            return
        released = [key for key, line in self._lines.items() if line is None]
        held = [(external_id, *line) for (_, external_id, _), line in self._lines.items() if line is not None]
        # Each charge of an engagement is a movement and a line of its own; of others the database knows the line.
        adds_lines = self._external_type == ExternalType.ENGAGEMENT
        ids: list[str] | list[None] = time_ordered_ids(self._now, len(held)) if adds_lines else [None] * len(held)
        parameters = {
            "external_type": self._external_type,
            "now": self._now,
            "released_accounts": [account_id for account_id, _, _ in released],
            "released_references": [external_id for _, external_id, _ in released],
            "held_ids": ids,
            "held_accounts": [line.account_id for _, line, _ in held],
            "held_references": [external_id for external_id, _, _ in held],
            "held_names": [name for _, _, name in held],
            "held_kinds": [line.kind for _, line, _ in held],
            "held_amounts": [line.amount for _, line, _ in held],
            **self._journal(ids if adds_lines else [None] * len(self._movements)),
        }
        db.session.execute(WRITE, parameters)

    def _standing(self, rows: Iterable[Row[Any]]) -> dict[int, Budget]:
        return {row.billing_account_id: Budget(row, self._now) for row in rows}

    def _journal(self, entry_ids: Sequence[str | None]) -> dict[str, Any]:
        columns = zip(_JOURNAL_ARRAYS, zip(*self._movements, strict=True), strict=True)
        return {
            "entry_ids": entry_ids,
            **{name: list(column) for name, column in columns},
            **cause.current(),
        }

    def _post(
        self, kind: MovementKind, external_id: str, name: str | None, before: Line | None, after: Line | None
    ) -> None:
        line = after or before
        if line is None:
            return
        # Other references have one line each, whatever became of it before.
        nth = len(self._lines) if self._external_type == ExternalType.ENGAGEMENT else 0
        self._lines[line.account_id, external_id, nth] = None if after is None else (after, name)
        self._movements.append(self._budgets[line.account_id].move(kind, external_id, name, before, after))


class Rehearsal(Budgets):
    """Budgets as they stood when they were looked at, and the changes that would be decided on them: none is made.

    Nothing is locked, so that others are not kept waiting by a question.
    """

    def __init__(self, external_type: ExternalType) -> None:
        super().__init__(external_type, ())

    def look_at(self, account_ids: Iterable[int]) -> None:
        """Read the budgets of accounts that are not known yet."""
        self._budgets |= self._standing(_read(READ, set(account_ids) - self._budgets.keys(), self._now))


def consume_all(charges: Sequence[Charge]) -> None:
    """Consume every charge, or none.

    Raises NotFound, Conflict (account inactive or not current) or Invalid (insufficient funds), each with the `index`
    of the first charge that cannot be met.
    """
    budgets = Budgets(ExternalType.ENGAGEMENT, (charge.billing_account_id for charge in charges))
    for index, charge in enumerate(charges):
        try:
            budgets.move(charge.external_id, None, Line(charge.billing_account_id, Kind.CONSUMED, charge.amount))
        except ServiceError as failure:
            failure.details = {**(failure.details or {}), "index": index}
            raise
    budgets.write()


def _read(statement: AnyPrepared, account_ids: Collection[int], now: datetime) -> Sequence[Row[Any]]:
    if not account_ids:
        return []
    return db.session.execute(statement, {"account_ids": sorted(account_ids), "now": now}).all()
