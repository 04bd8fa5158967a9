"""Who works at the desk: no customer does, whatever they are to an account, and no machine without its scopes."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from tests.caller import Caller, data, error
from tests.document import address, example_body, operations, served
from tests.factories.customers import join
from tests.factories.desk import Customer

PEOPLE = ("owner", "admin", "member", "stranger")
# Machines of other families, and those of the desk that may only read or only manage.
MACHINES = ("grant:credits", "read:audit", "all:credits")
# What machines that spend may ask as well.
OF_SPENDERS = {"lookUpAccounts"}


@pytest.fixture
def desk(app: Flask) -> list[tuple[str, str, str, Any, str]]:
    """Every operation of the desk: its name, method, address and body, and what is said of it."""
    document = served(app)
    return [
        (
            operation["operationId"],
            method.upper(),
            address(document, path),
            example_body(operation),
            operation["description"],
        )
        for path, method, operation in operations(document)
        if path.startswith("/v1/admin/")
    ]


def test_nobody_else_gets_through(
    desk: list[tuple[str, str, str, Any, str]], customers: list[Customer], as_caller: Callable[..., Caller]
) -> None:
    owner = customers[0].owner
    people = {"owner": owner, "stranger": as_caller(user="stranger")}
    people |= {role: join(owner, as_caller, role, role) for role in ("admin", "member")}
    machines = {scope: as_caller(scopes=(scope,), user="", azp="machine") for scope in MACHINES}
    assert len(desk) > 12
    for name, method, path, body, description in desk:
        writes = method != "GET"
        wrong = "read:accounts" if writes else "manage:accounts"
        others = {**people, **machines, wrong: as_caller(scopes=(wrong,), user="", azp="machine")}
        for who, caller in others.items():
            # Some operations let in machines that only manage, or spend.
            if (name in OF_SPENDERS and who == "all:credits") or f"`{who}`" in description:
                continue
            failure = error(caller.call(method, path, body, X_Account_Id="1"), 403, "forbidden")
            assert failure["details"]["roles"] == ["administrator"], (name, who)


def test_a_machine_reads_with_its_scope(admin: Caller, as_caller: Callable[..., Caller], customers: Any) -> None:
    machine = as_caller(scopes=("read:accounts",), user="", azp="machine")
    for path in ("accounts/", f"accounts/{customers[0].account_id}/team/", "payments/", "invoices/"):
        assert data(machine.get(f"/v1/admin/{path}")) == data(admin.get(f"/v1/admin/{path}"))
