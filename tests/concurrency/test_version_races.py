"""Many changes of one version at once: one of them is made."""

from functools import partial

import pytest

from tests.caller import TEN_YEARS, Caller
from tests.concurrency.callers import at_once, statuses
from tests.factories.customers import Callers
from tests.factories.objects import CHANGEABLE

CALLS = 64


@pytest.mark.parametrize("kind", CHANGEABLE)
def test_one_change_of_a_version_is_made(admin: Caller, as_caller: Callers, kind: str) -> None:
    owner = as_caller(user="owner", email="owner@harbour.example", hours=TEN_YEARS)
    path, (first, second), caller = CHANGEABLE[kind](admin, owner)
    tag = caller.patch(path, first).headers["ETag"]
    answers = at_once([partial(caller.patch, path, second, If_Match=tag)] * CALLS, threads=CALLS)
    assert statuses(answers) == {200: 1, 412: CALLS - 1}
