"""The state of the service."""

from app.console import calls
from app.console.pages import render
from app.console.staff.blueprint import blueprint

VERIFICATIONS = ("ledger verify", "audit verify")


@blueprint.get("/health")
def health() -> str:
    """When jobs and verifications last ran, and whether requests, replica and database are as they should be."""
    report = calls.get("/v6/health/report")
    jobs = {job["job"]: job for job in report["jobs"]}
    never = {"succeededAt": None, "failedAt": None}
    return render(
        "console/health/report.html",
        title="Health",
        report=report,
        verifications=[jobs.get(name, {"job": name, **never}) for name in VERIFICATIONS],
        jobs=[job for name, job in jobs.items() if name not in VERIFICATIONS],
    )
