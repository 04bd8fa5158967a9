"""Importing again after the service is in use: what was changed here stays."""

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask

from app.billing_accounts import audit
from tests.caller import ACCOUNTS, Caller, data
from tests.cli.conftest import Run
from tests.cli.legacy_import.conftest import CLIENT, PROJECT, Export, budget, counts, lines

PATH = f"{ACCOUNTS}/500"
CHANGED = {**PROJECT, "budget": "2000", "active": "0"}


def lock(admin: Caller, challenge: str, amount: Any) -> None:
    data(admin.patch(f"{PATH}/lock-amount", {"challengeId": challenge, "amount": amount}))


def consume(admin: Caller, challenge: str, amount: Any) -> None:
    data(admin.patch(f"{PATH}/consume-amount", {"challengeId": challenge, "amount": amount}))


@pytest.fixture
def load(run: Run, export: Export, app: Flask) -> Any:
    """Imports rows, and yields how many of their kind were created, updated, unchanged and kept."""

    def do(kind: str, *rows: Any) -> list[int]:
        result = run("import-legacy", export(**{kind: list(rows)}))
        assert result.exit_code == 0, result.output
        with app.app_context():
            assert list(audit.differences()) == []
        return counts(result, kind)[1:5]

    do("client", CLIENT)
    do("project", PROJECT)
    return do


class TestLines:
    @pytest.fixture
    def first(self, load: Any) -> None:
        rows = [budget("raised", "10", "0"), budget("spent", "20", "0"), budget("released", "30", "0")]
        load("project_challenge_budget", *rows, budget("corrected", "0", "40"), budget("untouched", "50", "0"))

    @pytest.mark.usefixtures("first")
    def test_what_was_changed_here_is_kept(self, load: Any, admin: Caller) -> None:
        lock(admin, "raised", 11)
        consume(admin, "spent", 21)
        lock(admin, "released", 0)
        consume(admin, "corrected", 41)
        lock(admin, "own", 5)
        here = {**lines(admin), "untouched": ("locked", 51)}
        rows = [budget(each, "7", "7") for each in ("raised", "spent", "released", "corrected", "own")]
        for expected in ([0, 1, 0, 5], [0, 0, 1, 5]):
            assert load("project_challenge_budget", *rows, budget("untouched", "51", "0")) == expected
            assert lines(admin) == here

    @pytest.mark.usefixtures("first")
    def test_the_same_export_again_takes_nothing_back(self, load: Any, admin: Caller) -> None:
        lock(admin, "raised", 11)
        lock(admin, "released", 0)
        rows = [budget("raised", "10", "0"), budget("released", "30", "0"), budget("spent", "20", "0")]
        assert load("project_challenge_budget", *rows) == [0, 0, 1, 2]
        assert {"raised": ("locked", 11), "spent": ("locked", 20)}.items() <= lines(admin).items()
        assert "released" not in lines(admin)

    @pytest.mark.usefixtures("first")
    def test_what_was_changed_back_here_was_changed_here(self, load: Any, admin: Caller) -> None:
        lock(admin, "raised", 11)
        lock(admin, "raised", 10)
        assert load("project_challenge_budget", budget("raised", "12", "0")) == [0, 0, 0, 1]

    @pytest.mark.usefixtures("first")
    def test_a_row_that_takes_a_line_back_is_kept_too(self, load: Any, admin: Caller) -> None:
        lock(admin, "raised", 11)
        assert load("project_challenge_budget", budget("raised", "0", "0")) == [0, 0, 0, 1]
        assert lines(admin)["raised"] == ("locked", 11)

    @pytest.mark.usefixtures("first")
    def test_what_says_the_same_as_here_is_unchanged(self, load: Any, admin: Caller) -> None:
        consume(admin, "spent", 21)
        lock(admin, "released", 0)
        rows = [budget("spent", "0", "21"), budget("released", "0", "0")]
        assert load("project_challenge_budget", *rows) == [0, 0, 2, 0]

    def test_a_line_that_only_was_here_does_not_come_back(self, load: Any, admin: Caller) -> None:
        """The account was imported: what the previous system still holds for the challenge was released here."""
        lock(admin, "c1", 5)
        lock(admin, "c1", 0)
        assert load("project_challenge_budget", budget("c1", "9", "0")) == [0, 0, 0, 1]
        assert lines(admin) == {}

    def test_releasing_nothing_is_no_change(self, load: Any, admin: Caller) -> None:
        lock(admin, "c1", 0)
        assert load("project_challenge_budget", budget("c1", "9", "0")) == [1, 0, 0, 0]

    @pytest.mark.usefixtures("first")
    def test_a_refused_change_is_no_change(self, load: Any, admin: Caller) -> None:
        body = {"challengeId": "raised", "amount": 1_000_000}
        assert admin.patch(f"{PATH}/lock-amount", body).status_code == 400
        assert load("project_challenge_budget", budget("raised", "12", "0")) == [0, 1, 0, 0]


class TestAccounts:
    def test_what_still_is_as_imported_is_changed(self, load: Any, admin: Caller) -> None:
        data(admin.patch(PATH, {"poNumber": "mine", "status": "ACTIVE", "budget": "1000.50", "markup": 0}))
        assert load("project", CHANGED) == [0, 1, 0, 0]
        account = data(admin.get(PATH))
        assert (account["status"], account["budget"]) == ("INACTIVE", 2000)

    @pytest.mark.parametrize(
        ("here", "expected"),
        [
            ({"budget": 3000}, (3000, "INACTIVE")),
            ({"status": "INACTIVE"}, (2000, "INACTIVE")),
            ({"budget": 3000, "status": "INACTIVE"}, (3000, "INACTIVE")),
        ],
    )
    def test_what_was_changed_here_is_kept(self, load: Any, admin: Caller, here: Any, expected: Any) -> None:
        data(admin.patch(PATH, here))
        load("project", CHANGED)
        account = data(admin.get(PATH))
        assert (account["budget"], account["status"]) == expected

    def test_each_is_kept_by_itself_and_the_row_is_counted(self, load: Any, admin: Caller) -> None:
        data(admin.patch(PATH, {"status": "INACTIVE"}))
        for expected in ([0, 0, 0, 1], [0, 0, 0, 1]):
            assert load("project", {**PROJECT, "budget": "2000", "name": "Renamed"}) == expected
        account = data(admin.get(PATH))
        assert (account["status"], account["budget"], account["name"]) == ("INACTIVE", 2000, "Renamed")
        assert load("project", {**PROJECT, "budget": "2000", "name": "Renamed", "active": "0"}) == [0, 0, 1, 0]

    def test_what_was_changed_back_here_was_changed_here(self, load: Any, admin: Caller) -> None:
        for here in ({"budget": 3000, "status": "INACTIVE"}, {"budget": "1000.50", "status": "ACTIVE"}):
            data(admin.patch(PATH, here))
        assert load("project", CHANGED) == [0, 0, 0, 1]
        account = data(admin.get(PATH))
        assert (account["budget"], account["status"]) == (Decimal("1000.5"), "ACTIVE")

    def test_an_account_made_here_keeps_what_it_has(self, load: Any, admin: Caller) -> None:
        made = {"name": "New", "budget": 7, "markup": 0.1, "clientId": "77"}
        account_id = data(admin.post(ACCOUNTS, made), 201)["id"]
        rows = {**CHANGED, "project_id": str(account_id)}
        assert load("project", rows) == [0, 0, 0, 1]
        fee = {"project_id": account_id, "contest_fee_percentage": "0.5", "active": 1}
        assert load("project_contest_fee_percentage", fee) == [0, 0, 0, 1]
        account = data(admin.get(f"{ACCOUNTS}/{account_id}"))
        assert (account["budget"], account["status"], account["markup"]) == (7, "ACTIVE", Decimal("0.1"))

    def test_a_refused_budget_is_no_change(self, load: Any, admin: Caller) -> None:
        lock(admin, "c1", 500)
        assert admin.patch(PATH, {"budget": 100, "status": "INACTIVE"}).status_code == 409
        assert load("project", CHANGED) == [0, 1, 0, 0]


def test_remembering_costs_no_round_trip(load: Any, admin: Caller, messages: list[Any]) -> None:
    load("project_challenge_budget", budget("c1", "10", "0"))
    for call, challenge, amount in ((lock, "c1", 11), (consume, "c2", 1), (lock, "c1", 0)):
        call(admin, challenge, amount)
        messages.clear()
        call(admin, challenge, amount)
        assert len(messages) == 1, messages
