"""Two customers with something of everything."""

from collections.abc import Callable

import pytest

from tests.caller import Caller
from tests.factories.desk import Customer, two_customers


@pytest.fixture
def customers(admin: Caller, as_caller: Callable[..., Caller]) -> list[Customer]:
    return two_customers(admin, as_caller)
