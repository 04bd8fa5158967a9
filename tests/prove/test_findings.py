"""How findings of the checks get into the tables of docs/."""

from bench.findings import Finding, Page, merged

MARK = "<!-- figures -->"
PAGE = f"""# A page

{MARK}

| check | done | wrong | with the protection taken out | seed | also measured |
|---|---|---:|---|---:|---|
| one | 5 rounds | 0 | wrong in round 2 | 7 |  |
| two | 5 rounds | 0 | wrong in round 3 |  | 9 ms |

Below.
"""


def test_a_finding_replaces_the_row_of_its_check_and_no_other() -> None:
    page = merged(PAGE, MARK, [Finding("one", "200 rounds", 0, "wrong in round 4", 8)])
    assert page == PAGE.replace(
        "| one | 5 rounds | 0 | wrong in round 2 | 7 |  |", "| one | 200 rounds | 0 | wrong in round 4 | 8 |  |"
    )


def test_a_new_check_gets_a_row_at_the_end_of_the_table() -> None:
    page = merged(PAGE, MARK, [Finding("three", "1 round", 1, "none", also="1 s")])
    assert page == PAGE.replace("| 9 ms |\n", "| 9 ms |\n| three | 1 round | 1 | none |  | 1 s |\n")


def test_a_finding_survives_being_written_as_json() -> None:
    finding = Finding("é", "1 round", 0, "none", 5, "x", Page.SCALING)
    assert Finding.from_json(finding.to_json()) == finding
