"""The message of a failure can be shown to a person by itself."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from tests.caller import ACCOUNTS, Caller, data, error
from tests.document import address, example_body, operations, resolved, served

INTERNAL = ("_schema", "marshmallow", "None", "NoneType", "dict", "Traceback", "see ")
Path = tuple[str | int, ...]


def properties(document: Any, schema: Any, sample: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every property of a body, with the path to it in its example and its description."""
    schema = resolved(document, schema)
    for part in schema.get("anyOf", schema.get("allOf", [])):
        yield from properties(document, part, sample, path)
    if "items" in schema and isinstance(sample, list):
        yield from properties(document, schema["items"], sample[0], (*path, 0))
    for name, described in schema.get("properties", {}).items():
        yield (*path, name), resolved(document, described)
        if isinstance(sample, dict) and name in sample:
            yield from properties(document, described, sample[name], (*path, name))


def with_value(body: Any, path: Path, value: Any) -> Any:
    """A copy of `body` with `value` at `path`."""
    changed = copy.deepcopy(body)
    inside = changed
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    return changed


def assert_readable(message: str) -> None:
    assert len(message) <= 500
    for word in INTERNAL:
        assert word not in message


class TestEveryField:
    def test_bad_field_of_every_body_is_named_with_the_reason(self, app: Flask, admin: Caller) -> None:
        document, tried = served(app), 0
        for path, method, operation in operations(document):
            if operation["operationId"] == "receiveStripeEvent" or "requestBody" not in operation:
                continue
            sample = example_body(operation)
            # The others of a bulk call would be carried out.
            sample = sample[:1] if isinstance(sample, list) else sample
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            for where, described in properties(document, schema, sample):
                wrong = "wrong" if "object" in described.get("type", "") or "$ref" in described else {"wrong": [1]}
                answer = admin.call(method.upper(), address(document, path), with_value(sample, where, wrong))
                names = [str(step) for step in where]
                if isinstance(sample, list):
                    failure, names = data(answer)[0]["error"], names[1:]
                else:
                    failure = error(answer, 400, "invalid_input")
                field, _, reason = failure["message"].partition(": ")
                assert (field == ".".join(names)) or field.startswith(".".join(names) + "."), (where, failure)
                assert reason.endswith((".", ")")), failure
                assert_readable(str(failure))
                tried += 1
        assert tried > 70

    def test_bad_field_of_every_query_is_named_with_the_reason(self, app: Flask, admin: Caller) -> None:
        document, tried = served(app), 0
        for path, method, operation in operations(document):
            queries = [each for each in operation.get("parameters", []) if each["in"] == "query"]
            for parameter in queries:
                required = [each["name"] for each in queries if each.get("required") and each is not parameter]
                others = "".join(f"&{name}=2025-01-01" for name in required)
                where = f"{address(document, path)}?{parameter['name']}=%00{others}"
                failure = error(admin.call(method.upper(), where, example_body(operation)), 400, "invalid_input")
                assert failure["message"].startswith(parameter["name"]), failure
                assert ": " in failure["message"]
                assert_readable(str(failure))
                tried += 1
        assert tried > 70


class TestEveryAmount:
    @pytest.mark.parametrize("amount", [b"-0.00001", b'"-0.00004"', b"-1e-300"])
    def test_below_zero_is_refused_before_it_is_rounded(self, app: Flask, admin: Caller, amount: bytes) -> None:
        document, tried = served(app), 0
        for path, method, operation in operations(document):
            sample = example_body(operation)
            if sample is None or operation["operationId"] == "receiveStripeEvent":
                continue
            sample = sample[:1] if isinstance(sample, list) else sample
            schema = operation["requestBody"]["content"]["application/json"]["schema"]
            for where, described in properties(document, schema, sample):
                if "number" in described.get("type", ""):
                    body = json.dumps(with_value(sample, where, "AMOUNT")).encode().replace(b'"AMOUNT"', amount)
                    answer = admin.call(method.upper(), address(document, path), body)
                    failure = data(answer)[0]["error"] if isinstance(sample, list) else error(answer, 400)
                    assert f"{where[-1]}: " in failure["message"], (path, where)
                    assert failure["code"] == 400
                    tried += 1
        assert tried > 12


class TestSeveralMistakes:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"name": "x", "budget": "x", "markup": 0, "clientId": "c"}, "budget: Not a valid number."),
            (
                {"name": "x", "budget": "x", "markup": "y", "clientId": "c"},
                "budget: Not a valid number. (and 1 more field: markup)",
            ),
            (
                {"name": 1, "budget": "x", "markup": "y", "clientId": "c"},
                "name: Not a valid string. (and 2 more fields: budget, markup)",
            ),
        ],
    )
    def test_message_tells_the_first_mistake_and_names_the_others(self, admin: Caller, body: Any, message: str) -> None:
        failure = error(admin.post(ACCOUNTS, body), 400, "invalid_input")
        assert failure["message"] == message

    def test_a_field_inside_is_named_by_its_path(self, admin: Caller) -> None:
        body = {"consumes": [{"billingAccountId": 1, "externalId": "e", "amount": "x"}]}
        failure = error(admin.post(f"{ACCOUNTS}/consume-amounts", body), 400)
        assert failure["message"] == "consumes.0.amount: Not a valid number."
        assert failure["details"] == {"json": {"consumes": {"0": {"amount": ["Not a valid number."]}}}}

    def test_an_item_of_a_bulk_call_says_the_same(self, admin: Caller) -> None:
        items = [{"workPeriodId": "x"}, {"days": 99, "colour": 1}, {}]
        answered = data(admin.post("/v6/work-period-payments/bulk", items))
        assert [each["error"]["message"] for each in answered] == [
            "workPeriodId: Not a valid UUID.",
            "workPeriodId: Missing data for required field. (and 2 more fields: days, colour)",
            "workPeriodId: Missing data for required field.",
        ]

    def test_of_an_object_as_a_whole_no_field_is_named(self, admin: Caller, account_id: int) -> None:
        failure = error(admin.patch(f"{ACCOUNTS}/{account_id}", {}), 400)
        assert failure["message"] == "At least one field is required."
        assert failure["details"] == {"json": {"body": ["At least one field is required."]}}
        failure = error(admin.post("/v6/clients", [1]), 400)
        assert failure["message"] == "Must be an object."
        item = data(admin.patch("/v6/work-period-payments/bulk", [{"id": "0b6ff4a2-57a5-4f0a-9a3e-9d6a0e7d2b11"}]))[0]
        assert item["error"]["message"] == "At least one field is required."
        assert item["error"]["details"] == {"json": {"item": ["At least one field is required."]}}
        consumes = error(admin.post(f"{ACCOUNTS}/consume-amounts", {"consumes": [1]}), 400)
        assert consumes["message"] == "consumes.0: Must be an object."
        assert consumes["details"] == {"json": {"consumes": {"0": ["Must be an object."]}}}

    def test_message_stays_short_however_much_is_wrong(self, admin: Caller) -> None:
        body = {"name": "Acme", **{f"{number}{'x' * 300}": 1 for number in range(500)}}
        message = error(admin.post("/v6/clients", body), 400)["message"]
        assert_readable(message)
        assert "(and 499 more fields: " in message
        assert_readable(error(admin.get(f"/v6/clients?{'x' * 4000}=1"), 400)["message"])
        assert error(admin.post("/v6/clients", {"name": "x", "": 1}), 400)["message"] == '"": Unknown field.'


class TestAmounts:
    def test_how_much_there_is_and_how_much_was_asked_is_said(self, admin: Caller, account_id: int) -> None:
        lock = {"challengeId": "c", "amount": 100.5}
        failure = error(admin.patch(f"{ACCOUNTS}/{account_id}/lock-amount", lock), 400, "insufficient_funds")
        assert "100 " in failure["message"]
        assert "100.5 " in failure["message"]

    def test_how_many_credits_there_are_and_were_asked_is_said(self, customer: Caller) -> None:
        usage = {"operation_type": "research", "credits_used": 101}
        failure = error(customer.post("/v1/billing/credits/usage/", usage), 402, "insufficient_credits")
        assert "101 " in failure["message"]
        assert "100 " in failure["message"]
