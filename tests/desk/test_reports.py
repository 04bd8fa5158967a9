"""`/v1/admin/reports`: random histories of several accounts, against what their transactions add up to."""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import text

from app import tenancy
from app.db.base import db
from tests.caller import TEN_YEARS, Caller, data, error
from tests.factories.customers import grant, open_customer, spend
from tests.factories.exports import records
from tests.factories.purchases import approve, buy

REPORT, RECEIVABLES = "/v1/admin/reports/credits/", "/v1/admin/reports/receivables/"
USAGE = "/v1/admin/reports/usage/"
CREDITS = "/v1/billing/credits/"
ADDED = ("granted", "purchased", "adjusted", "returned")
TAKEN = ("spent", "refunded", "charged_back", "debt_paid", "expired", "voided")
BUCKETS = {
    "grant": "granted",
    "purchase": "purchased",
    "adjustment": "adjusted",
    "deduction": "spent",
    "expiry": "expired",
    "void": "voided",
    "chargeback": "charged_back",
    "debt_payment": "debt_paid",
}
FIRST = datetime(2031, 1, 10, tzinfo=UTC)
MONTHS = ("2031-01", "2031-02", "2031-03", "2031-04")
MOVES = text("""
    SELECT t.account_id, t.created_at, t.amount, t.transaction_type, t.reverses, lot.id AS lot_id, lot.source,
        lot.position = t.position AS arrives, drawn.credits, lot.credits AS begun, p.net_amount AS price
    FROM credit_transactions t
    CROSS JOIN LATERAL unnest(t.lot_ids, t.lot_credits) AS drawn (lot_id, credits)
    JOIN credit_lots lot ON lot.account_id = t.account_id AND lot.id = drawn.lot_id
    LEFT JOIN payments p ON p.lot_id = lot.id AND p.account_id = t.account_id
""")


def starts(month: str) -> datetime:
    return datetime.fromisoformat(f"{month}-01T00:00:00Z")


def bucket(move: Any) -> str:
    if move.transaction_type != "refund":
        return BUCKETS[move.transaction_type]
    if move.reverses is not None:
        return "returned"
    return "adjusted" if move.arrives and move.source == "adjustment" else "refunded"


def by_hand(moves: list[Any], since: datetime, until: datetime) -> dict[str, Any]:
    """The report, of every draw on every lot."""
    opening = sum(each.credits for each in moves if each.created_at < since)
    sums: dict[str, int] = defaultdict(int)
    for each in moves:
        if since <= each.created_at < until:
            sums[bucket(each)] += each.credits
    shown = {**{name: sums[name] for name in ADDED}, **{name: -sums[name] for name in TAKEN}}
    revenue = _cumulative(moves, until) - _cumulative(moves, since)
    closing = sum(each.credits for each in moves if each.created_at < until)
    return {"opening": opening, **shown, "closing": closing, "revenue": f"{revenue:f}"}


def _cumulative(moves: list[Any], until: datetime) -> Decimal:
    gone: dict[int, int] = defaultdict(int)
    lots = {each.lot_id: each for each in moves if each.source == "purchase"}
    for each in moves:
        if each.lot_id in lots and each.created_at < until and bucket(each) not in {"purchased", "refunded"}:
            gone[each.lot_id] -= each.credits
    shares = (lots[lot].price * credits / lots[lot].begun for lot, credits in gone.items())
    return sum((share.quantize(Decimal("0.01"), ROUND_HALF_UP) for share in shares), Decimal("0.00"))


class History:
    """What happens to three accounts in three months."""

    def __init__(self, staff: Caller, owners: list[Caller], seed: int) -> None:
        self.random = random.Random(seed)
        self.staff, self.owners = staff, owners
        self.ids = [open_customer(owner, f"Customer {n}")["id"] for n, owner in enumerate(owners)]

    def step(self) -> None:
        which = self.random.randrange(len(self.owners))
        acts = (self._grant, self._buy, self._spend, self._spend, self._reverse, self._adjust, self._void, self._hold)
        self.random.choice((*acts, self._refund, self._return))(self.owners[which], self.ids[which])

    def _grant(self, _: Caller, account_id: int) -> None:
        expires = {"expires_in": self.random.randint(1, 40) * 86_400} if self.random.random() < 0.6 else {}
        later = {}
        if self.random.random() < 0.3:
            later = {"effective_at": (datetime.now(UTC) + timedelta(days=self.random.randint(1, 30))).isoformat()}
        body = {"account_id": account_id, "amount": self.random.randint(1, 90), "description": "x", **expires, **later}
        data(self.staff.post(f"{CREDITS}grant/", {**body, "transaction_type": "grant"}), 201)

    def _buy(self, owner: Caller, _: int) -> None:
        approve(self.staff, buy(owner, self.random.choice(("Odd Pack", "Starter Pack")))["payment"]["id"])

    def _spend(self, owner: Caller, _: int) -> None:
        credits = data(owner.get(f"{CREDITS}balance/"))["credits_available"]
        if credits:
            spend(owner, self.random.randint(1, min(credits, 200)))

    def _reverse(self, owner: Caller, _: int) -> None:
        used = [each for each in data(owner.get(f"{CREDITS}usage/"))["results"] if not each["credits_reversed"]]
        if used:
            body = {"reason": "x", "credits": self.random.randint(1, used[0]["credits_used"])}
            data(owner.post(f"{CREDITS}usage/{used[0]['id']}/reverse/", body), 201)

    def _adjust(self, owner: Caller, account_id: int) -> None:
        credits = data(owner.get(f"{CREDITS}balance/"))["credits_available"]
        grant(self.staff, account_id, self.random.choice((5, -min(credits, 9) or 3)), "adjustment")

    def _return(self, _: Caller, account_id: int) -> None:
        grant(self.staff, account_id, 4, "refund")

    def _void(self, owner: Caller, _: int) -> None:
        lots = [
            each
            for each in data(owner.get(f"{CREDITS}lots/"))["results"]
            if each["id"] and each["source"] != "purchase" and each["remaining"] > each["held"]
        ]
        if lots:
            data(self.staff.post(f"{CREDITS}lots/{self.random.choice(lots)['id']}/void/", {"reason": "x"}))

    def _hold(self, owner: Caller, _: int) -> None:
        reference = f"job {self.random.random()}"
        amount = self.random.randint(1, 20)
        body = {"operation_type": "x", "amount": amount, "reference": reference, "expires_in": 90_000}
        answer = owner.post(f"{CREDITS}holds/", body)
        if answer.status_code == 201 and self.random.random() < 0.5:
            data(owner.post(f"{CREDITS}holds/{data(answer, 201)['id']}/capture/", {"amount": (amount + 1) // 2}))

    def _refund(self, owner: Caller, _: int) -> None:
        paid = data(owner.get("/v1/billing/payments/?status=succeeded"))["results"]
        if paid:
            path = f"/v1/billing/payments/{paid[0]['id']}/refund/"
            assert self.staff.post(path, {"reason": "x"}).status_code in {200, 409}


@pytest.fixture
def staff(as_caller: Callable[..., Caller]) -> Caller:
    return as_caller(roles=("administrator",), user="staff", hours=TEN_YEARS)


@pytest.fixture
def odd_pack(app: Flask) -> None:
    """A package whose price is no multiple of its credits."""
    insert = text(
        "INSERT INTO credit_packages (name, credits, price, expires_after_days, created_at, updated_at)"
        " VALUES ('Odd Pack', 70, 10.01, 20, now(), now())"
    )
    with app.app_context():
        db.session.execute(insert)
        db.session.commit()


@pytest.fixture
def moves(app: Flask) -> Callable[[], list[Any]]:
    def read() -> list[Any]:
        with app.app_context():
            tenancy.set_every_account()
            return list(db.session.execute(MOVES).all())

    return read


@pytest.mark.usefixtures("odd_pack")
@pytest.mark.parametrize("seed", [1, 2])
def test_random_histories_add_up(
    app: Flask, staff: Caller, as_caller: Callable[..., Caller], moves: Callable[[], list[Any]], seed: int
) -> None:
    owners = [as_caller(user=f"owner-{n}", hours=TEN_YEARS) for n in range(3)]
    with freeze_time(FIRST) as days:
        history = History(staff, owners, seed)
        for _ in range(70):
            days.tick(timedelta(hours=history.random.randint(1, 50)))
            history.step()
        days.move_to("2031-04-20")
        # Much of it is not posted yet.
        reports = {month: data(staff.get(f"{REPORT}?month={month}")) for month in MONTHS}
        with app.app_context():
            tenancy.set_every_account()
            due = db.session.execute(text("SELECT count(*) FROM credit_balances WHERE due_at <= '2031-04-20'"))
            assert due.scalar_one() == 3
        before = len(moves())
        for account_id in history.ids:
            grant(staff, account_id, 1)
        every = [each for each in moves() if each.created_at < datetime(2031, 4, 20, tzinfo=UTC)]
        assert len(every) > before
        used = set()
        for month, following in zip(MONTHS, (*MONTHS[1:], "2031-05"), strict=True):
            expected = {"month": month, **by_hand(every, starts(month), starts(following))}
            assert reports[month] == expected
            assert (
                sum(expected[name] for name in ("opening", *ADDED)) - sum(expected[name] for name in TAKEN)
                == (expected["closing"])
            )
            used |= {name for name, value in expected.items() if value}
        assert used >= {"granted", "purchased", "adjusted", "returned", "spent", "expired", "voided", "refunded"}
        # Posted by now, they are the same.
        assert {month: data(staff.get(f"{REPORT}?month={month}")) for month in MONTHS[:3]} == {
            month: reports[month] for month in MONTHS[:3]
        }


class TestCreditsReport:
    def test_revenue_is_what_was_paid_for_what_is_gone(self, admin: Caller, customer: Caller) -> None:
        month = f"{datetime.now(UTC):%Y-%m}"
        approve(admin, buy(customer)["payment"]["id"])
        assert data(admin.get(f"{REPORT}?month={month}"))["revenue"] == "0.00"
        # 100 credits were given, and are spent first.
        spend(customer, 100)
        assert data(admin.get(f"{REPORT}?month={month}"))["revenue"] == "0.00"
        usage = spend(customer, 333)
        assert data(admin.get(f"{REPORT}?month={month}"))["revenue"] == "5.99"
        data(customer.post(f"{CREDITS}usage/{usage['id']}/reverse/", {"reason": "x", "credits": 33}), 201)
        found = data(admin.get(f"{REPORT}?month={month}"))
        assert (found["revenue"], found["returned"], found["closing"]) == ("5.40", 33, 200)

    def test_csv_is_the_same_in_one_row(self, admin: Caller, customer: Caller) -> None:
        spend(customer, 7)
        path = f"{REPORT}?month={datetime.now(UTC):%Y-%m}"
        assert records(admin, path) == [{name: str(value) for name, value in data(admin.get(path)).items()}]

    @pytest.mark.parametrize("month", ["", "2031", "2031-13", "2031-1", "9999-12", "0000-01", "2999-01", "2031-01-01"])
    def test_bad_months_are_refused(self, admin: Caller, month: str) -> None:
        failure = error(admin.get(f"{REPORT}?month={month}"), 400, "invalid_input")
        assert "month" in failure["details"]["query"]

    def test_without_accounts_all_is_zero(self, admin: Caller) -> None:
        found = data(admin.get(f"{REPORT}?month=2025-10"))
        assert found == {"month": "2025-10", **dict.fromkeys(found.keys() - {"month", "revenue"}, 0), "revenue": "0.00"}


class TestReceivables:
    def test_open_invoices_by_days_after_their_due_date(self, staff: Caller, as_caller: Callable[..., Caller]) -> None:
        with freeze_time(FIRST) as days:
            owner = as_caller(user="owner", hours=TEN_YEARS)
            open_customer(owner)
            due_in_days = 14
            ages = {
                105: (91, "over 90"),
                104: (90, "61-90"),
                75: (61, "61-90"),
                74: (60, "31-60"),
                44: (30, "1-30"),
                15: (1, "1-30"),
                14: (0, "not due"),
                0: (0, "not due"),
            }
            numbers = []
            for issued in ages:
                days.move_to(FIRST + timedelta(days=105 - issued))
                numbers.append(buy(owner)["invoice"]["invoice_number"])
            approve(staff, buy(owner)["payment"]["id"])
            found = data(staff.get(RECEIVABLES))
            assert [each["invoice_number"] for each in found["invoices"]] == numbers
            assert [(each["days_overdue"], each["age"]) for each in found["invoices"]] == list(ages.values())
            assert found["invoices"][0]["due_date"] == f"{FIRST + timedelta(days=due_in_days):%Y-%m-%d}"
            sums = {"not due": 2, "1-30": 2, "31-60": 1, "61-90": 2, "over 90": 1}
            by_age = [{"age": age, "count": count, "total_amount": f"{9 * count}.00"} for age, count in sums.items()]
            assert found["count"] == 8
            assert found["totals"] == [{"currency": "USD", "count": 8, "total_amount": "72.00", "by_age": by_age}]
            rows = records(staff, RECEIVABLES)
            assert [each["invoice_number"] for each in rows if each["kind"] == "invoice"] == numbers
            assert [each["age"] for each in rows[:8]] == [each["age"] for each in found["invoices"]]
            shown = [(each["currency"], each["age"], each["count"], each["total_amount"]) for each in rows[8:]]
            assert shown == [("USD", age, str(count), f"{9 * count}.00") for age, count in sums.items()]
            assert {each["kind"] for each in rows[8:]} == {"total"}

    def test_currencies_are_added_apart(self, app: Flask, staff: Caller, customer: Caller) -> None:
        for _ in range(2):
            invoice = buy(customer)["invoice"]["id"]
        with app.app_context():
            tenancy.set_every_account()
            db.session.execute(text("ALTER TABLE invoices DISABLE TRIGGER USER"))
            db.session.execute(text("UPDATE invoices SET currency = 'EUR' WHERE id = :id"), {"id": invoice})
            db.session.execute(text("ALTER TABLE invoices ENABLE TRIGGER USER"))
            db.session.commit()
        totals = data(staff.get(RECEIVABLES))["totals"]
        assert [(each["currency"], each["total_amount"]) for each in totals] == [("EUR", "9.00"), ("USD", "9.00")]

    def test_without_open_invoices_there_are_no_sums(self, staff: Caller) -> None:
        found = data(staff.get(RECEIVABLES))
        assert (found["count"], found["totals"], found["invoices"]) == (0, [], [])
        assert records(staff, RECEIVABLES) == []


class TestUsage:
    def test_it_sums_what_is_used_by_day_and_by_operation(
        self, staff: Caller, as_caller: Callable[..., Caller]
    ) -> None:
        one, two = (as_caller(user=f"owner-{n}", hours=TEN_YEARS) for n in (1, 2))
        for owner in (one, two):
            open_customer(owner)
        with freeze_time(FIRST):
            used = spend(one, 10, "search")
            spend(two, 5, "image")
        with freeze_time(FIRST + timedelta(days=1)):
            spend(one, 3, "image")
            data(one.post(f"{CREDITS}usage/{used['id']}/reverse/", {"reason": "x", "credits": 4}), 201)
            found = data(staff.get(f"{USAGE}?from=2031-01-09&to=2031-01-11"))
            rows = records(staff, f"{USAGE}?from=2031-01-10&to=2031-01-10")
        sums = ("credits_used", "credits_returned", "count")
        assert [found[name] for name in ("from", "to", *sums)] == ["2031-01-09", "2031-01-11", 18, 4, 3]
        assert [[each[name] for name in ("date", *sums)] for each in found["by_day"]] == [
            ["2031-01-09", 0, 0, 0],
            ["2031-01-10", 15, 0, 2],
            ["2031-01-11", 3, 4, 1],
        ]
        assert [[each[name] for name in ("operation_type", *sums)] for each in found["by_operation_type"]] == [
            ["search", 10, 4, 1],
            ["image", 8, 0, 2],
        ]
        assert [[row[name] for name in ("date", "operation_type", *sums)] for row in rows] == [
            ["2031-01-10", "image", "5", "0", "1"],
            ["2031-01-10", "search", "10", "0", "1"],
        ]

    @pytest.mark.parametrize(("first", "last"), [("2031-01-02", "2031-01-01"), ("2030-01-01", "2031-01-02"), ("", "x")])
    def test_its_days_are_few_and_in_order(self, admin: Caller, first: str, last: str) -> None:
        error(admin.get(f"{USAGE}?from={first}&to={last}"), 400, "invalid_input")

    def test_only_staff_and_their_machines_may(self, customer: Caller, as_caller: Callable[..., Caller]) -> None:
        error(customer.get(f"{USAGE}?from=2031-01-01&to=2031-01-02"), 403, "forbidden")
        data(as_caller(scopes=("read:accounts",)).get(f"{USAGE}?from=2031-01-01&to=2031-01-02"))
