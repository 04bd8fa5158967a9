"""`ETag` of single objects, `If-None-Match` for reads and `If-Match` for writes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from freezegun import freeze_time
from werkzeug.test import TestResponse

from app.clock import utc_now
from app.config import Settings
from tests.caller import ACCOUNTS, TEN_YEARS, Caller, data, error
from tests.document import address, operations, resolved, served
from tests.factories.bookings import PAYMENTS, create_booking, move, pay, periods_of
from tests.factories.customers import TEAM, Callers
from tests.factories.everything import write_everything
from tests.factories.objects import CHANGEABLE, Changeable, ids_of_everything

TAG = re.compile(r'"([0-9]+)-[0-9a-f]{24}"')


def tag_of(answer: TestResponse) -> str:
    assert TAG.fullmatch(answer.headers["ETag"]), answer.headers
    return answer.headers["ETag"]


def version(answer: TestResponse) -> int:
    match = TAG.fullmatch(answer.headers["ETag"])
    assert match
    return int(match[1])


@pytest.fixture
def owner(as_caller: Callers) -> Caller:
    return as_caller(user="owner-1", email="owner-1@harbour.example", hours=TEN_YEARS)


@pytest.fixture(params=CHANGEABLE)
def made(request: pytest.FixtureRequest, admin: Caller, owner: Caller) -> Changeable:
    return CHANGEABLE[request.param](admin, owner)


def change(made: Changeable, index: int = 0, **headers: str) -> TestResponse:
    return made.caller.patch(made.path, made.changes[index], **headers)


class TestEveryRead:
    def test_of_one_object_has_an_etag(self, app: Flask, settings: Settings, admin: Caller, owner: Caller) -> None:
        write_everything(app, settings)
        ids = ids_of_everything(admin, owner)
        document = served(app)
        reads = list(_reads_of_one_object(document))
        assert len(reads) > 10
        for path in reads:
            caller = owner if path.startswith("/v1/") and not path.startswith("/v1/admin/") else admin
            _require_etag(caller, address(document, path, **ids))

    def test_unmodified_has_no_headers_of_a_body(self, admin: Caller, account_id: int) -> None:
        path = f"{ACCOUNTS}/{account_id}"
        again = admin.get(path, If_None_Match=tag_of(admin.get(path)))
        assert not {"Content-Type", "Content-Length"} & set(again.headers.keys())
        assert again.headers["Cache-Control"] == "no-store"
        assert again.headers["X-Content-Type-Options"] == "nosniff"

    def test_lists_have_none(self, admin: Caller, account_id: int) -> None:  # noqa: ARG002 - a row
        assert "ETag" not in admin.get(ACCOUNTS).headers
        assert admin.get(ACCOUNTS, If_None_Match="*").status_code == 200


UNTAGGED = {
    "exportAccount",
    "getBillingAccountStatement",
    "getCreditStatement",
    "getCreditsReport",
    "getHealthReport",
    "getReceivables",
    "getUsageReport",
}


def _reads_of_one_object(document: Any) -> Iterator[str]:
    """Their paths, but for those of what is too long to be digested before it is sent."""
    for path, method, operation in operations(document):
        success = resolved(document, operation["responses"].get("200", {}))
        schema = success.get("content", {}).get("application/json", {}).get("schema")
        if method != "get" or schema is None:
            continue
        answered = resolved(document, schema)["properties"]["data"]
        is_one = answered.get("type") != "array" and "results" not in resolved(document, answered)["properties"]
        is_tagged = is_one and operation["operationId"] not in UNTAGGED
        assert ("ETag" in success.get("headers", {}), "304" in operation["responses"]) == (is_tagged, is_tagged), path
        if is_tagged:
            yield path


def _require_etag(caller: Caller, path: str) -> None:
    # Some objects say when they were read.
    with freeze_time(utc_now()):
        tag = tag_of(caller.get(path))
        for sent in (tag, f"W/{tag}", f'"other", {tag}', "*"):
            again = caller.get(path, If_None_Match=sent)
            assert (again.status_code, again.get_data(), again.headers["ETag"]) == (304, b"", tag), (path, sent)
        assert caller.get(path, If_None_Match='"other"').status_code == 200, path


class TestIfMatch:
    def test_the_version_that_was_read_can_be_changed_once(self, made: Changeable) -> None:
        first = tag_of(change(made))
        second = change(made, 1, If_Match=first)
        assert data(second)
        assert version(second) > int(first[1:].split("-")[0])
        failure = error(change(made, If_Match=first), 412, "precondition_failed")
        assert failure["details"] == {"version": version(second), "expected": [int(first[1:].split("-")[0])]}
        assert made.caller.patch(made.path, made.changes[1]).status_code == 200

    @pytest.mark.parametrize("form", ["W/{}", "{}", '"1-000000000000000000000000", {}', "*", " {} "])
    def test_forms(self, made: Changeable, form: str) -> None:
        tag = tag_of(change(made))
        assert data(change(made, 1, If_Match=form.format(tag)))

    def test_a_read_and_a_write_have_one_version(self, admin: Caller, owner: Caller) -> None:
        for name in CHANGEABLE.keys() - {"team member"}:
            made = CHANGEABLE[name](admin, owner)
            assert version(change(made)) == version(made.caller.get(made.path)), name

    def test_two_changes_at_one_time_have_two_versions(self, made: Changeable) -> None:
        with freeze_time(utc_now()):
            caller = made.caller
            tags = [tag_of(caller.patch(made.path, made.changes[index])) for index in (0, 1)]
        assert len({tag.split("-")[0] for tag in tags}) == 2

    @pytest.mark.parametrize(
        "header", ["", "7", '"7"', "1-9b3100d8b39d7865acea6129", '"*"', '"1-9b"', '"x-9b3100d8b39d7865acea6129"', ","]
    )
    def test_what_is_no_etag_is_refused(self, admin: Caller, account_id: int, header: str) -> None:
        answer = admin.patch(f"{ACCOUNTS}/{account_id}", {"budget": 7}, If_Match=header)
        assert error(answer, 400, "invalid_input")["details"]["headers"].keys() == {"If-Match"}
        assert data(admin.get(f"{ACCOUNTS}/{account_id}"))["budget"] == 100

    def test_what_does_not_exist_is_not_found(self, admin: Caller) -> None:
        for header in ("*", '"1-9b3100d8b39d7865acea6129"'):
            error(admin.patch(f"{ACCOUNTS}/7", {"budget": 7}, If_Match=header), 404)

    def test_a_version_that_never_was(self, made: Changeable) -> None:
        error(change(made, If_Match=f'"{"9" * 9}-{"0" * 24}"'), 412, "precondition_failed")

    def test_a_replay_comes_before_the_precondition(self, made: Changeable) -> None:
        tag = tag_of(change(made))
        first = change(made, 1, If_Match=tag, Idempotency_Key="k")
        assert change(made).status_code == 200
        again = change(made, 1, If_Match=tag, Idempotency_Key="k")
        assert again.headers["Idempotency-Replayed"] == "true"
        assert (again.get_data(), tag_of(again)) == (first.get_data(), tag_of(first))

    def test_a_refused_change_leaves_its_key_free(self, made: Changeable) -> None:
        tag = tag_of(change(made))
        other = tag_of(change(made, 1))
        error(change(made, If_Match=tag, Idempotency_Key="k"), 412)
        assert data(change(made, If_Match=other, Idempotency_Key="k"))


class TestBillingAccounts:
    def test_a_lock_changes_the_body_but_not_the_version(self, admin: Caller, account_id: int) -> None:
        path = f"{ACCOUNTS}/{account_id}"
        tag = tag_of(admin.get(path))
        data(admin.patch(f"{path}/lock-amount", {"challengeId": "c1", "amount": 5}))
        assert admin.get(path, If_None_Match=tag).status_code == 200
        data(admin.patch(f"{path}/consume-amount", {"challengeId": "c1", "amount": 5}))
        assert data(admin.patch(path, {"name": "Beta"}, If_Match=tag))["name"] == "Beta"

    def test_a_correction_of_the_budget_moves_the_version(self, admin: Caller, open_account: Any) -> None:
        source, target = open_account(), open_account()
        tags = {each: tag_of(admin.get(f"{ACCOUNTS}/{each}")) for each in (source, target)}
        data(admin.post(f"{ACCOUNTS}/{source}/budget-adjustments", {"amount": 5, "reason": "More"}), 201)
        error(admin.patch(f"{ACCOUNTS}/{source}", {"budget": 7}, If_Match=tags[source]), 412)
        carried = {"toBillingAccountId": target, "reason": "New year"}
        data(admin.post(f"{ACCOUNTS}/{source}/carry-over", carried), 201)
        error(admin.patch(f"{ACCOUNTS}/{target}", {"budget": 7}, If_Match=tags[target]), 412)


class TestTeam:
    def test_a_member_whose_role_changed_meanwhile_stays(self, customer: Caller) -> None:
        invited = customer.post(TEAM, {"email": "kim@harbour.example"})
        path = f"{TEAM}{data(invited, 201)['id']}"
        promoted = customer.patch(path, {"role": "admin"}, If_Match=tag_of(invited))
        error(customer.delete(path, If_Match=tag_of(invited)), 412, "precondition_failed")
        assert len(data(customer.get(TEAM))["results"]) == 2
        assert data(customer.delete(path, If_Match=tag_of(promoted))) == {"removed": True}


class TestPayments:
    @pytest.fixture
    def payment(self, admin: Caller, open_account: Any) -> Any:
        booking = create_booking(admin, open_account(budget=10_000))
        return pay(admin, periods_of(admin, booking["id"])[0], days=3)

    def test_a_move_by_processing_moves_the_version(self, admin: Caller, as_caller: Callers, payment: Any) -> None:
        path = f"{PAYMENTS}/{payment['id']}"
        tag = tag_of(admin.get(path))
        processor = as_caller(scopes=("process:taas-workPeriodPayments",), user="processor")
        move(processor, payment, "in-progress")
        error(admin.patch(path, {"customerRate": 9}, If_Match=tag), 412)
        assert data(admin.patch(path, {"customerRate": 9}, If_Match=tag_of(admin.get(path))))

    def test_items_of_a_bulk_call_name_the_version_they_change(self, admin: Caller, payment: Any) -> None:
        tag = tag_of(admin.get(f"{PAYMENTS}/{payment['id']}"))
        item = {"id": payment["id"], "ifMatch": tag}
        first, second, third = data(
            admin.patch(
                f"{PAYMENTS}/bulk", [{**item, "days": 2}, {**item, "days": 1}, {**item, "ifMatch": "*", "days": 1}]
            )
        )
        assert (first["days"], third["days"]) == (2, 1)
        assert second["error"]["code"] == 412
        assert second["error"]["reason"] == "precondition_failed"
        assert second["ifMatch"] == tag

    def test_all_or_nothing(self, admin: Caller, payment: Any) -> None:
        path = f"{PAYMENTS}/{payment['id']}"
        item = {"id": payment["id"], "ifMatch": tag_of(admin.get(path)), "days": 2}
        failure = error(admin.patch(f"{PAYMENTS}/bulk?atomic=true", [item, item]), 412, "precondition_failed")
        assert failure["details"]["index"] == 1
        assert data(admin.get(path))["days"] == 3

    @pytest.mark.parametrize("if_match", ["", "7", 7, None, ["*"]])
    def test_what_is_no_etag_fails_its_item(self, admin: Caller, payment: Any, if_match: Any) -> None:
        items = [{"id": payment["id"], "days": 2, "ifMatch": if_match}]
        (outcome,) = data(admin.patch(f"{PAYMENTS}/bulk", items))
        assert outcome["error"]["details"]["json"].keys() == {"ifMatch"}

    def test_a_version_alone_changes_nothing(self, admin: Caller, payment: Any) -> None:
        (outcome,) = data(admin.patch(f"{PAYMENTS}/bulk", [{"id": payment["id"], "ifMatch": "*"}]))
        assert outcome["error"]["code"] == 400


class TestOtherOperations:
    """A precondition that would be ignored is refused."""

    @pytest.mark.parametrize(
        ("method", "path", "body"),
        [
            ("PATCH", "lock-amount", {"challengeId": "c1", "amount": 5}),
            ("PATCH", "consume-amount", {"challengeId": "c1", "amount": 5}),
            ("POST", "users", {"userId": "7"}),
            ("DELETE", "users/7", None),
            ("GET", "", None),
        ],
    )
    def test_refuse_if_match(self, admin: Caller, account_id: int, method: str, path: str, body: Any) -> None:
        answer = admin.call(method, f"{ACCOUNTS}/{account_id}/{path}", body, If_Match="*")
        assert error(answer, 400, "invalid_input")["details"]["headers"].keys() == {"If-Match"}

    def test_a_bulk_call_takes_it_in_its_items(self, admin: Caller) -> None:
        error(admin.patch(f"{PAYMENTS}/bulk", [{}], If_Match="*"), 400, "invalid_input")

    def test_writes_refuse_if_none_match(self, admin: Caller, account_id: int) -> None:
        answer = admin.patch(f"{ACCOUNTS}/{account_id}", {"budget": 7}, If_None_Match="*")
        assert error(answer, 400, "invalid_input")["details"]["headers"].keys() == {"If-None-Match"}


def test_the_document_says_who_takes_if_match(app: Flask) -> None:
    taking = {
        operation["operationId"]
        for _, _, operation in operations(served(app))
        if any(each.get("name") == "If-Match" for each in operation.get("parameters", ()))
        and "412" in operation["responses"]
    }
    assert taking == {
        "updateClient",
        "updateBillingAccount",
        "updateResourceBooking",
        "updateWorkPeriod",
        "updateWorkPeriodPayment",
        "updateAccountSettings",
        "changeTeamMember",
        "removeTeamMember",
        "updateCreditHold",
        "updatePlan",
        "updatePackage",
        "updateTaxRate",
    }
