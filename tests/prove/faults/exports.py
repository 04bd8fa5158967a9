"""Faults in exports: other rows or fields than the pages have, or an end that is none."""

from tests.prove.planting import NO_WALL, fault

PAGING = "app/db/paging.py"
EXPORTS = "app/web/exports.py"
FORGETS_FILTERS = (PAGING, "self.rows.where(*conditions).order_by(", "self.rows.order_by(")

FAULTS = (
    fault("an export forgets its filters", "exports/test_formats.py::TestFiltersAndSorts", FORGETS_FILTERS),
    fault(
        "an export shows the rows of other customers",
        "exports/test_formats.py::TestWhoSeesWhat",
        (
            "app/customers/queries.py",
            'rows=select(*_MEMBER),\n    key=AccountMember.id,\n    filters={"account_id": _OF_ACCOUNT',
            'rows=select(*_MEMBER),\n    key=AccountMember.id,\n    filters={"account_id": _OF_ACCOUNT | ~_OF_ACCOUNT',
        ),
        NO_WALL,
    ),
    fault(
        "an export shows fields that pages hide",
        "exports/test_formats.py::TestWhoSeesWhat",
        (PAGING, "parts=([show(row) for row in part] for part in self.parts)", "parts=self.parts"),
    ),
    fault(
        "a negative amount in an export is text",
        "exports/test_formats.py::TestCells",
        (
            "app/web/csv_rows.py",
            "isinstance(field, ma.fields.Raw) else value_cell",
            "isinstance(field, ma.fields.Raw) else lambda value: text_cell(value_cell(value))",
        ),
    ),
    fault(
        "an export that failed ends like a whole one",
        "exports/test_streams.py::TestFailures",
        (
            EXPORTS,
            'raise ConnectionResetError(errno.ECONNRESET, "The export was cut off; the reason is logged")',
            "raise StopIteration",
        ),
    ),
    fault(
        "an export that ended keeps its slot",
        "exports/test_streams.py::TestNothingIsLeft",
        (EXPORTS, "self._slots.release()\n            metrics", "metrics"),
    ),
    fault(
        "an export is read into memory as a whole",
        "exports/test_memory.py",
        ("app/db/streaming.py", '{"yield_per": ROWS_PER_FETCH}', "{}"),
    ),
)
