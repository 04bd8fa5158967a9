"""Ids of rows made together that sort in the order the rows were made in: UUIDs of version 7.

PostgreSQL's own `uuidv7()` serves wherever a row's id is not needed before the row is written.
"""

import secrets
from datetime import datetime
from uuid import UUID

_VERSION, _VARIANT = 0x7, 0b10
_RANDOM_A_BITS, _RANDOM_B_BITS = 12, 62


def time_ordered_ids(moment: datetime, count: int) -> list[str]:
    """So many new ids of this moment, in ascending order."""
    return sorted(_uuid7(moment) for _ in range(count))


def _uuid7(moment: datetime) -> str:
    # As RFC 9562 lays it out: 48 bits of milliseconds, version, 12 random bits, variant, 62 random bits.
    number = round(moment.timestamp() * 1000)
    number = number << 4 | _VERSION
    number = number << _RANDOM_A_BITS | secrets.randbits(_RANDOM_A_BITS)
    number = number << 2 | _VARIANT
    number = number << _RANDOM_B_BITS | secrets.randbits(_RANDOM_B_BITS)
    return str(UUID(int=number))
