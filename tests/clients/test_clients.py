from collections.abc import Callable
from itertools import pairwise
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from flask import Flask
from freezegun import freeze_time
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.clock import utc_now
from app.db.base import db
from tests.caller import Caller, data, error

CLIENTS = "/v6/clients"
FIELDS = {"id", "name", "codeName", "status", "startDate", "endDate", "createdAt", "updatedAt"}
WHOLE = {
    "name": "Acme Corporation",
    "codeName": "ACME",
    "status": "INACTIVE",
    "startDate": "2025-01-01T00:00:00.000Z",
    "endDate": "2025-12-31T23:59:59.000Z",
}
JANUARY, MARCH, MAY = "2025-01-01T00:00:00.000Z", "2025-03-01T00:00:00.000Z", "2025-05-01T00:00:00.000Z"


def make(caller: Caller, name: str = "Acme", **values: Any) -> Any:
    return data(caller.post(CLIENTS, {"name": name, **values}), 201)


def names(caller: Caller, **arguments: Any) -> list[str]:
    """The names of the clients that a list holds."""
    query = "&".join(f"{name}={quote(str(value))}" for name, value in arguments.items())
    return [client["name"] for client in data(caller.get(f"{CLIENTS}?{query}"))["results"]]


class TestWhoMayCall:
    READS = (("GET", CLIENTS), ("GET", "{client}"))
    WRITES = (("POST", CLIENTS), ("PATCH", "{client}"))

    @pytest.fixture
    def status(self, app: Flask, admin: Caller) -> Callable[..., int]:
        """The status that a caller is answered with."""
        client = f"{CLIENTS}/{make(admin)['id']}"

        def ask(caller: Caller | None, method: str, path: str) -> int:
            body = None if method == "GET" else {"name": "Zeta"}
            answer = (caller or Caller(app, None)).call(method, path.format(client=client), body)
            if answer.status_code >= 400:
                error(answer, answer.status_code, {401: "unauthorized", 403: "forbidden"}[answer.status_code])
            return answer.status_code

        return ask

    @pytest.mark.parametrize(("method", "path"), READS + WRITES)
    def test_nobody_without_a_token(self, status: Callable[..., int], method: str, path: str) -> None:
        assert status(None, method, path) == 401

    @pytest.mark.parametrize(
        ("allowed", "may"),
        [
            ({"roles": ["administrator"]}, "GET POST PATCH"),
            ({"roles": ["Administrator", "copilot"]}, "GET POST PATCH"),
            ({"roles": ["copilot"]}, ""),
            ({"roles": ["Project Manager", "Talent Manager", "Topcoder Talent Manager"]}, ""),
            ({"scopes": ["read:client"]}, "GET"),
            ({"scopes": ["create:client"]}, "POST"),
            ({"scopes": ["update:client"]}, "PATCH"),
            ({"scopes": ["ALL:Client"]}, "GET POST PATCH"),
            ({"scopes": ["read:client", "update:client"]}, "GET PATCH"),
            ({"scopes": ["all:billing-account", "read:clients", "delete:client"]}, ""),
            ({"roles": ["copilot"], "scopes": ["read:client"]}, "GET"),
        ],
        ids=str,
    )
    def test_clients_need_a_role_or_scope(
        self, status: Callable[..., int], as_caller: Callable[..., Caller], allowed: dict[str, Any], may: str
    ) -> None:
        caller = as_caller(**allowed)
        for method, path in self.READS + self.WRITES:
            expected = 403 if method not in may.split() else 201 if method == "POST" else 200
            assert status(caller, method, path) == expected, method


class TestGet:
    def test_one_that_is_not_there_is_not_found(self, admin: Caller) -> None:
        assert error(admin.get(f"{CLIENTS}/nobody"), 404, "not_found")["message"] == "Client nobody was not found"

    def test_the_whole_client_is_answered(self, admin: Caller) -> None:
        made = make(admin, **WHOLE)
        assert data(admin.get(f"{CLIENTS}/{made['id']}")) == made

    @pytest.mark.parametrize(
        "identity", ["acme", "with space", "a.b", "Žofie", "x" * 255, "%", "a+b", "/", "a/b", "a/", "%2F", "a|b"]
    )
    def test_an_id_of_the_previous_system_is_any_text(self, app: Flask, admin: Caller, identity: str) -> None:
        with app.app_context(), db.engine.begin() as connection:
            columns = "(id, name, status, created_at, updated_at)"
            values = "(:id, 'x', 'ACTIVE', now(), now())"
            connection.execute(text(f"INSERT INTO clients {columns} VALUES {values}"), {"id": identity})
        own = f"{CLIENTS}/{quote(identity, safe='')}"
        assert data(admin.get(own))["id"] == identity
        assert data(admin.patch(f"{own}/", {"name": "y"}))["name"] == "y"


class TestCreate:
    def test_a_name_is_required(self, admin: Caller) -> None:
        bodies: list[Any] = [{}, {"codeName": "ACME"}, {"param": {}}, {"param": {"codeName": "ACME"}}]
        for body in bodies:
            assert error(admin.post(CLIENTS, body), 400)["details"]["json"].keys() == {"name"}

    @pytest.mark.parametrize(
        "body",
        [
            {"param": None},
            {"param": []},
            {"param": "x"},
            {"param": {"name": "x"}, "name": "x"},
            {"param": {"param": {"name": "x"}}},
        ],
        ids=str,
    )
    def test_another_wrapping_is_refused(self, admin: Caller, body: Any) -> None:
        assert "param" in error(admin.post(CLIENTS, body), 400, "invalid_input")["details"]["json"]

    def test_wrapped_fields_are_checked_as_strictly(self, admin: Caller) -> None:
        found = error(admin.post(CLIENTS, {"param": {"name": 7, "colour": "red"}}), 400)["details"]["json"]
        assert found.keys() == {"name", "colour"}

    @pytest.mark.parametrize("wrap", [False, True])
    def test_an_end_before_the_start_is_refused(self, admin: Caller, wrap: bool) -> None:
        body = {"name": "Acme", "startDate": MARCH, "endDate": JANUARY}
        failure = error(admin.post(CLIENTS, {"param": body} if wrap else body), 400, "invalid_input")
        assert failure["details"] == {"json": {"startDate": ["startDate must not be after endDate."]}}

    @pytest.mark.parametrize("wrap", [False, True])
    def test_what_was_sent_is_kept(self, admin: Caller, wrap: bool) -> None:
        made = data(admin.post(CLIENTS, {"param": WHOLE} if wrap else WHOLE), 201)
        assert made.keys() == FIELDS
        assert WHOLE.items() <= made.items()
        assert made["createdAt"] == made["updatedAt"]
        assert data(admin.get(f"{CLIENTS}/{made['id']}")) == made

    def test_client_fields_have_defaults(self, admin: Caller) -> None:
        made = make(admin)
        assert made.keys() == FIELDS
        assert made["status"] == "ACTIVE"
        assert [made[name] for name in ("codeName", "startDate", "endDate")] == [None, None, None]
        assert str(UUID(made["id"])) == made["id"]

    def test_text_is_kept_as_it_is(self, admin: Caller) -> None:
        assert make(admin, "  Acme \n", codeName="")["name"] == "  Acme \n"
        assert make(admin, codeName="")["codeName"] == ""

    def test_it_may_start_and_end_at_one_moment(self, admin: Caller) -> None:
        assert make(admin, startDate=MARCH, endDate=MARCH)["endDate"] == MARCH

    def test_two_may_share_a_name(self, admin: Caller) -> None:
        assert make(admin)["id"] != make(admin)["id"]


class TestUpdate:
    def test_one_that_is_not_there_is_not_found(self, admin: Caller) -> None:
        error(admin.patch(f"{CLIENTS}/nobody", {"name": "x"}), 404, "not_found")

    @pytest.mark.parametrize(
        "body", [{}, {"name": None}, {"status": None}, {"id": "x"}, {"param": {"name": "x"}}], ids=str
    )
    def test_a_change_that_cannot_be_is_refused(self, admin: Caller, body: Any) -> None:
        made = make(admin)
        error(admin.patch(f"{CLIENTS}/{made['id']}", body), 400, "invalid_input")
        assert data(admin.get(f"{CLIENTS}/{made['id']}")) == made

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"startDate": MAY}, "startDate"),
            ({"endDate": "2024-12-31T00:00:00.000Z"}, "endDate"),
            ({"startDate": MAY, "endDate": MARCH}, "startDate"),
            ({"name": "Zeta", "startDate": MAY}, "startDate"),
        ],
        ids=str,
    )
    def test_an_end_before_the_start_is_refused_also_when_one_of_them_is_old(
        self, admin: Caller, change: dict[str, Any], named: str
    ) -> None:
        made = make(admin, startDate=JANUARY, endDate=MARCH)
        failure = error(admin.patch(f"{CLIENTS}/{made['id']}", change), 400, "invalid_input")
        assert failure["details"]["json"].keys() == {named}
        assert data(admin.get(f"{CLIENTS}/{made['id']}")) == made

    @pytest.mark.parametrize(
        "change",
        [
            {"name": "Zeta"},
            {"codeName": "ZETA"},
            {"status": "ACTIVE"},
            {"startDate": MARCH},
            {"endDate": MAY},
            {"startDate": "2026-01-01T00:00:00.000Z", "endDate": "2026-02-01T00:00:00.000Z"},
            {"codeName": None},
            {"startDate": None, "endDate": None},
            {"startDate": None, "endDate": JANUARY},
        ],
        ids=str,
    )
    def test_only_the_named_fields_change_and_null_clears(self, admin: Caller, change: dict[str, Any]) -> None:
        made = make(admin, **WHOLE)
        changed = data(admin.patch(f"{CLIENTS}/{made['id']}", change))
        assert changed == made | change | {"updatedAt": changed["updatedAt"]}
        assert changed["updatedAt"] >= made["updatedAt"]
        assert data(admin.get(f"{CLIENTS}/{made['id']}")) == changed

    def test_the_change_is_found_and_the_old_name_is_not(self, admin: Caller) -> None:
        made = make(admin, "Before")
        data(admin.patch(f"{CLIENTS}/{made['id']}", {"name": "After"}))
        assert (names(admin, name="after"), names(admin, name="before")) == (["After"], [])


class TestFilters:
    @pytest.mark.parametrize("field", ["name", "codeName"])
    @pytest.mark.parametrize(
        ("needle", "found"),
        [
            ("acme", ["ACME corp", "Acme 100%", "acme_1"]),
            ("CME", ["ACME corp", "Acme 100%", "acme_1"]),
            ("c", ["ACME corp", "Acme 100%", "acme_1", "back\\slash"]),
            ("me", ["ACME corp", "Acme 100%", "acme_1"]),
            ("%", ["Acme 100%"]),
            ("0%", ["Acme 100%"]),
            ("_", ["acme_1"]),
            ("e_1", ["acme_1"]),
            ("a%e", []),
            ("\\", ["back\\slash"]),
            ("k\\s", ["back\\slash"]),
            ("\\%", []),
            ("o'b", ["O'Brien & 'Sons'"]),
            (" '", ["O'Brien & 'Sons'"]),
            ("n &", ["O'Brien & 'Sons'"]),
            ("žluť", ["ŽLUŤOUČKÝ kůň"]),
            ("KŮŇ", ["ŽLUŤOUČKÝ kůň"]),
            ("ý", ["ŽLUŤOUČKÝ kůň"]),
            ("zlut", []),
            ("東京", ["東京 Tokyo"]),
            ("京", ["東京 Tokyo"]),
            ("acme corporation", []),
            (" ", ["ACME corp", "Acme 100%", "O'Brien & 'Sons'", "ŽLUŤOUČKÝ kůň", "東京 Tokyo"]),
            ("|", []),
            (":*", []),
            ("!", []),
        ],
    )
    def test_text_is_found_anywhere_in_any_case_and_nothing_is_a_wildcard(
        self, admin: Caller, field: str, needle: str, found: list[str]
    ) -> None:
        all_names = [
            "ACME corp",
            "Acme 100%",
            "acme_1",
            "back\\slash",
            "O'Brien & 'Sons'",
            "ŽLUŤOUČKÝ kůň",
            "東京 Tokyo",
        ]
        for name in all_names:
            make(admin, name, **({"codeName": name} if field == "codeName" else {}))
        assert sorted(names(admin, **{field: needle})) == sorted(found)

    @pytest.mark.parametrize("wildcard", ["%", "_"])
    def test_a_text_with_every_piece_of_the_needle_need_not_hold_it(self, admin: Caller, wildcard: str) -> None:
        make(admin, f"x{wildcard}y {wildcard}yz xayz")
        assert names(admin, name=f"x{wildcard}yz") == []

    def test_an_empty_needle_is_in_every_text(self, admin: Caller) -> None:
        make(admin, "With", codeName="x")
        make(admin, "Without")
        assert len(names(admin, name="", codeName="")) == 2

    def test_a_missing_code_name_holds_nothing(self, admin: Caller) -> None:
        make(admin)
        assert names(admin, codeName="a") == []

    @pytest.mark.parametrize(("status", "found"), [("ACTIVE", ["a"]), ("INACTIVE", ["b"])])
    def test_clients_filter_by_status(self, admin: Caller, status: str, found: list[str]) -> None:
        make(admin, "a")
        make(admin, "b", status="INACTIVE")
        assert names(admin, status=status) == found

    @pytest.mark.parametrize(
        ("arguments", "found"),
        [
            ({"startDateFrom": MARCH}, ["march", "may"]),
            ({"startDateTo": MARCH}, ["january", "march"]),
            ({"startDateFrom": MARCH, "startDateTo": MARCH}, ["march"]),
            ({"startDateFrom": MAY, "startDateTo": JANUARY}, []),
            ({"endDateFrom": MARCH}, ["march", "may"]),
            ({"endDateTo": MARCH}, ["january", "march"]),
            ({"startDateFrom": JANUARY, "endDateTo": MARCH}, ["january", "march"]),
            ({"startDateFrom": MARCH, "name": "a", "status": "ACTIVE"}, ["march", "may"]),
            ({"startDateFrom": MARCH, "name": "y"}, ["may"]),
        ],
        ids=str,
    )
    def test_bounds_are_inclusive_and_filters_narrow_together(
        self, admin: Caller, arguments: dict[str, str], found: list[str]
    ) -> None:
        for name, moment in (("january", JANUARY), ("march", MARCH), ("may", MAY)):
            make(admin, name, startDate=moment, endDate=moment)
        make(admin, "undated")
        assert sorted(names(admin, **arguments)) == found


class TestOrderAndPages:
    @pytest.fixture
    def many(self, app: Flask) -> list[dict[str, Any]]:
        """Clients that share names, dates and moments of creation in every combination."""
        rows = [
            {
                "id": f"id{number:02}",
                "name": ["beta", "Alpha", "GAMMA"][number % 3],
                "status": ["ACTIVE", "INACTIVE"][number % 2],
                "start": [None, JANUARY, MARCH][number // 3 % 3],
                "end": [MAY, None][number // 2 % 2],
                "created": [JANUARY, MARCH][number // 5 % 2],
            }
            for number in range(23)
        ]
        insert = text("""
            INSERT INTO clients (id, name, status, start_date, end_date, created_at, updated_at)
            VALUES (:id, :name, :status, :start, :end, :created, :created)
        """)
        with app.app_context(), db.engine.begin() as connection:
            connection.execute(insert, rows)
        return rows

    @pytest.mark.parametrize("order", ["asc", "desc"])
    @pytest.mark.parametrize("sort", ["name", "startDate", "endDate", "status", "createdAt"])
    @pytest.mark.parametrize("per_page", [1, 7, 100])
    def test_every_sort_is_over_the_whole_set_with_ties_by_id(
        self, admin: Caller, many: list[dict[str, Any]], sort: str, order: str, per_page: int
    ) -> None:
        found: list[Any] = []
        for page in range(1, -(-len(many) // per_page) + 1):
            path = f"{CLIENTS}?sortBy={sort}&sortOrder={order}&perPage={per_page}&page={page}"
            found += data(admin.get(path))["results"]
        assert sorted(client["id"] for client in found) == [row["id"] for row in many]

        def key(client: Any) -> tuple[bool, str, str]:
            value = client[sort]
            return (value is None, (value or "").lower(), client["id"])

        for one, next_one in pairwise(found if order == "asc" else reversed(found)):
            assert key(one) < key(next_one)

    def test_newest_come_first_unless_asked_otherwise(self, admin: Caller, many: list[dict[str, Any]]) -> None:
        expected = sorted(many, key=lambda row: (row["created"], row["id"]), reverse=True)
        found = data(admin.get(f"{CLIENTS}?perPage=100"))["results"]
        assert [client["id"] for client in found] == [row["id"] for row in expected]

    def test_a_sort_goes_up_unless_asked_otherwise(self, admin: Caller, many: list[dict[str, Any]]) -> None:
        assert names(admin, sortBy="name", perPage=100) == ["Alpha"] * 8 + ["beta"] * 8 + ["GAMMA"] * 7
        assert len(many) == 23

    @pytest.mark.parametrize(
        ("query", "results", "paging"),
        [
            ("", 20, (1, 20, 2)),
            ("page=2", 3, (2, 20, 2)),
            ("page=3", 0, (3, 20, 2)),
            ("perPage=23", 23, (1, 23, 1)),
            ("perPage=22&page=2", 1, (2, 22, 2)),
            ("perPage=1&page=23", 1, (23, 1, 23)),
            ("perPage=10000", 23, (1, 10_000, 1)),
        ],
    )
    def test_pages_say_how_many_match_in_all(
        self, admin: Caller, many: list[dict[str, Any]], query: str, results: int, paging: tuple[int, int, int]
    ) -> None:
        found = data(admin.get(f"{CLIENTS}?{query}"))
        assert len(found.pop("results")) == results
        page, per_page, total = paging
        assert found == {"count": len(many), "page": page, "perPage": per_page, "totalPages": total}

    def test_the_count_is_of_what_the_filters_leave(self, admin: Caller, many: list[dict[str, Any]]) -> None:
        found = data(admin.get(f"{CLIENTS}?status=ACTIVE&perPage=5&page=2"))
        assert (found["count"], found["totalPages"], len(found["results"])) == (12, 3, 5)
        assert len(many) == 23

    def test_an_empty_list_has_no_pages(self, admin: Caller) -> None:
        expected = {"results": [], "count": 0, "page": 1, "perPage": 20, "totalPages": 0}
        assert data(admin.get(CLIENTS)) == expected

    def test_a_client_in_a_list_is_the_whole_client(self, admin: Caller) -> None:
        made = make(admin, **WHOLE)
        assert data(admin.get(CLIENTS))["results"] == [made]


def test_a_server_in_another_zone_changes_nothing(app: Flask, admin: Caller) -> None:
    dates = {"startDate": "0001-01-01T00:00:00Z", "endDate": "9999-12-31T23:59:59Z"}
    with app.app_context(), db.engine.begin() as connection:
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET timezone TO 'Asia/Tokyo'"))
    # What is connected still has the zone it began with, also where a pool stands in between.
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    with app.app_context(), pytest.raises(OperationalError), db.engine.begin() as connection:
        connection.execute(text(end_all))
    client = data(admin.post("/v6/clients", {"name": "Acme", **dates}), 201)
    assert client["startDate"] == "0001-01-01T00:00:00.000Z"
    assert data(admin.get("/v6/clients"))["results"][0]["endDate"] == "9999-12-31T23:59:59.000Z"
    with app.app_context(), db.engine.begin() as connection:
        connection.execute(text(f"ALTER DATABASE {name} RESET timezone"))


def test_what_is_new_was_changed_when_it_was_made(admin: Caller) -> None:
    with freeze_time(utc_now(), auto_tick_seconds=1):
        client = make(admin)
    assert client["updatedAt"] == client["createdAt"]
