"""Runs of imports."""

from flask import Flask

from app.imports import runs

KIND = {"read": 3, "created": 2, "updated": 0, "unchanged": 0, "kept": 0, "repeated": 0, "rejected": 1}
TOTAL = {"read": "11.25", "loaded": "10.25", "kept": "0", "repeated": "0", "rejected": "1", "difference": "0"}
FIGURES = {
    "kinds": [{"kind": "time_oltp:project", **KIND}],
    "totals": [{"kind": "time_oltp:project", "name": "budget", **TOTAL}],
    "rejections": [{"kind": "time_oltp:project", "text": "name: missing", "count": 1}],
    "notes": [],
}


def write_imports(app: Flask) -> None:
    """A run that failed, and one that was killed."""
    with app.app_context():
        failed = runs.begin("import-legacy", "operator", [{"name": "export.json", "size": 1234}], dry_run=True)
        runs.end(failed, FIGURES, "Every row was rejected")
        runs.begin("import-legacy", "operator", [], dry_run=False)
