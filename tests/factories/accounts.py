"""Clients and their billing accounts."""

from typing import Any

from tests.caller import ACCOUNTS, Caller, data


def create_client(staff: Caller, name: str = "Acme") -> str:
    """The id of a new client."""
    return str(data(staff.post("/v6/clients", {"name": name}), 201)["id"])


def create_account(staff: Caller, client_id: str, **values: Any) -> int:
    """The id of a new billing account, with a budget of 100 unless `values` say otherwise."""
    account = {"name": "Acme 2025", "budget": 100, "markup": 0.2, "clientId": client_id, **values}
    return int(data(staff.post(ACCOUNTS, account), 201)["id"])
