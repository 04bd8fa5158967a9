"""The locked balances of one call: what fell due of them is posted, what is decided on them is written together.

The balances are locked first, in id order. Entries are then decided in memory, in order, each seeing what those before
it did.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from app.clock import utc_now
from app.credits.ledger import balances, causes, loading, refusals, writing
from app.credits.ledger.holds import Hold
from app.credits.ledger.lots import Lot
from app.credits.ledger.standing import Standing
from app.credits.ledger.transactions import Transaction
from app.db.base import db


class Book:
    """The locked balances of accounts, and what is decided on them. What fell due is posted when it is opened.

    Besides its live lots an account has those of `lot_ids`, and the holds of `hold_ids` and `references`. So many ids
    of transactions as there are `entries` cost no further message.
    """

    def __init__(
        self,
        account_ids: Iterable[int],
        *,
        lot_ids: Sequence[int] = (),
        hold_ids: Sequence[int] = (),
        references: Sequence[str] = (),
        entries: int = 0,
        key_owner: str | None = None,
    ) -> None:
        rows = balances.lock(sorted(set(account_ids)), lot_ids=lot_ids, entries=entries)
        self.posted: list[Transaction] = []
        self._key_owner = key_owner
        self._ids: list[int] = rows[0].ids or [] if rows else []
        # Once the locks are held: of two calls, the later one has the later time.
        self.standings = loading.standings(rows, self.posted, utc_now())
        if hold_ids or references:
            loading.load_holds(self.standings, hold_ids, references)
        self._before = {key: writing.moving(each) for key, each in self.standings.items()}
        loading.load_caps(self.standings)
        caps = [cap for each in self.standings.values() for cap in each.caps]
        self._caps = [(cap, cap.standing) for cap in caps]
        # Of charges that are taken back: the account, the day of the charge, and the credits.
        self.reversed: list[tuple[int, date, int]] = []
        self.months = loading.advance(self.standings)
        for standing in self.standings.values():
            for cap in standing.caps:
                cap.enter_period(standing.now)

    def standing(self, account_id: int) -> Standing:
        """The credits of an account. Raises NotFound."""
        found = self.standings.get(account_id)
        if found is None:
            raise refusals.not_found(account_id)
        return found

    def write(self) -> None:
        """Write what was decided, along with the next statement or the commit."""
        lots = [(each, lot) for each in self.standings.values() for lot in each.lots]
        holds = [hold for each in self.standings.values() for hold in each.holds]
        self._take_ids([lot for _, lot in lots if lot.saved is None], [hold for hold in holds if hold.saved is None])
        self._name_service([lot for _, lot in lots if lot.saved is None])
        if self.months:
            writing.write_months(self.months, max(each.now for each in self.standings.values()))
        writing.write_lots(lots)
        writing.write_holds(holds)
        writing.write_caps([cap for cap, before in self._caps if cap.standing != before])
        if self.posted:
            writing.write_transactions(self.posted, self._key_owner)
        writing.write_reversed(self.reversed)
        moved = [each for key, each in self.standings.items() if writing.moving(each) != self._before[key]]
        writing.write_balances(moved)

    def _name_service(self, made: list[Lot]) -> None:
        """Let what fell due be caused by the service."""
        written: list[Transaction | Lot] = [*self.posted, *made]
        caused = [each for each in written if each.cause.actor is None]
        actor = causes.service() if caused else None
        for each in caused:
            each.cause = each.cause._replace(actor=actor)

    def _take_ids(self, lots: list[Lot], holds: list[Hold]) -> None:
        """Give the transactions their ids, in the order in which they were made, and new lots and holds theirs."""
        missing = max(0, len(self.posted) - len(self._ids))
        if missing or lots or holds:
            numbers = {"entries": missing, "lots": len(lots), "holds": len(holds)}
            more = db.session.execute(balances.MORE_IDS, numbers).one()
            self._ids += more.entries or []
            for lot, lot_id in zip(lots, more.lots or [], strict=True):
                lot.id = lot_id
            for hold, hold_id in zip(holds, more.holds or [], strict=True):
                hold.id = hold_id
        for posted, posted_id in zip(self.posted, self._ids, strict=False):
            posted.id = posted_id
