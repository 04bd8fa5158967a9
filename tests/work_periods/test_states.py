"""What a payment of each status allows, and to whom: every cell of the table, over HTTP."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.caller import Caller, Open, data, error
from tests.factories.bookings import PAYMENTS
from tests.work_periods.conftest import Book, payment_in

UPDATE, PROCESS = "update:taas-workPeriodPayments", "process:taas-workPeriodPayments"
CALLERS: dict[str, dict[str, tuple[str, ...]]] = {
    "administrator": {"roles": ("administrator",)},
    "bookingmanager": {"roles": ("bookingmanager",)},
    "update": {"scopes": (UPDATE,)},
    "process": {"scopes": (PROCESS,)},
    "both": {"scopes": (UPDATE, PROCESS)},
}
STATUSES = ("scheduled", "in-progress", "completed", "failed", "cancelled")
DETAILS = {"note": "x"}
# What is sent; `…` stands for the status the payment has, `other` for another billing account.
SENT: dict[str, dict[str, Any]] = {
    **{f"→ {status}": {"status": status} for status in STATUSES},
    "memberRate": {"memberRate": 600},
    "customerRate": {"customerRate": 1},
    "amount": {"amount": 450},
    "billingAccountId": {"billingAccountId": "other"},
    "days": {"days": 2},
    "statusDetails": {"statusDetails": DETAILS},
    "externalReference": {"externalReference": "PP-1"},
    "same status, customerRate": {"status": "…", "customerRate": 1},
    "→ scheduled, repaired": {"status": "scheduled", "memberRate": 600, "days": 2, "billingAccountId": "other"},
    "→ cancelled, customerRate": {"status": "cancelled", "customerRate": 1},
    "→ in-progress, details": {"status": "in-progress", "statusDetails": DETAILS},
    "→ completed, report": {"status": "completed", "statusDetails": DETAILS, "externalReference": "PP-1"},
    "→ failed, details": {"status": "failed", "statusDetails": DETAILS},
}
# Columns: administrator, bookingmanager, update, process, both update and process.
TABLE = {
    "scheduled": """
        → scheduled                 409 409 409 409 409
        → in-progress               409 409 409 200 200
        → completed                 409 409 409 409 409
        → failed                    409 409 409 409 409
        → cancelled                 200 200 200 409 200
        memberRate                  200 200 200 403 200
        customerRate                200 200 200 403 200
        amount                      200 200 200 403 200
        billingAccountId            200 200 200 403 200
        days                        200 200 200 403 200
        statusDetails               403 403 403 409 409
        externalReference           200 403 403 200 200
        same status, customerRate   200 200 200 403 200
        → scheduled, repaired       200 200 200 403 200
        → cancelled, customerRate   200 200 200 403 200
        → in-progress, details      403 403 403 200 200
        → completed, report         403 403 403 409 409
        → failed, details           409 403 403 409 409
    """,
    "in-progress": """
        → scheduled                 409 409 409 200 200
        → in-progress               409 409 409 409 409
        → completed                 409 409 409 200 200
        → failed                    200 409 409 200 200
        → cancelled                 409 409 409 409 409
        memberRate                  409 409 409 403 409
        customerRate                200 200 200 403 200
        amount                      409 409 409 403 409
        billingAccountId            409 409 409 403 409
        days                        409 409 409 403 409
        statusDetails               403 403 403 200 200
        externalReference           200 403 403 200 200
        same status, customerRate   200 200 200 403 200
        → scheduled, repaired       409 409 409 403 409
        → cancelled, customerRate   409 409 409 403 409
        → in-progress, details      403 403 403 409 409
        → completed, report         403 403 403 200 200
        → failed, details           200 403 403 200 200
    """,
    "completed": """
        → scheduled                 409 409 409 409 409
        → in-progress               409 409 409 409 409
        → completed                 409 409 409 409 409
        → failed                    409 409 409 409 409
        → cancelled                 200 200 200 409 200
        memberRate                  200 200 200 403 200
        customerRate                200 200 200 403 200
        amount                      200 200 200 403 200
        billingAccountId            200 200 200 403 200
        days                        409 409 409 403 409
        statusDetails               403 403 403 409 409
        externalReference           200 403 403 200 200
        same status, customerRate   200 200 200 403 200
        → scheduled, repaired       409 409 409 403 409
        → cancelled, customerRate   200 200 200 403 200
        → in-progress, details      403 403 403 409 409
        → completed, report         403 403 403 409 409
        → failed, details           409 403 403 409 409
    """,
    "failed": """
        → scheduled                 200 200 200 409 200
        → in-progress               409 409 409 409 409
        → completed                 409 409 409 409 409
        → failed                    409 409 409 409 409
        → cancelled                 200 200 200 409 200
        memberRate                  409 409 409 403 409
        customerRate                409 409 409 403 409
        amount                      409 409 409 403 409
        billingAccountId            409 409 409 403 409
        days                        409 409 409 403 409
        statusDetails               403 403 403 409 409
        externalReference           409 403 403 409 409
        same status, customerRate   409 409 409 403 409
        → scheduled, repaired       200 200 200 403 200
        → cancelled, customerRate   409 409 409 403 409
        → in-progress, details      403 403 403 409 409
        → completed, report         403 403 403 409 409
        → failed, details           409 403 403 409 409
    """,
    "cancelled": """
        → scheduled                 409 409 409 409 409
        → in-progress               409 409 409 409 409
        → completed                 409 409 409 409 409
        → failed                    409 409 409 409 409
        → cancelled                 409 409 409 409 409
        memberRate                  409 409 409 403 409
        customerRate                409 409 409 403 409
        amount                      409 409 409 403 409
        billingAccountId            409 409 409 403 409
        days                        409 409 409 403 409
        statusDetails               403 403 403 409 409
        externalReference           409 403 403 409 409
        same status, customerRate   409 409 409 403 409
        → scheduled, repaired       409 409 409 403 409
        → cancelled, customerRate   409 409 409 403 409
        → in-progress, details      403 403 403 409 409
        → completed, report         403 403 403 409 409
        → failed, details           409 403 403 409 409
    """,
}
REASONS = {403: "forbidden", 409: "conflict"}


class Row(NamedTuple):
    status: str
    sent: str
    outcomes: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.status}: {self.sent}"


def rows() -> list[Row]:
    found = []
    for status, lines in TABLE.items():
        for line in lines.strip().splitlines():
            *words, a, b, c, d, e = line.split()
            found.append(Row(status, " ".join(words), (int(a), int(b), int(c), int(d), int(e))))
    return found


def test_table_of_payment_states_is_whole() -> None:
    assert [(row.status, row.sent) for row in rows()] == [(status, sent) for status in STATUSES for sent in SENT]


@pytest.mark.parametrize("row", rows(), ids=str)
def test_every_payment_state_allows_what_its_table_says(
    admin: Caller, machine: Caller, as_caller: Callable[..., Caller], book: Book, open_account: Open, row: Row
) -> None:
    other = open_account(budget=10_000)
    stand_in = {"…": row.status, "other": other}
    body = {
        name: stand_in.get(value, value) if isinstance(value, str) else value for name, value in SENT[row.sent].items()
    }
    weeks = book(endDate="2025-04-18")
    for (name, claims), outcome, week in zip(CALLERS.items(), row.outcomes, weeks, strict=False):
        before = payment_in(row.status, admin, machine, week)
        path = f"{PAYMENTS}/{before['id']}"
        answer = as_caller(user=f"a {name}", **claims).patch(path, body)
        assert answer.status_code == outcome, (name, answer.get_data(as_text=True))
        if outcome == 200:
            after = data(answer)
            assert {field: after[field] for field in body} == body
            assert after["updatedBy"] == f"a {name}"
            assert data(admin.get(path)) == after
        else:
            error(answer, outcome, REASONS[outcome])
            assert data(admin.get(path)) == before, name


@pytest.mark.parametrize("row", [row for row in rows() if row.sent.startswith("→")][::7], ids=str)
def test_bulk_moves_follow_the_table_of_payment_states(
    admin: Caller, machine: Caller, as_caller: Callable[..., Caller], book: Book, open_account: Open, row: Row
) -> None:
    stand_in = {"…": row.status, "other": open_account(budget=10_000)}
    body = {
        name: stand_in.get(value, value) if isinstance(value, str) else value for name, value in SENT[row.sent].items()
    }
    weeks = book(endDate="2025-04-18")
    for claims, outcome, week in zip(CALLERS.values(), row.outcomes, weeks, strict=False):
        payment = payment_in(row.status, admin, machine, week)
        (item,) = data(as_caller(user="tester", **claims).patch(f"{PAYMENTS}/bulk", [{"id": payment["id"], **body}]))
        assert item.get("error", {"code": 200})["code"] == outcome


class TestRepetition:
    """Who made the last move may make it again: an answer that was lost is asked for again."""

    @pytest.mark.parametrize("status", ["in-progress", "completed", "failed"])
    def test_a_processor_repeats_its_own_move(
        self, admin: Caller, machine: Caller, as_caller: Callable[..., Caller], book: Book, status: str
    ) -> None:
        payment = payment_in(status, admin, machine, book()[0])
        path = f"{PAYMENTS}/{payment['id']}"
        assert data(machine.patch(path, {"status": status})) == payment, "a repetition changes nothing"
        error(as_caller(scopes=(PROCESS,), user="processor 2").patch(path, {"status": status}), 409, "conflict")
        report = {"status": status, "statusDetails": DETAILS, "externalReference": "PP-1"}
        told = data(machine.patch(path, report))
        assert {name: told[name] for name in report} == report
        assert told["completedAt"] == payment["completedAt"]

    @pytest.mark.parametrize("status", ["scheduled", "cancelled"])
    def test_people_repeat_their_own_move(self, admin: Caller, machine: Caller, book: Book, status: str) -> None:
        payment = payment_in("failed", admin, machine, book()[0])
        path = f"{PAYMENTS}/{payment['id']}"
        moved = data(admin.patch(path, {"status": status}))
        assert data(admin.patch(path, {"status": status})) == moved

    def test_to_create_a_payment_is_no_move(self, admin: Caller, machine: Caller, book: Book) -> None:
        payment = payment_in("scheduled", admin, machine, book()[0])
        error(admin.patch(f"{PAYMENTS}/{payment['id']}", {"status": "scheduled"}), 409, "conflict")

    def test_a_change_by_others_between_does_not_matter(self, admin: Caller, machine: Caller, book: Book) -> None:
        payment = payment_in("completed", admin, machine, book()[0])
        path = f"{PAYMENTS}/{payment['id']}"
        changed = data(admin.patch(path, {"customerRate": 1}))
        assert changed["updatedBy"] == "admin"
        assert data(machine.patch(path, {"status": "completed"})) == changed
        error(admin.patch(path, {"status": "completed"}), 409, "conflict")

    def test_a_move_before_the_last_one_is_not_repeated(self, admin: Caller, machine: Caller, book: Book) -> None:
        payment = payment_in("failed", admin, machine, book()[0])
        path = f"{PAYMENTS}/{payment['id']}"
        data(admin.patch(path, {"status": "scheduled"}))
        error(machine.patch(path, {"status": "failed"}), 409, "conflict")
        error(machine.patch(path, {"status": "scheduled"}), 409, "conflict")
