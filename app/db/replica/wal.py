"""Positions in the log of a PostgreSQL primary, which tell what a replica has and what it lacks."""

from typing import NamedTuple

from sqlalchemy import Connection

from app.db.fast.driver import autocommit

# What was answered is flushed, unless commits do not wait for that. What is not flushed is on no replica either: work
# that was undone leaves such ends of the log, and nobody has to wait for them.
_PRESENT = """
    SELECT lsn, pg_walfile_name(lsn) FROM (
        SELECT CASE current_setting('synchronous_commit')
            WHEN 'off' THEN pg_current_wal_insert_lsn() ELSE pg_current_wal_flush_lsn() END AS lsn
    ) AS present
"""
_REPLAYED = "SELECT pg_last_wal_replay_lsn() >= CAST(%s AS pg_lsn)"
# Each lags behind the timeline that is replayed, and neither is ever ahead of it.
_TIMELINE = """
    SELECT greatest(timeline_id, min_recovery_end_timeline) FROM pg_control_checkpoint(), pg_control_recovery()
"""


class Position(NamedTuple):
    """A place in the log. Timelines part where a replica was made the primary."""

    lsn: str
    timeline: int


def present(primary: Connection) -> Position:
    """How far the log is: no write that was answered before is behind it."""
    with autocommit(primary):
        lsn, file = primary.exec_driver_sql(_PRESENT).one()
    return Position(lsn, int(file[:8], 16))


def has_replayed(replica: Connection, position: Position) -> bool:
    """Whether the server shows all that was written up to the position; false for one that is no replica."""
    with autocommit(replica):
        replayed = replica.exec_driver_sql(_REPLAYED, (position.lsn,)).scalar_one() is True
        # A replica that did not follow a failover may be further on, in a log that nobody else goes on with.
        if replayed and replica.info.get("timeline") != position.timeline:
            replica.info["timeline"] = replica.exec_driver_sql(_TIMELINE).scalar_one()
    return replayed and bool(replica.info["timeline"] == position.timeline)
