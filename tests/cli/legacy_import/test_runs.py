"""Every run of an import is kept, and listed at `/v6/imports`."""

from typing import Any

import pytest

from tests.caller import Caller, data, error
from tests.cli.conftest import Run
from tests.cli.legacy_import.conftest import CLIENT, PROJECT, Export, budget

IMPORTS = "/v6/imports"


@pytest.fixture
def runs(run: Run, export: Export) -> None:
    """A dry run, the import itself, and one that failed."""
    good = export(
        client=[CLIENT],
        project=[PROJECT, {**PROJECT, "project_id": "501", "name": ""}],
        project_challenge_budget=[budget("c1", "10.25", "0"), budget("c2", "0", "5"), budget("c3", "1", "0", "999")],
    )
    run("import-legacy", good, "--dry-run")
    run("import-legacy", good)
    run("import-legacy", export("other.json", other=[{"a": 1}]))


def found(caller: Caller, query: str = "") -> Any:
    return data(caller.get(f"{IMPORTS}{query}"))["results"]


class TestList:
    def test_needs_a_token_of_an_administrator(self, app: Any, as_caller: Any) -> None:
        error(Caller(app, None).get(IMPORTS), 401)
        error(as_caller(roles=("copilot",)).get(IMPORTS), 403)

    def test_is_empty_without_imports(self, admin: Caller) -> None:
        assert found(admin) == []

    @pytest.mark.usefixtures("runs")
    def test_has_every_run_newest_first(self, admin: Caller) -> None:
        assert [(run["dryRun"], run["outcome"]) for run in found(admin)] == [
            (False, "failed"),
            (False, "succeeded"),
            (True, "succeeded"),
        ]
        assert [run["outcome"] for run in found(admin, "?outcome=failed")] == ["failed"]
        assert [run["outcome"] for run in found(admin, "?dryRun=true&command=import-legacy")] == ["succeeded"]

    @pytest.mark.usefixtures("runs")
    def test_is_a_file_too(self, admin: Caller) -> None:
        lines = admin.get(f"{IMPORTS}?format=csv").get_data(as_text=True).splitlines()
        assert lines[0].startswith("id,command,startedBy,startedAt")
        assert lines[-1] == "#end,3"


class TestOne:
    def test_unknown_is_not_found(self, admin: Caller) -> None:
        error(admin.get(f"{IMPORTS}/1"), 404, "not_found")

    @pytest.mark.usefixtures("runs")
    def test_has_the_figures_that_were_printed(self, admin: Caller) -> None:
        run = data(admin.get(f"{IMPORTS}/{found(admin)[1]['id']}"))
        assert run["files"][0]["name"] == "export.json"
        assert run["files"][0]["size"] > 0
        assert run["startedAt"] <= run["finishedAt"]
        assert run["startedBy"]
        kinds = {each.pop("kind").removeprefix("time_oltp:"): each for each in run["kinds"]}
        assert kinds["project"] == {
            "read": 2, "created": 1, "updated": 0, "unchanged": 0, "kept": 0, "repeated": 0, "rejected": 1,
        }  # fmt: skip
        assert kinds["project_challenge_budget"]["created"] == 2
        totals = {(each["kind"].removeprefix("time_oltp:"), each["name"]): each for each in run["totals"]}
        locked = totals["project_challenge_budget", "locked"]
        assert (locked["read"], locked["loaded"], locked["rejected"], locked["difference"]) == (11.25, 10.25, 1, 0)
        assert {(each["text"], each["count"]) for each in run["rejections"]} >= {
            ("project_id: no such billing account", 1)
        }

    @pytest.mark.usefixtures("runs")
    def test_says_why_it_failed(self, admin: Caller) -> None:
        [run] = found(admin, "?outcome=failed")
        assert run["failure"].startswith("The files contain none of")
        assert run["notes"] == [{"kind": "time_oltp:other", "text": "unknown list, ignored", "count": 1}]


def test_an_import_that_stops_is_kept_as_failed(run: Run, export: Export, admin: Caller) -> None:
    run("import-legacy", export(client=[CLIENT], project=[PROJECT]), "--default-client-id", "nobody")
    [stopped] = found(admin)
    assert stopped["outcome"] == "failed"
    assert "nobody" in stopped["failure"]
    assert stopped["kinds"][0]["read"] == 1
