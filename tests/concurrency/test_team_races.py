"""Changes of one team at once: each is decided by what the ones before it left."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from flask import Flask

from tests.caller import Caller, data
from tests.concurrency.callers import statuses
from tests.concurrency.locks import holding
from tests.factories.customers import INVITATIONS, TEAM, Callers, accept, invite, join

ACCOUNT_LOCK = "SELECT FROM customer_accounts FOR NO KEY UPDATE"
UntilWaiting = Callable[[int], None]


def test_two_invitations_of_one_user_make_one_member(
    app: Flask, customer: Caller, as_caller: Callers, until_waiting: UntilWaiting
) -> None:
    emails = ("ann@harbour.example", "ann@quay.example")
    calls = [
        (as_caller(user="ann", email=email), f"{INVITATIONS}{invite(customer, email)['id']}/accept/")
        for email in emails
    ]
    with ThreadPoolExecutor(2) as pool:
        with holding(app, ACCOUNT_LOCK):
            answers = [pool.submit(caller.post, path, None) for caller, path in calls]
            until_waiting(2)
        assert statuses(answer.result() for answer in answers) == {200: 1, 409: 1}
    assert sum(each["is_active"] for each in data(customer.get(TEAM))["results"]) == 2


def test_an_invitation_is_accepted_or_declined_but_not_both(
    app: Flask, customer: Caller, as_caller: Callers, until_waiting: UntilWaiting
) -> None:
    ann = as_caller(user="ann", email="ann@harbour.example")
    path = f"{INVITATIONS}{invite(customer, 'ann@harbour.example')['id']}"
    with ThreadPoolExecutor(2) as pool:
        with holding(app, ACCOUNT_LOCK):
            answers = [pool.submit(ann.post, f"{path}/{action}/", None) for action in ("accept", "decline")]
            until_waiting(2)
        assert statuses(answer.result() for answer in answers) == {200: 1, 409: 1}


def test_an_invitation_that_is_withdrawn_first_is_not_accepted(
    app: Flask, customer: Caller, as_caller: Callers, until_waiting: UntilWaiting
) -> None:
    ann = as_caller(user="ann", email="ann@harbour.example")
    invited = invite(customer, "ann@harbour.example")["id"]
    with ThreadPoolExecutor(2) as pool:
        with holding(app, ACCOUNT_LOCK):
            withdrawal = pool.submit(customer.delete, f"{TEAM}{invited}/")
            until_waiting(1)
            acceptance = pool.submit(ann.post, f"{INVITATIONS}{invited}/accept/", None)
            until_waiting(2)
        assert [each.result().status_code for each in (withdrawal, acceptance)] == [200, 409]
    assert len(data(customer.get(TEAM))["results"]) == 1


def test_an_owner_who_is_no_more_when_their_turn_comes_decides_nothing(
    app: Flask, customer: Caller, as_caller: Callers, until_waiting: UntilWaiting
) -> None:
    ann, _ = (join(customer, as_caller, name, "owner") for name in ("ann", "bob"))
    ids = {each["email"]: each["id"] for each in data(customer.get(TEAM))["results"]}
    anns, bobs = (f"{TEAM}{ids[f'{name}@harbour.example']}/" for name in ("ann", "bob"))
    with ThreadPoolExecutor(2) as pool:
        with holding(app, ACCOUNT_LOCK):
            first = pool.submit(customer.patch, anns, {"role": "admin"})
            until_waiting(1)
            second = pool.submit(ann.patch, bobs, {"role": "member"})
            until_waiting(2)
        assert [each.result().status_code for each in (first, second)] == [200, 403]
    roles = {each["email"]: each["role"] for each in data(customer.get(TEAM))["results"]}
    assert (roles["ann@harbour.example"], roles["bob@harbour.example"]) == ("admin", "owner")


def test_the_last_two_owners_cannot_both_leave(
    app: Flask, customer: Caller, as_caller: Callers, until_waiting: UntilWaiting
) -> None:
    ann = as_caller(user="ann", email="ann@harbour.example")
    accept(ann, invite(customer, "ann@harbour.example", "owner")["id"])
    with ThreadPoolExecutor(2) as pool:
        with holding(app, ACCOUNT_LOCK):
            answers = [pool.submit(each.post, "/v1/account/leave/", None) for each in (customer, ann)]
            until_waiting(2)
        assert statuses(answer.result() for answer in answers) == {200: 1, 409: 1}


def test_of_the_last_two_owners_one_leaves_or_one_becomes_a_member(
    app: Flask, customer: Caller, as_caller: Callers, until_waiting: UntilWaiting
) -> None:
    ann = join(customer, as_caller, "ann", "owner")
    anns = data(customer.get(TEAM))["results"][0]["id"]
    calls = [lambda: customer.post("/v1/account/leave/", None), lambda: ann.patch(f"{TEAM}{anns}/", {"role": "member"})]
    for first, second in (calls, calls[::-1]):
        with ThreadPoolExecutor(2) as pool:
            with holding(app, ACCOUNT_LOCK):
                answers = []
                for number, call in enumerate((first, second), 1):
                    answers.append(pool.submit(call))
                    until_waiting(number)
            assert [each.result().status_code for each in answers] == [200, 409]
        # As it was before: two owners.
        if first is calls[0]:
            accept(customer, invite(ann, "owner@harbour.example", "owner")["id"])
