"""What does not fit is refused by name: never a crash, never a silent change."""

from typing import Any

import orjson
import pytest
from flask import Flask
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.caller import Caller, data, error
from tests.factories.accounts import create_client

ACCOUNT = b'"name": "Acme", "budget": 100, "markup": 0.1, "clientId": "acme"'
LONG = "x" * 256


def problems(answer: Any, location: str = "json") -> dict[str, Any]:
    """The problems of each field that an invalid request was refused for."""
    found: dict[str, Any] = error(answer, 400, "invalid_input")["details"][location]
    assert all(found.values())
    return found


@pytest.fixture
def account(admin: Caller) -> str:
    """The address of an account that may be changed."""
    client_id = create_client(admin)
    values = {"name": "Acme", "budget": 100, "markup": 0.1, "clientId": client_id}
    return f"/v6/billing-accounts/{data(admin.post('/v6/billing-accounts', values), 201)['id']}"


class TestBodies:
    @pytest.mark.parametrize("body", [b"[]", b"null", b"7", b'"x"', b"true", b'[{"name": "x"}]'])
    def test_what_is_not_an_object_is_refused(self, admin: Caller, body: bytes) -> None:
        for path in ("/v6/clients", "/v6/billing-accounts", "/v6/billing-accounts/consume-amounts"):
            assert problems(admin.post(path, body)).keys() == {"body"}

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param(b'{"name": NaN}', id="not a number"),
            pytest.param(b'{"name": [Infinity]}', id="infinity"),
            pytest.param(b'{"name": -Infinity}', id="minus infinity"),
            pytest.param(b'{"name": "a", "name": "b"}', id="a name twice"),
            pytest.param(b'{"name": "a", "x": {"y": 1, "y": 1}}', id="a name twice deep inside"),
            pytest.param(b'{"name": "\\ud800"}', id="half a surrogate pair"),
            pytest.param(b'{"name": "\\uDC00 \\uD800"}', id="a pair in the wrong order"),
            pytest.param(b'{"name": "x", "\\udfff": 1}', id="half a pair in a name"),
            pytest.param(b'{"name": "x\xff"}', id="not UTF-8"),
            pytest.param(b'{"name": "\xed\xa0\x80"}', id="a surrogate in UTF-8"),
            pytest.param('{"name": "x"}'.encode("utf-16"), id="UTF-16"),
            pytest.param(b'{"name": "a\nb"}', id="a line break in a text"),
            pytest.param(b'{"name": ' + b"[" * 100_000, id="deep lists"),
            pytest.param(b'{"name":' * 100_000, id="deep objects"),
            pytest.param(b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="deep and closed"),
            pytest.param(b'{"name": 1e99999999999999999999}', id="a huge exponent"),
            pytest.param(b'{"name": 1e-99999999999999999999}', id="a huge negative exponent"),
            pytest.param(b'{"name": 01}', id="a leading zero"),
            pytest.param(b'{"name": 0x1F}', id="hexadecimal"),
        ],
    )
    def test_what_is_not_exact_json_is_refused(self, admin: Caller, body: bytes) -> None:
        error(admin.post("/v6/clients", body), 400, "invalid_json")

    def test_a_name_that_stands_twice_is_named(self, admin: Caller) -> None:
        answer = admin.post("/v6/clients", b'{"name": "a", "codeName": "b", "codeName": "b"}')
        assert "codeName" in error(answer, 400, "invalid_json")["message"]

    def test_a_whole_surrogate_pair_is_a_character(self, admin: Caller) -> None:
        assert data(admin.post("/v6/clients", b'{"name": "\\ud83d\\udc0e"}'), 201)["name"] == "\U0001f40e"

    @pytest.mark.parametrize(
        ("member", "field"),
        [
            ('"colour": "red"', "colour"),
            ('"code_name": "red"', "code_name"),
            ('"id": "mine"', "id"),
            ('"createdAt": "2025-01-01T00:00:00Z"', "createdAt"),
            ('"": 1', ""),
            ('"name": 7', "name"),
            ('"name": true', "name"),
            ('"name": null', "name"),
            ('"name": ["x"]', "name"),
            ('"name": {"x": 1}', "name"),
            ('"name": ""', "name"),
            ('"name": " \\t"', "name"),
            ('"name": "a\\u0000b"', "name"),
            (f'"name": "{LONG}"', "name"),
            ('"codeName": "\\u0000"', "codeName"),
            (f'"codeName": "{LONG}"', "codeName"),
            ('"status": "active"', "status"),
            ('"status": null', "status"),
            ('"status": 1', "status"),
            ('"status": ["ACTIVE"]', "status"),
            ('"startDate": "2025-02-30T00:00:00Z"', "startDate"),
            ('"startDate": "2025-13-01T00:00:00Z"', "startDate"),
            ('"startDate": "2025-01-01T25:00:00Z"', "startDate"),
            ('"startDate": "2025-01-01T00:61:00Z"', "startDate"),
            ('"startDate": "0000-01-01T00:00:00Z"', "startDate"),
            ('"startDate": "10000-01-01T00:00:00Z"', "startDate"),
            ('"startDate": "0001-01-01T00:00:00+01:00"', "startDate"),
            ('"startDate": "9999-12-31T23:59:59-01:00"', "startDate"),
            ('"startDate": "2025-01-01T00:00:00+99:00"', "startDate"),
            ('"startDate": "2025-W01-1"', "startDate"),
            ('"startDate": "yesterday"', "startDate"),
            ('"startDate": ""', "startDate"),
            ('"startDate": "\\u0000"', "startDate"),
            ('"startDate": "\\uff12025-01-01T00:00:00Z"', "startDate"),
            ('"startDate": 1735689600', "startDate"),
            ('"endDate": true', "endDate"),
        ],
    )
    def test_a_bad_field_of_a_client_is_named(self, admin: Caller, member: str, field: str) -> None:
        name = "" if member.startswith('"name"') else '"name": "Acme", '
        assert problems(admin.post("/v6/clients", f"{{{name}{member}}}".encode())).keys() == {field}
        client_id = create_client(admin)
        assert problems(admin.patch(f"/v6/clients/{client_id}", f"{{{member}}}".encode())).keys() == {field}
        assert data(admin.get("/v6/clients"))["count"] == 1

    @pytest.mark.parametrize("field", ["budget", "markup", "salesTax"])
    @pytest.mark.parametrize(
        "value",
        [
            "true",
            "[1]",
            '{"amount": 1}',
            '"ten"',
            '""',
            '" 1"',
            '"1,5"',
            '"1e3"',
            '"NaN"',
            '"Infinity"',
            '"0x1F"',
            '"1_000"',
            '"\uff11"',
            "-0.0001",
            '"-1"',
            "0.00001",
            '"0.00001"',
            "1.00000000000000000000000000000000001",
            "100000000000",
            "99999999999.99991",
            "1e400",
            "1e-400",
            "1e999999999999999999",
            "1e-999999999999999999",
            "9" * 4000,
            "1000000000000000000000000000000.00001",
            '"1000000000000000000000000000000.00001"',
            f'"{"9" * 200}"',
        ],
    )
    def test_a_bad_amount_is_named(self, admin: Caller, account: str, field: str, value: str) -> None:
        assert problems(admin.patch(account, f'{{"{field}": {value}}}'.encode())).keys() == {field}

    @pytest.mark.parametrize(
        "value", ["true", '"x"', "-1", "null", "1e30", "1e999999999999999999", "99999999999.99996"]
    )
    def test_a_bad_amount_to_lock_is_named_though_decimals_are_rounded(
        self, admin: Caller, account: str, value: str
    ) -> None:
        body = f'{{"challengeId": "c", "amount": {value}}}'.encode()
        assert problems(admin.patch(f"{account}/lock-amount", body)).keys() == {"amount"}

    @pytest.mark.parametrize("value", ['"1"', "1.0", "1.5", "true", "null", "0", "-1", "2147483648", "1e3", "[1]"])
    def test_a_bad_whole_number_is_named(self, admin: Caller, value: str) -> None:
        body = f'{{"consumes": [{{"billingAccountId": {value}, "externalId": "e", "amount": 1}}]}}'.encode()
        found = problems(admin.post("/v6/billing-accounts/consume-amounts", body))
        assert found["consumes"]["0"].keys() == {"billingAccountId"}

    @pytest.mark.parametrize("field", ["billable", "isManualPrize"])
    @pytest.mark.parametrize("value", ['"true"', "1", "0", "null", "[]", '"yes"'])
    def test_a_bad_truth_value_is_named(self, admin: Caller, account: str, field: str, value: str) -> None:
        assert problems(admin.patch(account, f'{{"{field}": {value}}}'.encode())).keys() == {field}

    def test_every_bad_field_is_named_at_once(self, admin: Caller) -> None:
        found = problems(admin.post("/v6/billing-accounts", {"budget": "x", "billable": 1, "colour": "red"}))
        assert found.keys() == {"name", "budget", "markup", "clientId", "billable", "colour"}

    def test_a_change_of_nothing_is_refused(self, admin: Caller, account: str) -> None:
        problems(admin.patch(account, {}))

    def test_lengths_count_characters_not_bytes(self, admin: Caller) -> None:
        name = "\U0001f40e" * 255
        assert data(admin.post("/v6/clients", {"name": name}), 201)["name"] == name


class TestQueries:
    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("colour=red", "colour"),
            ("codename=x", "codename"),
            ("per_page=5", "per_page"),
            ("name=a&name=b", "name"),
            ("page=1&page=1", "page"),
            ("perPage=0", "perPage"),
            ("perPage=10001", "perPage"),
            ("perPage=-1", "perPage"),
            ("perPage=ten", "perPage"),
            ("perPage=", "perPage"),
            ("page=0", "page"),
            ("page=1.0", "page"),
            ("page=2147483648", "page"),
            ("page=99999999999999999999", "page"),
            ("page=%D9%A3", "page"),
            ("page=+1", "page"),
            ("page=0x1", "page"),
            ("page=1%00", "page"),
            ("name=%00", "name"),
            (f"name={LONG}", "name"),
            ("status=ANY", "status"),
            ("status=", "status"),
            ("sortBy=colour", "sortBy"),
            ("sortBy=start_date", "sortBy"),
            ("sortBy=name;drop", "sortBy"),
            ("sortOrder=up", "sortOrder"),
            ("sortOrder=ASC", "sortOrder"),
            ("startDateFrom=2025-02-30", "startDateFrom"),
            ("startDateTo=2025-02-30", "startDateTo"),
            ("startDateTo=0000-01-01", "startDateTo"),
            ("endDateTo=9999-12-31T23:59-05:00", "endDateTo"),
            ("endDateFrom=now", "endDateFrom"),
            ("name=%FF", "name"),
            ("name=%C3", "name"),
            ("name=%ED%A0%80", "name"),
            ("name=%ZZ", "name"),
            ("name=50%", "name"),
            ("name=%u0041", "name"),
            ("page=1&%FF=1", "%FF"),
            ("=1", ""),
        ],
    )
    def test_a_bad_argument_is_named(self, admin: Caller, query: str, field: str) -> None:
        assert problems(admin.get(f"/v6/clients?{query}"), "query").keys() == {field}

    @pytest.mark.parametrize("query", ["page=1&perPage=1", "perPage=10000", "page=2147483647&perPage=10000", "name="])
    def test_arguments_at_their_bounds_are_taken(self, admin: Caller, query: str) -> None:
        assert data(admin.get(f"/v6/clients?{query}"))["count"] == 0

    @pytest.mark.parametrize(("written", "name"), [("50%25", "50%"), ("a+b", "a b"), ("%C3%A9", "é"), ("a%2Bb", "a+b")])
    def test_an_encoded_argument_is_decoded_once(self, admin: Caller, written: str, name: str) -> None:
        data(admin.post("/v6/clients", {"name": name}), 201)
        assert data(admin.get(f"/v6/clients?name={written}"))["count"] == 1


class TestPaths:
    @pytest.mark.parametrize(
        "identity", ["0", "-1", "1.0", "x", "2147483648", "9" * 20, "9" * 5000, "%D9%A3", "1%00", "+1", "%201", "0x1"]
    )
    def test_a_number_that_is_none_is_named(self, admin: Caller, identity: str) -> None:
        found = problems(admin.get(f"/v6/billing-accounts/{identity}"), "path")
        assert found.keys() == {"billingAccountId"}

    @pytest.mark.parametrize("identity", ["x" * 256, "a%00b", "%FF", "%C3%28", "%ED%A0%80"])
    def test_a_text_that_cannot_be_an_id_is_named(self, admin: Caller, identity: str) -> None:
        assert problems(admin.get(f"/v6/clients/{identity}"), "path").keys() == {"clientId"}

    @pytest.mark.parametrize("identity", ["%ZZ", "50%", "x" * 255, "'; --", "%F0%9F%90%8E", "..", "%2525"])
    def test_a_strange_id_is_only_not_found(self, admin: Caller, identity: str) -> None:
        error(admin.get(f"/v6/clients/{identity}"), 404, "not_found")

    def test_a_stranger_learns_nothing_about_paths(self, app: Flask) -> None:
        error(Caller(app, None).get("/v6/billing-accounts/x"), 401)


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.sampled_from(["2025-01-01T00:00Z", "0001-01-01T00:00+14:00", "1e5", "-0", "0.00005", "ACTIVE", "acme", "\x00"])
)
_NAMES = st.sampled_from(
    [
        "name",
        "codeName",
        "status",
        "startDate",
        "endDate",
        "budget",
        "markup",
        "clientId",
        "salesTax",
        "billable",
        "amount",
        "challengeId",
        "externalId",
        "externalType",
        "externalName",
        "param",
        "description",
        "colour",
    ]
)
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3))
_OBJECTS = st.dictionaries(_NAMES, _VALUES, max_size=8)


_FUZZ = hypothesis_settings(
    max_examples=150,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class TestAnything:
    @_FUZZ
    @given(body=_OBJECTS | _VALUES)
    def test_no_json_crashes_the_service(self, admin: Caller, account: str, body: Any) -> None:
        text = orjson.dumps(body)
        for method, path in (
            ("POST", "/v6/clients"),
            ("POST", "/v6/billing-accounts"),
            ("PATCH", f"{account}/lock-amount"),
        ):
            assert admin.call(method, path, text).status_code < 500, (method, path)

    @_FUZZ
    @given(
        sample=st.fixed_dictionaries(
            {},
            optional={
                "name": st.text(max_size=10),
                "codeName": st.text("%_\\'é", max_size=5),
                "page": st.integers(-1, 2**40).map(str),
                "perPage": st.integers(-1, 10_001).map(str),
                "startDateTo": st.dates().map(str),
                "sortBy": st.sampled_from(["name", "startDate", "status"]),
            },
        )
    )
    def test_no_query_crashes_the_service(self, app: Flask, token: Any, sample: dict[str, str]) -> None:
        answer = app.test_client().get(
            "/v6/clients", query_string=sample, headers={"Authorization": f"Bearer {token()}"}
        )
        assert answer.status_code in {200, 400}

    @_FUZZ
    @given(body=st.binary(min_size=1, max_size=60))
    def test_no_bytes_crash_the_service(self, admin: Caller, body: bytes) -> None:
        assert admin.post("/v6/clients", body).status_code == 400
