"""The worked month of docs/books.md, told again: the figures there are those of the service."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app import clock
from app.config import ROOT
from tests.caller import ACCOUNTS, Caller, Open, data

TOTALS = ("budget", "lockedBudget", "consumedBudget", "totalBudgetRemaining")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def rows_of_page() -> list[tuple[Any, ...]]:
    """The rows of the table, without what happened."""
    lines = [line for line in (ROOT / "docs" / "books.md").read_text().splitlines() if "| 2026-" in line]
    cells = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines]
    return [(number, at, kind, *map(Decimal, amounts)) for number, at, kind, _, *amounts in cells]


def rows_of(statement: Any) -> Iterator[tuple[Any, ...]]:
    def end(name: str, at: str) -> tuple[Any, ...]:
        totals = [
            statement[name][each] for each in ("budget", "lockedBudget", "consumedBudget", "totalBudgetRemaining")
        ]
        return ("", at, name, *totals)

    yield end("opening", "2026-03-01 00:00")
    for each in statement["movements"]:
        budget, locked, consumed = (each[f"{name}After"] for name in ("budget", "locked", "consumed"))
        at = each["at"][:16].replace("T", " ")
        yield (str(each["position"]), at, each["kind"], budget, locked, consumed, budget - locked - consumed)
    yield end("closing", "2026-04-01 00:00")


def tell(admin: Caller, account_id: int, next_account: int) -> None:
    path = f"{ACCOUNTS}/{account_id}"
    support = {"externalType": "ENGAGEMENT", "externalId": "support"}
    for at, method, what, body in (
        ("2026-03-02 10:00", admin.patch, "lock-amount", {"challengeId": "logo", "amount": 1250.5}),
        ("2026-03-04 16:20", admin.patch, "consume-amount", {"challengeId": "logo", "amount": 1200}),
        ("2026-03-09 14:30", admin.post, "budget-adjustments", {"amount": 2500, "reason": "Purchase order 4711"}),
        ("2026-03-12 09:05", admin.patch, "lock-amount", {"challengeId": "page", "amount": 3000}),
        ("2026-03-16 18:00", admin.patch, "consume-amount", {**support, "amount": 2150}),
        ("2026-03-18 11:45", admin.patch, "lock-amount", {"challengeId": "page", "amount": 3400}),
        ("2026-03-20 08:10", admin.patch, "lock-amount", {"challengeId": "page", "amount": 0}),
        ("2026-03-24 13:00", admin.post, "reversals", {**support, "amount": 150, "reason": "Not worked"}),
        (
            "2026-03-31 17:00",
            admin.post,
            "carry-over",
            {"toBillingAccountId": next_account, "amount": 5000, "reason": "Next year"},
        ),
    ):
        with clock.at(instant(at)):
            assert method(f"{path}/{what}", body).status_code in {200, 201}


def test_the_worked_month_is_what_the_service_makes_of_it(admin: Caller, open_account: Open) -> None:
    with clock.at(instant("2026-02-16 09:00")):
        account_id, next_account = open_account(budget=10000), open_account(budget=0)
    tell(admin, account_id, next_account)
    statement = data(admin.get(f"{ACCOUNTS}/{account_id}/statement?from=2026-03-01&to=2026-03-31"))
    assert rows_of_page() == list(rows_of(statement))
    april = data(admin.get(f"{ACCOUNTS}/{account_id}/statement?from=2026-04-01&to=2026-04-30"))
    assert (april["opening"], april["movements"]) == (statement["closing"], [])
