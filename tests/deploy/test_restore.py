import sys

from tests.processes import finish, start


def test_a_restore_to_a_moment_brings_back_every_amount() -> None:
    code, out, err = finish(start(sys.executable, "-m", "deploy.rehearse_restore"), within_seconds=180)
    assert code == 0, out + err
    told = out.splitlines()
    assert told.index("Damaged: every line deleted") < told.index("Every stored total equals its rows.")
    assert told[-1].startswith("All amounts are as they were")
