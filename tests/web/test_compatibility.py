"""The document keeps the promises of the last one that clients were made from."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from app.config import ROOT
from tests.compatibility import breaking_changes

PRESENT = json.loads((ROOT / "docs" / "openapi.json").read_text())
# The newest by its name.
RELEASED = json.loads(max((ROOT / "docs" / "released").glob("openapi-*.json")).read_text())


def test_what_breaks_clients_stands_in_the_changelog() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert [change for change in breaking_changes(RELEASED, PRESENT) if change not in changelog] == []


def _schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda d: d["paths"].pop("/v6/clients"), "listClients: GET /v6/clients is gone"),
        (
            lambda d: d["paths"]["/v6/clients"]["get"].update(operationId="clients"),
            "listClients: is called clients now",
        ),
        (lambda d: d["paths"]["/v6/clients"]["get"]["parameters"].pop(), "listClients: does not take "),
        (
            lambda d: d["paths"]["/v6/clients"]["get"]["parameters"].append(
                {"in": "query", "name": "tenant", "required": True}
            ),
            "listClients: needs tenant now",
        ),
        (
            lambda d: _schema(d, "Client")["properties"].pop("codeName"),
            "listClients: the answer.data.results[].codeName",
        ),
        (
            lambda d: _schema(d, "Client")["required"].remove("name"),
            "listClients: the answer.data.results[].name is not",
        ),
        (
            lambda d: _schema(d, "Client")["properties"]["name"].update(type=["string", "null"]),
            "listClients: the answer.data.results[].name may be null now",
        ),
        (
            lambda d: _schema(d, "LockAmount")["required"].append("externalType"),
            "lockAmount: the request.externalType is",
        ),
        (
            lambda d: _schema(d, "UsageCreate")["properties"].pop("description"),
            "spendCredits: the request.description is gone",
        ),
        (
            lambda d: _schema(d, "PurchaseCreate")["properties"]["payment_method"]["enum"].remove("manual"),
            "purchaseCreditPackage: the request.payment_method may not be 'manual' any more",
        ),
        (
            lambda d: d["paths"]["/v1/account"]["post"]["responses"].pop("201"),
            "openAccount: does not answer 201 any more",
        ),
    ],
)
def test_a_breaking_change_is_found(change: Callable[[Any], None], found: str) -> None:
    changed = copy.deepcopy(PRESENT)
    change(changed)
    assert any(each.startswith(found) for each in breaking_changes(PRESENT, changed)), list(
        breaking_changes(PRESENT, changed)
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["paths"].update({"/v9/new": {}}),
        lambda d: _schema(d, "Client")["properties"].update(shoeSize={"type": "integer"}),
        lambda d: _schema(d, "LockAmount")["properties"].update(note={"type": "string"}),
        lambda d: d["paths"]["/v6/clients"]["get"]["parameters"].append({"in": "query", "name": "tenant"}),
    ],
)
def test_an_addition_breaks_nothing(change: Callable[[Any], None]) -> None:
    changed = copy.deepcopy(PRESENT)
    change(changed)
    assert list(breaking_changes(PRESENT, changed)) == []
