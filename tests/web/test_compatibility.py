"""The document keeps the promises of the last one that clients were made from."""

import copy
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from app.config import ROOT
from tests.compatibility import breaking_changes

PRESENT = json.loads((ROOT / "docs" / "openapi.json").read_text())


def newest(paths: Iterable[Path]) -> Path:
    """The document of the highest version: 1.10 comes after 1.9."""
    return max(paths, key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)])


RELEASED = json.loads(newest((ROOT / "docs" / "released").glob("openapi-*.json")).read_text())


def test_what_breaks_clients_stands_in_the_changelog() -> None:
    changelog = " ".join((ROOT / "CHANGELOG.md").read_text().split())
    assert [change for change in breaking_changes(RELEASED, PRESENT) if change not in changelog] == []


def test_the_newest_release_is_found() -> None:
    assert newest([Path("openapi-1.9.json"), Path("openapi-1.10.json"), Path("openapi-1.2.json")]).name.endswith(
        "1.10.json"
    )


def _schema(document: Any, name: str) -> Any:
    return document["components"]["schemas"][name]


def _parameter(document: Any, path: str, name: str) -> Any:
    return next(each["schema"] for each in document["paths"][path]["get"]["parameters"] if each["name"] == name)


def _rename(document: Any, name: str, new_name: str) -> None:
    schemas = document["components"]["schemas"]
    schemas[new_name] = schemas.pop(name)
    schemas[f"{name}Response"]["properties"]["data"]["$ref"] = f"#/components/schemas/{new_name}"


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
            lambda d: _parameter(d, "/v6/clients", "sortBy")["enum"].remove("name"),
            "listClients: sortBy may not be 'name' any more",
        ),
        (
            lambda d: _parameter(d, "/v6/clients", "perPage").update(maximum=100),
            "listClients: perPage has a lower maximum now",
        ),
        (
            lambda d: d["paths"]["/v6/clients/{clientId}"]["parameters"][0]["schema"].update(minLength=3),
            "getClient: clientId has a higher minLength now",
        ),
        (
            lambda d: d["paths"]["/v1/billing/webhooks/stripe"]["post"].update(security=[{"bearer": []}]),
            "receiveStripeEvent: needs a token now",
        ),
        (lambda d: _rename(d, "Revoked", "Withdrawn"), "the type Revoked is gone"),
        (
            lambda d: _schema(d, "ErrorDetail")["properties"]["reason"]["enum"].append("bad_weather"),
            "a failure.error.reason may be 'bad_weather' now",
        ),
        (
            lambda d: _schema(d, "BillingAccount")["properties"].update(
                client={"anyOf": [{"$ref": "#/components/schemas/Client"}, {"type": "null"}]}
            ),
            "listBillingAccounts: the answer.data.results[].client may be null now",
        ),
        (
            lambda d: _schema(d, "WorkPeriodPaymentOutcomeListResponse")["properties"]["data"]["items"]["anyOf"].append(
                {"type": "object"}
            ),
            "createWorkPeriodPaymentsBulk: the answer.data[] has more shapes now",
        ),
        (
            lambda d: _schema(d, "LockAmount")["properties"]["externalName"].update(maxLength=10),
            "lockAmount: the request.externalName has a lower maxLength now",
        ),
        (
            lambda d: _schema(d, "ClientCreate")["properties"]["codeName"].update(pattern="^[A-Z]+$"),
            "createClient: the request.codeName has another pattern now",
        ),
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
        lambda d: _schema(d, "LockAmount")["properties"]["externalName"].update(maxLength=1000),
        lambda d: _parameter(d, "/v6/clients", "sortBy")["enum"].append("codeName"),
        lambda d: _schema(d, "BillingAccount")["properties"]["name"].update(maxLength=20),
        lambda d: _parameter(d, "/v6/clients", "page").update(type="number"),
        lambda d: d["paths"]["/v6/clients"]["get"]["parameters"].append({"in": "query", "name": "tenant"}),
    ],
)
def test_an_addition_breaks_nothing(change: Callable[[Any], None]) -> None:
    changed = copy.deepcopy(PRESENT)
    change(changed)
    assert list(breaking_changes(PRESENT, changed)) == []
