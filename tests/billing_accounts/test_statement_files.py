"""Statements of budgets as files: rows of CSV, and pages of paper."""

import csv
from decimal import Decimal
from io import BytesIO, StringIO
from threading import Event, Thread
from typing import Any

import pytest
from flask import Flask
from pypdf import PdfReader
from sqlalchemy import text

from app.billing_accounts import books
from app.db.base import db
from tests.caller import ACCOUNTS, Caller, data, error

PERIOD = "from=2020-01-01&to=2999-01-01"
DELTAS = ("budgetDelta", "lockedDelta", "consumedDelta")
AFTER = ("budgetAfter", "lockedAfter", "consumedAfter")


def lock(caller: Caller, account_id: int, challenge: str, amount: Any, **values: Any) -> None:
    body = {"challengeId": challenge, "amount": amount, **values}
    data(caller.patch(f"{ACCOUNTS}/{account_id}/lock-amount", body))


def csv_of(caller: Caller, account_id: int, query: str = PERIOD) -> list[dict[str, str]]:
    """The rows of a statement, both ends included; the last line said how many."""
    answer = caller.get(f"{ACCOUNTS}/{account_id}/statement?{query}&format=csv")
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    lines = answer.get_data(as_text=True)
    *rows, end = csv.DictReader(StringIO(lines, newline=""))
    assert list(end.values())[:2] == ["#end", str(len(rows))]
    return rows


def pages_of(caller: Caller, account_id: int, query: str = PERIOD) -> list[str]:
    answer = caller.get(f"{ACCOUNTS}/{account_id}/statement?{query}", Accept="application/pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    return [page.extract_text() for page in PdfReader(BytesIO(answer.get_data())).pages]


class TestCsv:
    def test_the_ends_stand_around_the_movements(self, admin: Caller, account_id: int) -> None:
        lock(admin, account_id, "c1", 12.5, externalName="=1+1")
        opening, opened, locked, closing = csv_of(admin, account_id)
        assert [opening["kind"], opened["kind"], locked["kind"], closing["kind"]] == [
            "opening",
            "opened",
            "locked",
            "closing",
        ]
        assert (opening["at"], closing["at"]) == ("2020-01-01T00:00:00.000Z", "2999-01-02T00:00:00.000Z")
        assert [opening[name] for name in AFTER] == ["0", "0", "0"]
        assert [closing[name] for name in AFTER] == ["100", "12.5", "0"]
        assert (opening["position"], locked["position"], locked["lockedDelta"]) == ("", "2", "12.5")
        assert locked["externalName"] == "'=1+1"

    def test_opening_and_movements_are_closing_to_the_cent_and_what_sql_sums(
        self, app: Flask, admin: Caller, account_id: int
    ) -> None:
        for number in range(1, 40):
            lock(admin, account_id, f"c{number}", f"0.{number:04}")
        opening, *movements, closing = csv_of(admin, account_id)
        sums = [sum(Decimal(each[name]) for each in movements) for name in DELTAS]
        ends = [Decimal(closing[name]) - Decimal(opening[name]) for name in AFTER]
        statement = text("SELECT sum(budget_delta), sum(locked_delta), sum(consumed_delta) FROM budget_movements")
        with app.app_context():
            assert sums == ends == list(db.session.execute(statement).one())
            db.session.rollback()

    def test_it_is_what_the_json_says(self, admin: Caller, account_id: int) -> None:
        lock(admin, account_id, "c1", 5)
        statement = data(admin.get(f"{ACCOUNTS}/{account_id}/statement?{PERIOD}"))
        _, *movements, _ = csv_of(admin, account_id)
        for row, movement in zip(movements, statement["movements"], strict=True):
            assert row == {name: "" if value is None else str(value) for name, value in movement.items()}

    def test_it_is_of_one_snapshot_while_others_write(self, admin: Caller, account_id: int) -> None:
        done = Event()

        def write() -> None:
            number = 0
            while not done.is_set():
                number += 1
                lock(admin, account_id, f"c{number % 7}", number % 11)

        writer = Thread(target=write)
        writer.start()
        try:
            for _ in range(15):
                opening, *movements, closing = csv_of(admin, account_id)
                for delta, after in zip(DELTAS, AFTER, strict=True):
                    change = sum(Decimal(each[delta]) for each in movements)
                    assert Decimal(opening[after]) + change == Decimal(closing[after])
        finally:
            done.set()
            writer.join()

    def test_an_unknown_account_is_not_found(self, admin: Caller) -> None:
        for format_ in ("csv", "pdf"):
            error(admin.get(f"{ACCOUNTS}/999999/statement?{PERIOD}&format={format_}"), 404, "not_found")

    def test_what_is_not_offered_is_refused(self, admin: Caller, account_id: int) -> None:
        path = f"{ACCOUNTS}/{account_id}/statement?{PERIOD}"
        error(admin.get(path, Accept="application/x-ndjson"), 406, "not_acceptable")
        assert "format" in error(admin.get(f"{path}&format=ndjson"), 400, "invalid_input")["details"]["query"]


class TestPaper:
    def test_it_names_the_account_and_shows_both_ends_and_every_movement(self, admin: Caller, account_id: int) -> None:
        data(admin.patch(f"{ACCOUNTS}/{account_id}", {"name": "Harbour {nb} 港湾"}))
        lock(admin, account_id, "c1", 12.5, externalName="Logo contest")
        [page] = pages_of(admin, account_id)
        for shown in (
            "Harbour {nb}",
            "Opening balance",
            "Closing balance",
            "Logo contest",
            "+12.50",
            "87.50",
            "Page 1",
        ):
            assert shown in page

    def test_figures_beside_text_in_another_font_are_legible(self, admin: Caller, account_id: int) -> None:
        for number in range(2):
            lock(admin, account_id, f"c{number}", 12.5, externalName="ロゴ 港湾")
        text_of_page = " ".join(pages_of(admin, account_id)[0].split())
        assert "湾 +12.50 87.50" in text_of_page
        assert "湾 +12.50 75.00" in text_of_page

    def test_a_table_goes_on_below_its_headings(self, admin: Caller, account_id: int) -> None:
        for number in range(60):
            lock(admin, account_id, f"c{number}", 1)
        pages = pages_of(admin, account_id)
        assert len(pages) == 3
        assert all("Remaining" in page for page in pages)
        assert [f"Page {number}" in page for number, page in enumerate(pages, 1)] == [True] * 3
        assert sum(page.count("Challenge c") for page in pages) == 60

    def test_too_many_movements_are_for_csv(
        self, admin: Caller, account_id: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock(admin, account_id, "c1", 1)
        monkeypatch.setattr(books, "MOST_ON_PAPER", 2)
        pages_of(admin, account_id)
        lock(admin, account_id, "c2", 1)
        answer = admin.get(f"{ACCOUNTS}/{account_id}/statement?{PERIOD}", Accept="application/pdf")
        assert error(answer, 400, "use_csv")["details"] == {"movements": 3, "most": 2}
        assert len(csv_of(admin, account_id)) == 5
