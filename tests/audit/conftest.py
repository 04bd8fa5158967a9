"""Commands beside requests, and what those need that reach for others."""

from tests.cli.conftest import run as run  # noqa: PLC0414 - a fixture
from tests.cli.legacy_import.conftest import members as members  # noqa: PLC0414 - a fixture
from tests.purchases.conftest import _stripe_process as _stripe_process  # noqa: PLC0414 - a fixture
from tests.purchases.conftest import stripe_app as stripe_app  # noqa: PLC0414 - a fixture
from tests.purchases.conftest import stripe_peer as stripe_peer  # noqa: PLC0414 - a fixture
