"""Filters that take a name in any case fold it as Unicode says."""

from urllib.parse import quote

import pytest

from tests.caller import ACCOUNTS, Caller, data
from tests.factories.accounts import create_account
from tests.factories.bookings import create_booking

SAME = [
    pytest.param("ΟΔΥΣΣΕΥΣ", ["οδυσσευς", "οδυσσευσ", "Οδυσσευς", "σσευς", "ΣΣΕΥΣ"], id="sigmas"),
    pytest.param("Straße", ["STRASSE", "strasse", "STRAẞE", "ass"], id="sharp s"),
    pytest.param("Žluťoučký", ["ŽLUŤOUČKÝ", "žluťoučký"], id="accents"),
    pytest.param("ﬁrst", ["FIRST", "first"], id="a ligature"),
    pytest.param("Ǆ", ["ǅ", "ǆ"], id="a title case"),
]


class TestAnyCase:
    @pytest.mark.parametrize(("name", "searches"), SAME)
    def test_a_part_of_a_name_is_found(self, admin: Caller, client_id: str, name: str, searches: list[str]) -> None:
        data(admin.post("/v6/clients", {"name": name, "codeName": name}), 201)
        create_account(admin, client_id, name=name)
        for search in searches:
            for path in ("/v6/clients?name=", "/v6/clients?codeName=", f"{ACCOUNTS}?name="):
                assert data(admin.get(path + quote(search)))["count"] == 1, (path, search)
        assert data(admin.get(f"/v6/clients?name={quote('σε')}x"))["count"] == 0

    def test_a_handle_is_found(self, admin: Caller) -> None:
        create_booking(admin, userHandle="Οδυσσεύς", endDate="2025-03-04")
        for handle in ("ΟΔΥΣΣΕΎΣ", "οδυσσεύσ", "οδυσσεύς"):
            assert data(admin.get(f"/v6/work-periods?userHandle={quote(handle)}"))["count"] == 1
        assert data(admin.get(f"/v6/work-periods?userHandle={quote('οδυσσευς')}"))["count"] == 0
