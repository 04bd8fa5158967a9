"""Lots: in which order they are spent, how they arrive, expire and are voided, and what shows it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import orjson
import pytest
from flask import Flask
from freezegun import freeze_time

from app.credits import plans
from app.credits.ledger.planning import Starts
from app.db.transaction import transaction
from app.purchases import catalogue
from tests.caller import Caller, data, error
from tests.credits.conftest import GRANT, OPENED, Give
from tests.factories.customers import credits_of, open_customer, spend
from tests.factories.exports import as_cells, csv_of, exact, lines
from tests.factories.purchases import approve, buy

BALANCE = "/v1/billing/credits/balance/"
LOTS = "/v1/billing/credits/lots/"
TRANSACTIONS = "/v1/billing/transactions/"
PAYMENTS = "/v1/billing/payments/"
PACK = 500

pytestmark = pytest.mark.usefixtures("sound_books")


def lots(owner: Caller) -> list[Any]:
    """The lots, the oldest first."""
    found: list[Any] = data(owner.get(f"{LOTS}?per_page=1000"))["results"]
    return found[::-1]


def transactions(owner: Caller, query: str = "") -> list[Any]:
    """The transactions, the oldest first."""
    found: list[Any] = data(owner.get(f"{TRANSACTIONS}?per_page=1000{query}"))["results"]
    return found[::-1]


def seen(rows: list[Any], *names: str) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in names) for row in rows]


def paid_by(owner: Caller, transaction_id: int) -> list[tuple[int, int]]:
    return seen(data(owner.get(f"{TRANSACTIONS}{transaction_id}/lots/"))["results"], "lot_id", "credits")


class TestSpendingOrder:
    def test_given_before_bought_and_what_expires_first_goes_first(
        self, owner: Caller, staff: Caller, give: Give, app: Flask
    ) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            spend(owner, 100)
            paid = approved(owner, staff, app, days=10)
        with freeze_time("2031-03-11T01:00:00Z"):
            given = give(20, expires_at="2031-03-21T00:00:00Z")["lot_id"]
            later = give(100, expires_at="2031-06-01T00:00:00Z")["lot_id"]
            spent = spend(owner, 60)
            assert paid_by(owner, spent["id"]) == [(given, 20), (paid, 40)]
            assert seen(lots(owner)[1:], "id", "remaining", "status") == [
                (paid, PACK - 40, "active"),
                (given, 0, "used"),
                (later, 100, "active"),
            ]

    def test_a_lower_priority_goes_before_everything(self, owner: Caller, give: Give) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            give(10, expires_in=60)
            urgent = give(10, priority=1)["lot_id"]
            assert paid_by(owner, spend(owner, 5)["id"]) == [(urgent, 5)]

    def test_a_negative_adjustment_draws_in_the_same_order(self, owner: Caller, give: Give) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            soon = give(10, expires_in=3600)["lot_id"]
            taken = give(-12, transaction_type="adjustment")
            assert taken["lot_id"] is None
            assert paid_by(owner, taken["id"]) == [(soon, 10), (lots(owner)[0]["id"], 2)]

    def test_one_lot_pays_for_what_it_covers(self, owner: Caller) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            assert paid_by(owner, spend(owner, 30)["id"]) == [(lots(owner)[0]["id"], 30)]

    def test_lots_of_a_transaction_of_others_are_not_found(
        self, owner: Caller, as_caller: Callable[..., Caller]
    ) -> None:
        other = as_caller(user="other")
        open_customer(other, "Other")
        (first,) = data(other.get(TRANSACTIONS))["results"]
        with freeze_time("2031-03-11T00:00:00Z"):
            error(owner.get(f"{TRANSACTIONS}{first['id']}/lots/"), 404)


def approved(owner: Caller, staff: Caller, app: Flask, *, days: int | None = None) -> int:
    """The lot of a purchase that expires after so many days."""
    with app.app_context(), transaction():
        catalogue.put("Starter Pack", PACK, Decimal(9), is_active=True, expires_after_days=days)
    approve(staff, buy(owner)["payment"]["id"])
    return int(lots(owner)[-1]["id"])


class TestExpiry:
    def test_what_expired_is_counted_before_it_is_posted_and_stamped_at_its_instant(
        self, owner: Caller, give: Give
    ) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            lot = give(30, expires_at="2031-03-20T08:00:00Z")["lot_id"]
            spend(owner, 10)
            balance = data(owner.get(BALANCE))
            assert (balance["credits"], balance["expiring"]) == (
                120,
                [{"credits": 20, "expires_at": "2031-03-20T08:00:00.000Z"}],
            )
        with freeze_time("2031-03-20T07:59:59.999Z"):
            assert credits_of(owner) == 120
        with freeze_time("2031-03-20T08:00:00Z"):
            before = data(owner.get(BALANCE))
            assert (before["credits"], before["credits_available"], before["expiring"]) == (100, 100, [])
            assert data(owner.get("/v1/account/settings/"))["credit_balance"] == 100
            expected = (-20, "expiry", "Expired: Goodwill", "2031-03-20T08:00:00.000Z", 100)
            shown = ("amount", "transaction_type", "description", "created_at", "balance_after")
            page = data(owner.get(f"{TRANSACTIONS}?per_page=2"))
            assert (page["count"], page["results"][0]["id"], page["results"][1]["amount"]) == (4, None, -10)
            assert seen(page["results"][:1], *shown) == [expected]
            assert seen([each for each in lots(owner) if each["id"] == lot], "remaining", "status") == [(0, "expired")]
            totals = data(owner.get("/v1/account/usage/analytics/"))["usage_by_type"]
            assert {"transaction_type": "expiry", "total": -20, "count": 1} in totals
        with freeze_time("2031-03-25T00:00:00Z"):
            assert spend(owner, 1)["balance_after"] == 99
            (posted,) = transactions(owner, "&transaction_type=expiry")
            assert seen([posted], *shown) == [expected]
            assert posted["id"] is not None
            assert paid_by(owner, posted["id"]) == [(lot, 20)]

    def test_expired_credits_cannot_be_spent(self, owner: Caller, give: Give) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            give(50, expires_in=60)
        with freeze_time("2031-03-11T00:01:00Z"):
            usage = {"operation_type": "search", "credits_used": 101}
            failure = error(owner.post("/v1/billing/credits/usage/", usage), 402)
            assert failure["details"] == {"available": 100, "requested": 101}
            bulk = data(owner.post("/v1/billing/credits/usage/bulk/", [usage, {**usage, "credits_used": 100}]))
            assert [each.get("balance_after") for each in bulk] == [None, 0]
        assert seen(transactions(owner), "amount") == [(100,), (50,), (-50,), (-100,)]

    def test_a_page_of_transactions_begins_with_what_is_not_posted(self, owner: Caller, give: Give) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            for minutes in (1, 2, 3):
                give(minutes, expires_in=60 * minutes)
        with freeze_time("2031-03-12T00:00:00Z"):
            whole = [each["amount"] for each in transactions(owner)][::-1]
            assert whole == [-3, -2, -1, 3, 2, 1, 100]
            for size in range(1, 9):
                pages = [data(owner.get(f"{TRANSACTIONS}?per_page={size}&page={n}")) for n in range(1, 9)]
                assert {page["count"] for page in pages} == {7}
                assert [row["amount"] for page in pages for row in page["results"]] == whole
            assert seen(transactions(owner, "&start_date=2031-03-11T00:02:00Z"), "amount") == [(-2,), (-3,)]
            assert transactions(owner, "&transaction_type=expiry&end_date=2031-03-11T00:00:30Z") == []

    def test_exports_begin_with_what_is_not_posted(self, owner: Caller, give: Give) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            give(30, expires_in=60)
        with freeze_time("2031-04-02T00:00:00Z"):
            for path, shown in ((TRANSACTIONS, transactions(owner)), (LOTS, lots(owner))):
                exported = lines(owner, path)
                assert exported == [exact(orjson.dumps(each)) for each in shown[::-1]]
                assert exported[0]["id"] is None
                header, rows = csv_of(owner, path)
                assert rows == [as_cells(each, header) for each in exported]

    def test_an_expiring_top_up_is_a_lot_of_its_own(self, owner: Caller, staff: Caller, app: Flask) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            lasting = approved(owner, staff, app)
            expiring = approved(owner, staff, app, days=30)
            found = seen(lots(owner)[1:], "id", "source", "price_per_credit", "expires_at", "remaining")
            assert found == [
                (lasting, "purchase", "0.018", None, PACK),
                (expiring, "purchase", "0.018", "2031-04-10T00:00:00.000Z", PACK),
            ]
        with freeze_time("2031-04-10T00:00:00Z"):
            assert seen(lots(owner)[1:3], "remaining", "status") == [(PACK, "active"), (0, "expired")]

    def test_a_clock_that_steps_back_brings_nothing_back(self, owner: Caller, staff: Caller, give: Give) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            account_id = data(owner.get("/v1/account/settings/"))["id"]
            give(50, expires_in=60)
        with freeze_time("2031-03-11T00:03:00Z"):
            assert spend(owner, 1)["balance_after"] == 99
        with freeze_time("2031-03-10T23:58:00Z"):
            error(owner.post("/v1/billing/credits/usage/", {"operation_type": "x", "credits_used": 100}), 402)
            assert spend(owner, 1)["created_at"] == "2031-03-11T00:03:00.000Z"
            assert give(5)["created_at"] == "2031-03-11T00:03:00.000Z"
            over = {"account_id": account_id, "amount": 5, "transaction_type": "grant", "description": "x"}
            error(staff.post(GRANT, {**over, "expires_at": "2031-03-11T00:02:00Z"}), 400)
            stamps = [each["created_at"] for each in transactions(owner)]
        assert stamps == sorted(stamps)


class TestGrants:
    def test_a_pending_grant_arrives_at_its_instant(self, owner: Caller, give: Give) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            pending = give(40, effective_at="2031-03-15T00:00:00Z", expires_in=86_400)
            assert seen([pending], "id", "balance_after", "created_at") == [(None, None, "2031-03-15T00:00:00.000Z")]
            lot = lots(owner)[-1]
            assert (lot["id"], lot["status"], lot["remaining"], lot["credits"]) == (
                pending["lot_id"],
                "pending",
                0,
                40,
            )
            assert lot["expires_at"] == "2031-03-16T00:00:00.000Z"
            assert credits_of(owner) == 100
        with freeze_time("2031-03-15T00:00:00Z"):
            assert credits_of(owner) == 140
            assert seen(lots(owner)[-1:], "status", "remaining") == [("active", 40)]
        with freeze_time("2031-03-17T00:00:00Z"):
            assert credits_of(owner) == 100
            spend(owner, 1)
            assert seen(transactions(owner)[1:], "amount", "created_at") == [
                (40, "2031-03-15T00:00:00.000Z"),
                (-40, "2031-03-16T00:00:00.000Z"),
                (-1, "2031-03-17T00:00:00.000Z"),
            ]

    def test_a_reference_is_granted_once(self, owner: Caller, give: Give, staff: Caller) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            terms = {"reference": "summer", "expires_in": 60}
            first = give(40, **terms)
            assert give(40, 200, **terms) == first
        with freeze_time("2031-03-12T00:00:00Z"):
            assert give(40, 200, **terms) == first
            account_id = data(owner.get("/v1/account/settings/"))["id"]
            other = {"account_id": account_id, "amount": 41, "transaction_type": "grant", "description": "Goodwill"}
            failure = error(staff.post(GRANT, {**other, **terms}), 409, "grant_exists")
            assert failure["details"] == {"lot_id": first["lot_id"]}
            assert credits_of(owner) == 100
        assert lots(owner)[1]["reference"] == "summer"

    def test_a_pending_reference_is_found_before_and_after_it_arrived(self, owner: Caller, give: Give) -> None:
        terms = {"reference": "easter", "effective_at": "2031-03-15T00:00:00Z"}
        with freeze_time("2031-03-11T00:00:00Z"):
            pending = give(40, **terms)
            assert give(40, 200, **terms) == pending
        with freeze_time("2031-03-20T00:00:00Z"):
            arrived = give(40, 200, **terms)
            assert (arrived["lot_id"], arrived["balance_after"]) == (pending["lot_id"], 140)
            assert give(40, 200, **terms) == arrived
            assert seen(transactions(owner), "id", "amount")[1:] == [(arrived["id"], 40)]

    @pytest.mark.parametrize(
        ("more", "field"),
        [
            ({"expires_in": 0}, "expires_in"),
            ({"expires_in": 60, "expires_at": "2031-04-01"}, "expires_in"),
            ({"expires_at": "2031-03-01"}, "expires_at"),
            ({"expires_at": "soon"}, "expires_at"),
            ({"effective_at": "2031-03-01T00:00:00Z"}, "effective_at"),
            ({"effective_at": "2031-05-01", "expires_at": "2031-04-01"}, "expires_at"),
            ({"priority": -1}, "priority"),
            ({"amount": -5, "transaction_type": "adjustment", "expires_in": 5}, "expires_in"),
            ({"amount": -5, "transaction_type": "adjustment", "reference": "a"}, "reference"),
        ],
    )
    def test_bad_terms_are_refused(self, owner: Caller, staff: Caller, more: dict[str, Any], field: str) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            account_id = data(owner.get("/v1/account/settings/"))["id"]
            body = {"account_id": account_id, "amount": 5, "transaction_type": "grant", "description": "x", **more}
            assert field in error(staff.post(GRANT, body), 400)["details"]["json"]
            assert len(lots(owner)) == 1

    def test_types_make_lots_of_their_sources(self, owner: Caller, give: Give) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            for kind in ("grant", "adjustment", "refund"):
                give(1, transaction_type=kind)
            assert seen(lots(owner), "source") == [("plan",), ("grant",), ("adjustment",), ("adjustment",)]


class TestVoiding:
    def test_only_staff_void(self, owner: Caller) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            path = f"{LOTS}{lots(owner)[0]['id']}/void/"
            error(owner.post(path, {"reason": "why"}), 403)

    def test_what_is_left_of_a_lot_goes(self, owner: Caller, give: Give, staff: Caller) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            lot = give(50, priority=1)["lot_id"]
            spend(owner, 20)
            voided = data(staff.post(f"{LOTS}{lot}/void/", {"reason": "By mistake"}))
            assert seen([voided], "id", "credits", "remaining", "status") == [(lot, 50, 0, "voided")]
            assert lots(owner)[-1] == voided
            (last,) = transactions(owner, "&transaction_type=void")
            assert seen([last], "amount", "description", "balance_after") == [(-30, "By mistake", 100)]
            error(staff.post(f"{LOTS}{lot}/void/", {"reason": "again"}), 409)

    def test_a_pending_lot_never_arrives(self, owner: Caller, give: Give, staff: Caller) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            lot = give(50, effective_at="2031-03-12T00:00:00Z")["lot_id"]
            assert data(staff.post(f"{LOTS}{lot}/void/", {"reason": "x"}))["status"] == "voided"
        with freeze_time("2031-03-13T00:00:00Z"):
            assert spend(owner, 1)["balance_after"] == 99
            error(staff.post(f"{LOTS}{lot}/void/", {"reason": "x"}), 409)

    def test_bought_credits_are_refunded_instead(self, owner: Caller, staff: Caller, app: Flask) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            error(staff.post(f"{LOTS}{approved(owner, staff, app)}/void/", {"reason": "x"}), 409, "conflict")
            error(staff.post(f"{LOTS}999999/void/", {"reason": "x"}), 404)


class TestRefunds:
    def test_a_refund_takes_its_own_lot(self, owner: Caller, staff: Caller, app: Flask) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            first, second = approved(owner, staff, app), approved(owner, staff, app)
            payment = data(owner.get(PAYMENTS))["results"][0]["id"]
            data(staff.post(f"{PAYMENTS}{payment}/refund/", {"reason": "Not needed"}))
            assert seen(lots(owner)[1:], "id", "remaining") == [(first, PACK), (second, 0)]

    def test_expired_credits_are_missing(self, owner: Caller, staff: Caller, app: Flask) -> None:
        with freeze_time("2031-03-11T00:00:00Z"):
            approved(owner, staff, app, days=1)
        with freeze_time("2031-03-12T00:00:00Z"):
            payment = data(owner.get(PAYMENTS))["results"][0]["id"]
            failure = error(staff.post(f"{PAYMENTS}{payment}/refund/", {"reason": "Not needed"}), 409, "credits_spent")
            assert failure["details"]["missing"] == PACK
            assert credits_of(owner) == 100


class TestMonths:
    def test_a_month_is_counted_by_reads_and_posted_by_the_next_write(self, owner: Caller) -> None:
        with freeze_time("2031-05-02T00:00:00Z"):
            assert credits_of(owner) == 300
            page = data(owner.get(LOTS))
            assert (page["count"], seen(page["results"], "description", "id")[0]) == (3, ("Free plan, May 2031", None))
            spend(owner, 1)
            assert seen(transactions(owner), "amount", "created_at") == [
                (100, "2031-03-10T12:00:00.000Z"),
                (100, "2031-04-01T00:00:00.000Z"),
                (100, "2031-05-01T00:00:00.000Z"),
                (-1, "2031-05-02T00:00:00.000Z"),
            ]
            assert None not in [each["id"] for each in lots(owner)]

    def test_a_grant_that_arrives_as_a_month_begins_is_spent_before_it(self, owner: Caller, give: Give) -> None:
        with freeze_time("2031-03-20T00:00:00Z"):
            given = give(40, effective_at="2031-04-01T00:00:00Z")["lot_id"]
        with freeze_time("2031-04-02T00:00:00Z"):
            spent = spend(owner, 150)
            first, _, month = seen(lots(owner), "id")
            assert paid_by(owner, spent["id"]) == [(*first, 100), (given, 40), (*month, 10)]

    def test_nothing_of_a_month_is_kept_without_rollover(self, owner: Caller, app: Flask) -> None:
        with freeze_time("2031-03-20T00:00:00Z"):
            plan(app, owner, "none")
        with freeze_time("2031-04-03T00:00:00Z"):
            # The first lot rolls over: it came with the plan before.
            assert credits_of(owner) == 200
            spend(owner, 10)
            assert lots(owner)[-1]["expires_at"] == "2031-05-01T00:00:00.000Z"
        with freeze_time("2031-05-01T00:00:00Z"):
            assert credits_of(owner) == 200
            spend(owner, 1)
            assert seen(transactions(owner)[3:], "amount", "created_at", "transaction_type") == [
                (-90, "2031-05-01T00:00:00.000Z", "expiry"),
                (100, "2031-05-01T00:00:00.000Z", "grant"),
                (-1, "2031-05-01T00:00:00.000Z", "deduction"),
            ]

    def test_a_month_granted_late_lasts_until_the_end_of_the_present_one(self, owner: Caller, app: Flask) -> None:
        with freeze_time("2031-03-20T00:00:00Z"):
            plan(app, owner, "none")
        with freeze_time("2031-06-15T00:00:00Z"):
            assert credits_of(owner) == 400
            spend(owner, 1)
            assert {each["expires_at"] for each in lots(owner)[1:]} == {"2031-07-01T00:00:00.000Z"}

    def test_the_oldest_above_the_most_that_roll_over_expire(self, owner: Caller, app: Flask, give: Give) -> None:
        with freeze_time("2031-03-20T00:00:00Z"):
            plan(app, owner, "150")
            give(1000)
        with freeze_time("2031-05-02T00:00:00Z"):
            spend(owner, 5)
            found = seen(transactions(owner)[2:], "amount", "transaction_type", "created_at")
            assert found == [
                (100, "grant", "2031-04-01T00:00:00.000Z"),
                (-50, "expiry", "2031-05-01T00:00:00.000Z"),
                (100, "grant", "2031-05-01T00:00:00.000Z"),
                (-5, "deduction", "2031-05-02T00:00:00.000Z"),
            ]
            assert seen(lots(owner), "remaining") == [(45,), (1000,), (100,), (100,)]


def plan(app: Flask, owner: Caller, rollover: str) -> None:
    """Put the owner's account on a plan with this rollover, from today on."""
    account_id = data(owner.get("/v1/account/settings/"))["id"]
    with app.app_context(), transaction():
        plans.put("Rolling", 100, Decimal("0.01"), rollover, default=False)
        plans.assign(account_id, "Rolling", Starts.NOW)


def test_lots_of_others_are_not_seen(owner: Caller, as_caller: Callable[..., Caller]) -> None:
    other = as_caller(user="other")
    open_customer(other, "Other")
    with freeze_time(OPENED):
        assert len(lots(owner)) == 1
