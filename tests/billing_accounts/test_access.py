from decimal import Decimal
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import text

from app.db.base import db
from tests.caller import ACCOUNTS, Caller, Open, data, error


class TestGrant:
    def test_an_unknown_account_is_not_found(self, admin: Caller) -> None:
        error(admin.post(f"{ACCOUNTS}/7/users", {"userId": "7"}), 404, "not_found")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "userId"),
            ({"userId": ""}, "userId"),
            ({"userId": True}, "userId"),
            ({"userId": 7.5}, "userId"),
            ({"userId": Decimal("1e300")}, "userId"),
            ({"userId": {"id": "7"}}, "userId"),
            ({"userId": None}, "userId"),
            ({"userId": "x" * 256}, "userId"),
            ({"userId": "7", "userHandle": 7}, "userHandle"),
            ({"userId": "7", "role": "owner"}, "role"),
            ({"param": {"userId": [7]}}, "userId"),
        ],
    )
    def test_what_is_no_user_is_named(self, admin: Caller, path: str, body: Any, field: str) -> None:
        assert field in error(admin.post(f"{path}/users", body), 400, "invalid_input")["details"]["json"]
        assert data(admin.get(f"{path}/users"))["count"] == 0

    @pytest.mark.parametrize(
        ("body", "name"),
        [
            ({"userId": "7"}, "7"),
            ({"userId": 7}, "7"),
            ({"param": {"userId": 7}}, "7"),
            ({"userId": " 7\n"}, "7"),
            ({"userId": "7", "userHandle": ""}, "7"),
            ({"userId": "7", "userHandle": " ann "}, "ann"),
            ({"userId": "7", "userHandle": "ann"}, "ann"),
            ({"param": {"userId": "7", "userHandle": "ann"}}, "ann"),
            ({"userId": "7", "userHandle": None}, "7"),
        ],
    )
    def test_a_user_is_listed_by_their_id(self, admin: Caller, path: str, body: Any, name: str) -> None:
        user = data(admin.post(f"{path}/users", body), 201)
        assert user.keys() == {"id", "userId", "name", "status", "createdAt"}
        assert (user["id"], user["userId"], user["name"], user["status"]) == ("7", "7", name, "active")
        assert data(admin.get(f"{path}/users"))["results"] == [user]

    def test_granting_twice_is_one_grant(self, admin: Caller, path: str) -> None:
        first = data(admin.post(f"{path}/users", {"userId": "7", "userHandle": "ann"}), 201)
        assert data(admin.post(f"{path}/users", {"userId": "7"}), 201) == first, "no handle leaves the one known"
        assert data(admin.post(f"{path}/users", {"userId": 7, "userHandle": " "}), 201) == first
        renamed = data(admin.post(f"{path}/users", {"userId": "7", "userHandle": "anne"}), 201)
        assert renamed == {**first, "name": "anne"}
        assert data(admin.get(f"{path}/users"))["count"] == 1


ODD_IDS = [
    "samlp|corp/ann",
    "corp/ann/access/x",
    "/ann",
    "ann/",
    "a//b",
    "100%",
    "%2F",
    "a%2fb",
    "ann lee",
    "ann.lee",
    "...",
    "a/../b",
    "access",
    "a?b#c;d=e&f+g",
    "a\\b:c@d",
    "Łódź/東京",
    "x/" * 127 + "x",
]


class TestOddIds:
    @pytest.mark.parametrize("user", ODD_IDS)
    def test_what_can_be_granted_can_be_read_and_revoked(self, admin: Caller, path: str, user: str) -> None:
        own = f"{path}/users/{quote(user, safe='')}"
        assert data(admin.post(f"{path}/users", {"userId": user}), 201)["id"] == user
        for slash in ("", "/"):
            assert data(admin.get(f"{own}/access{slash}")) == {"hasAccess": True}
            assert data(admin.get(f"{ACCOUNTS}/users/{quote(user, safe='')}{slash}"))["count"] == 1
        assert data(admin.get(f"{ACCOUNTS}?userId={quote(user, safe='')}"))["count"] == 1
        assert data(admin.delete(own)) == {"removed": True}
        assert data(admin.get(f"{own}/access")) == {"hasAccess": False}
        error(admin.delete(f"{own}/"), 404, "not_found")

    def test_ids_that_differ_by_a_slash_are_different(self, admin: Caller, path: str) -> None:
        for user in ("ann", "ann/", "/ann"):
            data(admin.post(f"{path}/users", {"userId": user}), 201)
        assert data(admin.delete(f"{path}/users/ann%2f/")) == {"removed": True}
        assert [user["id"] for user in data(admin.get(f"{path}/users"))["results"]] == ["/ann", "ann"]

    @pytest.mark.parametrize("user", ["ann/access", "/access", ".", ".."])
    def test_what_no_path_can_name_is_not_granted(self, admin: Caller, path: str, user: str) -> None:
        for body in ({"userId": user}, {"param": {"userId": user}}):
            assert "userId" in error(admin.post(f"{path}/users", body), 400, "invalid_input")["details"]["json"]

    @pytest.mark.parametrize("sent", ["a%1Fb", "a%1F%2Fb", "a%00b", "%FF%2F"])
    def test_what_stands_for_a_slash_inside_is_no_slash(self, admin: Caller, path: str, sent: str) -> None:
        for user in ("a/b", "a//b", "/"):
            data(admin.post(f"{path}/users", {"userId": user}), 201)
        error(admin.delete(f"{path}/users/{sent}"), 400, "invalid_input")

    def test_a_slash_inside_a_word_of_the_path_is_another_path(self, admin: Caller) -> None:
        error(admin.get("/v6%2Fbilling-accounts"), 404, "not_found")
        error(admin.get(f"{ACCOUNTS}%2F1"), 404, "not_found")
        error(admin.get(f"{ACCOUNTS}/1%2Fusers"), 400, "invalid_input")


class TestRevoke:
    def test_an_unknown_account_or_grant_is_not_found(self, admin: Caller, path: str) -> None:
        assert "account 7 " in error(admin.delete(f"{ACCOUNTS}/7/users/7"), 404, "not_found")["message"]
        assert "User 7 " in error(admin.delete(f"{path}/users/7"), 404, "not_found")["message"]

    def test_a_user_goes_by_their_id(self, admin: Caller, path: str) -> None:
        for user in ("7", "8", "a b"):
            data(admin.post(f"{path}/users", {"userId": user}), 201)
        assert data(admin.delete(f"{path}/users/8")) == {"removed": True}
        assert data(admin.delete(f"{path}/users/a%20b")) == {"removed": True}
        assert [user["id"] for user in data(admin.get(f"{path}/users"))["results"]] == ["7"]
        error(admin.delete(f"{path}/users/8"), 404, "not_found")


class TestRead:
    @pytest.mark.parametrize("part", ["users", "users/7/access"])
    def test_an_unknown_account_is_not_found(self, admin: Caller, part: str) -> None:
        error(admin.get(f"{ACCOUNTS}/7/{part}"), 404, "not_found")

    def test_access_is_per_account(self, admin: Caller, path: str, open_account: Open) -> None:
        other = f"{ACCOUNTS}/{open_account()}"
        data(admin.post(f"{path}/users", {"userId": "7"}), 201)
        assert data(admin.get(f"{path}/users/7/access")) == {"hasAccess": True}
        assert data(admin.get(f"{path}/users/8/access")) == {"hasAccess": False}
        assert data(admin.get(f"{other}/users/7/access")) == {"hasAccess": False}

    def test_users_come_in_pages_newest_first(self, admin: Caller, path: str) -> None:
        for user in ("9", "7", "8"):
            data(admin.post(f"{path}/users", {"userId": user}), 201)
        pages = [data(admin.get(f"{path}/users?perPage=2&page={page}")) for page in (1, 2)]
        assert [[user["id"] for user in page["results"]] for page in pages] == [["8", "7"], ["9"]]
        assert [page["count"] for page in pages] == [3, 3]

    def test_all_users_that_a_ui_shows_come_at_once(self, app: Flask, admin: Caller, path: str) -> None:
        rows = text(
            "INSERT INTO billing_account_access SELECT id, n, NULL, now() FROM billing_accounts, "
            "generate_series(1, 1001) AS n"
        )
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(rows)
        page = data(admin.get(f"{path}/users"))
        assert (len(page["results"]), page["count"], page["perPage"], page["totalPages"]) == (1000, 1001, 1000, 2)
        assert len(data(admin.get(f"{path}/users?perPage=20"))["results"]) == 20

    def test_the_accounts_of_a_user_are_listed_like_all_others(self, admin: Caller, open_account: Open) -> None:
        accounts = [open_account(name=name) for name in ("one", "two", "three")]
        for account in accounts[:2]:
            data(admin.post(f"{ACCOUNTS}/{account}/users", {"userId": "7"}), 201)
        found = data(admin.get(f"{ACCOUNTS}/users/7?sortBy=name&sortOrder=desc&perPage=1"))
        assert ([row["name"] for row in found["results"]], found["count"]) == (["two"], 2)
        assert data(admin.get(f"{ACCOUNTS}/users/nobody"))["count"] == 0
        error(admin.get(f"{ACCOUNTS}/users/7?userId=8"), 400, "invalid_input")


class TestEntries:
    @pytest.fixture
    def entries(self, admin: Caller, path: str) -> str:
        data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 30}))
        data(admin.patch(f"{path}/consume-amount", {"challengeId": "c2", "amount": 20}))
        charge = {"externalId": "c1", "externalType": "ENGAGEMENT", "amount": 10}
        data(admin.patch(f"{path}/consume-amount", charge))
        return f"{path}/entries"

    def test_an_unknown_account_is_not_found(self, admin: Caller) -> None:
        error(admin.get(f"{ACCOUNTS}/7/entries"), 404, "not_found")

    def test_entries_are_the_lines_of_the_account(self, admin: Caller, path: str, entries: str) -> None:
        account = data(admin.get(path))
        lines = [{**line, "kind": kind} for kind in ("consumed", "locked") for line in account[f"{kind}Amounts"]]
        found = data(admin.get(entries))["results"]
        assert sorted(found, key=lambda line: line["id"]) == sorted(lines, key=lambda line: line["id"])
        assert [line["amount"] for line in found] == [10, 20, 30], "newest first"

    @pytest.mark.parametrize(
        ("query", "amounts"),
        [
            ("kind=locked", [30]),
            ("kind=consumed&sortBy=amount", [10, 20]),
            ("externalType=ENGAGEMENT", [10]),
            ("externalId=c1&sortBy=amount&sortOrder=desc", [30, 10]),
            ("sortBy=externalId&sortOrder=desc&perPage=1", [20]),
            ("sortBy=kind&perPage=2&page=2", [30]),
            ("externalId=c1&kind=consumed", [10]),
            ("kind=locked&externalType=ENGAGEMENT", []),
        ],
    )
    def test_entries_are_filtered_and_sorted(self, admin: Caller, entries: str, query: str, amounts: list[int]) -> None:
        assert [line["amount"] for line in data(admin.get(f"{entries}?{query}"))["results"]] == amounts

    @pytest.mark.parametrize("query", ["kind=spent", "externalType=OTHER", "sortBy=id", "page=x"])
    def test_what_cannot_be_asked_is_refused(self, admin: Caller, entries: str, query: str) -> None:
        error(admin.get(f"{entries}?{query}"), 400, "invalid_input")
