"""`/v1/admin/reports`: what the vendor's books need of all accounts."""

from typing import Any

from app.desk import guards, reports
from app.desk import report_schemas as schemas
from app.web.blueprint import ApiBlueprint
from app.web.resource import Resource

blueprint = ApiBlueprint(
    "desk-reports",
    __name__,
    url_prefix="/v1/admin/reports",
    description="The vendor's desk: reports of all accounts.",
    guide="desk.md#close-a-month",
)

_reads = guards.reads(of_one_snapshot=True)


@blueprint.route("/credits")
class Credits(Resource):
    """The credits of all accounts over a month."""

    @blueprint.arguments(schemas.CreditsReportQuery(), location="query")
    @blueprint.report(schemas.CreditsReport, schemas.CreditsReport)
    @blueprint.doc(operationId="getCreditsReport")
    @_reads
    def get(self, arguments: dict[str, Any]) -> reports.CreditsReport:
        """Get the credits of all accounts over a month

        Returns what the credits of all accounts were when the month began, what was added and taken in it, and what
        they were when it ended, with the revenue of the month, as JSON or CSV. `opening` plus `granted`, `purchased`,
        `adjusted` and `returned`, less `spent`, `refunded`, `charged_back`, `debt_paid`, `expired` and `voided`, is
        `closing`. A month in the future is refused with 400 `invalid_input`.
        """
        return reports.CreditsReport(arguments["month"])


@blueprint.route("/usage")
class Usage(Resource):
    """What all accounts spent in a range of days."""

    @blueprint.arguments(schemas.UsageReportQuery(), location="query")
    @blueprint.report(schemas.UsageReport, schemas.UsageRow)
    @blueprint.doc(operationId="getUsageReport")
    @guards.reads()
    def get(self, arguments: dict[str, Any]) -> reports.UsageReport:
        """Get what all accounts spent in a range of days

        Returns the credits that all accounts spent from one day to another (UTC), both included, and those that were
        taken back on them, by day and by kind of operation. As CSV it has a row for each day and operation. More than
        366 days are refused with 400 `invalid_input`.
        """
        return reports.UsageReport(arguments["first"], arguments["last"])


@blueprint.route("/receivables")
class Receivables(Resource):
    """The invoices that are not paid."""

    @blueprint.arguments(schemas.ReceivablesQuery(), location="query")
    @blueprint.report(schemas.Receivables, schemas.ReceivablesRow)
    @blueprint.doc(operationId="getReceivables")
    @_reads
    def get(self, arguments: dict[str, Any]) -> reports.Receivables:  # noqa: ARG002 - only the format
        """Get the invoices that are not paid

        Returns the open invoices of all accounts, the oldest due date first, with their sums by currency and by age,
        which is counted in days after the due date. As CSV, the sums follow the invoices as rows with `kind` `total`.
        """
        return reports.Receivables()
