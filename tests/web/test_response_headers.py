"""What is sent beside the body: paging of lists, what browsers may do, and statuses."""

import gzip
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest
from flask import Flask

from tests.caller import ACCOUNTS, Caller, data, error
from tests.document import operations, served

PAGING = ("X-Page", "X-Per-Page", "X-Total", "X-Total-Pages", "X-Prev-Page", "X-Next-Page")
LINK = re.compile(r'<([^<>]+)>; rel="(first|prev|next|last)"')
ADMIN_PAGE = "https://admin.example.com"


def links(answer: Any) -> dict[str, str]:
    """The targets of an answer's links by their relation."""
    found = LINK.findall(answer.headers["Link"])
    assert ", ".join(f'<{target}>; rel="{relation}"' for target, relation in found) == answer.headers["Link"]
    return {relation: target for target, relation in found}


class TestPaging:
    @pytest.fixture
    def five(self, admin: Caller) -> None:
        for number in range(5):
            data(admin.post("/v6/clients", {"name": f"Acme {number}"}), 201)

    @pytest.mark.usefixtures("five")
    @pytest.mark.parametrize(
        ("query", "headers", "relations"),
        [
            ("perPage=2", "1 2 5 3 - 2", "first next last"),
            ("perPage=2&page=2", "2 2 5 3 1 3", "first prev next last"),
            ("perPage=2&page=3", "3 2 5 3 2 -", "first prev last"),
            ("perPage=2&page=9", "9 2 5 3 3 -", "first prev last"),
            ("", "1 20 5 1 - -", "first last"),
            ("name=nobody", "1 20 0 0 - -", "first last"),
            ("name=nobody&page=3", "3 20 0 0 1 -", "first prev last"),
        ],
    )
    def test_headers_say_where_a_page_stands(self, admin: Caller, query: str, headers: str, relations: str) -> None:
        answer = admin.get(f"/v6/clients?{query}")
        assert " ".join(answer.headers.get(name, "-") for name in PAGING) == headers
        assert " ".join(links(answer)) == relations

    @pytest.mark.usefixtures("five")
    @pytest.mark.parametrize("path", ["/v6/clients", "/v6/clients/"])
    def test_links_lead_through_the_whole_list_with_its_filters(self, admin: Caller, path: str) -> None:
        seen: list[str] = []
        following: str | None = f"{path}?page=1&name=acme%20&sortBy=name&perPage=2"
        while following is not None:
            answer = admin.get(following)
            seen += [each["name"] for each in data(answer)["results"]]
            targets = links(answer)
            assert all(
                target.startswith(f"{path}?name=acme%20&sortBy=name&perPage=2&page=") for target in targets.values()
            )
            following = targets.get("next")
        assert seen == [f"Acme {number}" for number in range(5)]
        assert data(admin.get(targets["first"]))["page"] == 1
        assert data(admin.get(targets["last"]))["page"] == 3

    @pytest.mark.parametrize(
        "query", ["name=a%3Eb", 'name="a>b"', "name=<a>, rel", "name=é", "name=%C3%A9&p%61ge=1", "name=a+b%2Bc", "&&"]
    )
    def test_a_target_is_an_address_whatever_was_asked(self, admin: Caller, query: str) -> None:
        answer = admin.get(f"/v6/clients?{query}")
        for target in links(answer).values():
            assert target.isascii()
            assert not set(target) & set('<>" ')
            assert data(admin.get(target))["count"] == 0

    def test_a_target_keeps_a_path_as_it_was_sent(self, admin: Caller) -> None:
        answer = admin.get(f"{ACCOUNTS}/users/samlp%7Cann")
        assert links(answer)["first"] == f"{ACCOUNTS}/users/samlp%7Cann?page=1"

    def test_head_of_a_list_sends_paging_headers(self, admin: Caller) -> None:
        assert admin.call("HEAD", "/v6/clients").headers["X-Total"] == "0"

    def test_only_lists_send_paging_headers(self, admin: Caller, account_id: int) -> None:
        for answer in (
            admin.get(f"{ACCOUNTS}/{account_id}"),
            admin.get("/v6/clients?page=0"),
            admin.get("/health/live"),
        ):
            assert not {*PAGING, "Link"} & set(answer.headers.keys())


class TestSecurity:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/v6/clients"),
            ("POST", "/v6/clients"),
            ("PUT", "/v6/clients"),
            ("GET", "/v6/clients/none"),
            ("GET", "/nowhere"),
            ("OPTIONS", "/v6/clients"),
            ("GET", "/health/live"),
            ("GET", "/metrics"),
            ("GET", "/openapi.json"),
            ("GET", "/docs"),
            ("GET", "/"),
        ],
    )
    def test_every_answer_forbids_keeping_sniffing_and_framing(self, admin: Caller, method: str, path: str) -> None:
        with admin.send(method, path) as answer:
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["X-Frame-Options"] == "DENY"
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]

    def test_answers_to_strangers_and_replays_do_too(self, app: Flask, admin: Caller) -> None:
        created = [admin.post("/v6/clients", {"name": "x"}, Idempotency_Key="k") for _ in range(2)]
        for answer in (*created, Caller(app, None).get("/v6/clients")):
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"

    @pytest.mark.parametrize(
        "path", ["/docs/assets/swagger-ui-bundle.js", "/docs/assets/swagger-ui.css", "/static/home.css", "/favicon.ico"]
    )
    def test_files_are_compressed_and_may_be_kept(self, app: Flask, path: str) -> None:
        caller = Caller(app, None)
        with caller.get(path) as plain, caller.get(path, Accept_Encoding="br, gzip") as packed:
            assert gzip.decompress(packed.get_data()) == plain.get_data()
            for answer in (plain, packed):
                assert "max-age=86400" in answer.headers["Cache-Control"]
                assert answer.headers["Vary"] == "Accept-Encoding"
                assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert packed.headers["Content-Encoding"] == "gzip"
            assert len(packed.get_data()) < 500_000
            assert plain.headers["ETag"] != packed.headers["ETag"]
            assert packed.mimetype == plain.mimetype
            for answer, coding in ((plain, "identity"), (packed, "gzip")):
                kept = caller.get(path, Accept_Encoding=coding, If_None_Match=answer.headers["ETag"])
                assert (kept.status_code, kept.get_data()) == (304, b"")
                kept.close()

    def test_a_refused_coding_is_not_sent(self, app: Flask) -> None:
        with Caller(app, None).get("/static/home.css", Accept_Encoding="gzip;q=0, br") as answer:
            assert "Content-Encoding" not in answer.headers


class TestOrigins:
    ASKING = MappingProxyType({"Access_Control_Request_Method": "PATCH"})

    @pytest.fixture
    def page(self, app_with: Callable[..., Flask]) -> Caller:
        """A page of another origin that may call."""
        return Caller(app_with(cors_origins=(ADMIN_PAGE, "http://[::1]:5173")), None)

    def test_a_preflight_may_be_kept_and_allows_the_headers_of_the_contract(self, page: Caller) -> None:
        named = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Account-Id, X-Change-Reason"
        asked = page.call(
            "OPTIONS", "/v6/clients", Origin=ADMIN_PAGE, Access_Control_Request_Headers=named.lower(), **self.ASKING
        )
        assert asked.headers["Access-Control-Max-Age"] == "7200"
        assert {name.lower() for name in asked.access_control_allow_headers or ()} == set(named.lower().split(", "))

    def test_other_headers_are_not_allowed(self, page: Caller) -> None:
        asked = page.call(
            "OPTIONS", "/v6/clients", Origin=ADMIN_PAGE, Access_Control_Request_Headers="x-other", **self.ASKING
        )
        assert "Access-Control-Allow-Headers" not in asked.headers

    def test_the_headers_of_answers_may_be_read(self, page: Caller) -> None:
        exposed = page.call("GET", "/v6/clients", Origin=ADMIN_PAGE).access_control_expose_headers
        assert set(exposed or ()) == {
            *PAGING,
            "Content-Disposition",
            "ETag",
            "Idempotency-Replayed",
            "Link",
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            "X-Request-ID",
        }

    @pytest.mark.parametrize("origin", [ADMIN_PAGE, "http://[::1]:5173"])
    def test_a_named_origin_may_call(self, page: Caller, origin: str) -> None:
        answer = page.call("GET", "/v6/clients", Origin=origin)
        assert answer.headers.getlist("Access-Control-Allow-Origin") == [origin]
        assert "Origin" in answer.headers["Vary"]

    @pytest.mark.parametrize(
        "origin",
        [
            "https://xadmin.example.com",
            "https://admin.example.com.evil.example",
            "https://adminxexample.com",
            "https://admin.example.com:8443",
            "http://admin.example.com",
            "http://[::1]:51730",
            "http://:5173",
            "null",
            "",
        ],
    )
    def test_unnamed_origin_may_not_call(self, page: Caller, origin: str) -> None:
        asking: list[tuple[str, Mapping[str, str]]] = [("GET", {}), ("OPTIONS", self.ASKING)]
        for method, headers in asking:
            answer = page.call(method, "/v6/clients", Origin=origin, **headers)
            assert "Access-Control-Allow-Origin" not in answer.headers

    def test_origins_are_not_told_to_who_names_none(self, page: Caller) -> None:
        assert not [name for name, _ in page.get("/health/live").headers if name.startswith("Access-Control")]

    def test_wildcard_origin_lets_any_page_call(self, app_with: Callable[..., Flask]) -> None:
        answer = Caller(app_with(cors_origins=("*",)), None).call("GET", "/health/live", Origin="https://a.example")
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers


class TestHome:
    def test_home_page_links_to_what_there_is(self, app: Flask) -> None:
        caller = Caller(app, None)
        page = caller.get("/")
        assert (page.status_code, page.mimetype) == (200, "text/html")
        text = page.get_data(as_text=True)
        found = re.findall(r'(?:href|src)="([^"]+)"', text)
        assert {"/docs", "/openapi.json", "/health/ready"} <= set(found)
        for target in found:
            with caller.get(target) as answer:
                # Where people sign in.
                assert answer.status_code == (401 if target in {"/console", "/portal"} else 200), target
        assert "flask token --role administrator" in text

    def test_home_page_runs_no_script(self, app: Flask) -> None:
        page = Caller(app, None).get("/")
        text = page.get_data(as_text=True)
        assert "<script" not in text
        assert not re.search(r"\s(style|on\w+)=", text)
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy

    def test_a_host_name_is_only_text(self, app: Flask) -> None:
        page = Caller(app, None).get("/", Host='"><script>x</script>')
        assert "<script" not in page.get_data(as_text=True)

    def test_the_icon_is_where_browsers_look(self, app: Flask) -> None:
        for path in ("/favicon.ico", "/static/favicon.svg"):
            with Caller(app, None).get(path) as icon:
                assert (icon.status_code, icon.mimetype) == (200, "image/svg+xml")

    def test_other_methods_are_refused(self, admin: Caller) -> None:
        error(admin.post("/", {}), 405, "method_not_allowed")


# What makes a new thing; everything else answers 200 with the object it acted on.
MAKING = {
    "createPlan",
    "createPackage",
    "createClient",
    "createBillingAccount",
    "grantBillingAccountAccess",
    "createResourceBooking",
    "createWorkPeriodPayment",
    "spendCredits",
    "grantCredits",
    "holdCredits",
    "purchaseCreditPackage",
    "openAccount",
    "inviteTeamMember",
    "reverseConsumedAmount",
    "reverseCreditUsage",
    "adjustBudget",
    "carryOverBudget",
    "createTaxRate",
    "createApiKey",
    "createAccountApiKey",
}


class TestStatuses:
    def test_only_what_makes_a_new_thing_answers_201(self, app: Flask) -> None:
        successes: dict[str, set[str]] = {}
        for _, _, operation in operations(served(app)):
            successes[operation["operationId"]] = {each for each in operation["responses"] if each.startswith("2")}
        # Of a reference that made one before, two of them answer that again, with 200.
        assert {name for name, found in successes.items() if "201" in found} == MAKING
        assert {name for name in MAKING if successes[name] != {"201"}} == {"grantCredits", "holdCredits"}
        assert all(found == {"200"} for name, found in successes.items() if name not in MAKING)
