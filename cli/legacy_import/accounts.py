"""The steps of an import that merge accounts and their budget lines, with their figures for the report."""

from collections.abc import Mapping
from decimal import Decimal

from app.billing_accounts import importing
from app.billing_accounts.ledger import importing as line_importing
from app.billing_accounts.models import Kind
from app.clients.importing import UNKNOWN_ID
from cli.legacy_import.loader import Spool
from cli.legacy_import.mapping import ACCOUNT, BUDGET, CHALLENGE_BUDGET, CLIENT_LINK, CONTEST_FEE, RowKind
from cli.legacy_import.report import Report, Total


def merge_accounts(spools: Mapping[RowKind, Spool], report: Report, default_client_id: str | None) -> None:
    """Merge accounts, their markups and their clients in one step, so that a new account is counted once."""
    staged = importing.stage_accounts(spools[ACCOUNT].lines())
    importing.stage_links(spools[CLIENT_LINK].lines())
    staged_markups = importing.stage_markups(spools[CONTEST_FEE].lines())
    result = importing.merge_accounts(staged, default_client_id)
    counts = report.counts[ACCOUNT.key]
    counts.merged = result.merged
    counts.repeated += spools[ACCOUNT].count - staged
    if spools[ACCOUNT].count:
        total = report.total(ACCOUNT.key, BUDGET)
        _settle(total, distinct=result.amount, loaded=result.loaded, kept=result.kept)
        client = default_client_id or UNKNOWN_ID
        report.remarks.append(f"{ACCOUNT.key}: {result.without_client:,} without a known client, assigned to {client}")
    _merge_markups(spools[CONTEST_FEE], staged_markups, report)
    _merge_links(spools[CLIENT_LINK], report, default_client_id)


def merge_lines(rows: Spool, report: Report) -> None:
    """Merge the budgets of challenges."""
    staged = line_importing.stage_lines(rows.lines())
    counts = report.counts[CHALLENGE_BUDGET.key]
    counts.repeated += rows.count - staged
    without_account = line_importing.amounts_without_account()
    for position in line_importing.drop_lines_without_account():
        report.reject(CHALLENGE_BUDGET.key, rows.original(position), "project_id: no such billing account")
        staged -= 1
    counts.merged = line_importing.merge_lines(staged)
    amounts = line_importing.merged_amounts()
    for kind in Kind:
        rejected, (distinct, loaded, kept) = without_account[kind], amounts[kind]
        if (CHALLENGE_BUDGET.key, kind) in report.totals:
            total = report.total(CHALLENGE_BUDGET.key, kind)
            _settle(total, distinct=distinct + rejected, loaded=loaded, kept=kept)
            total.rejected += rejected


def _merge_markups(rows: Spool, staged: int, report: Report) -> None:
    counts = report.counts[CONTEST_FEE.key]
    counts.repeated += rows.count - staged
    for row in importing.rejected_markups():
        report.reject(CONTEST_FEE.key, rows.original(row.position), row.reason)
        staged -= 1
    counts.merged = importing.merge_markups(staged)


def _merge_links(rows: Spool, report: Report, default_client_id: str | None) -> None:
    counts = report.counts[CLIENT_LINK.key]
    rejected = counts.rejected
    for row in importing.rejected_links():
        report.reject(CLIENT_LINK.key, rows.original(row.position), row.reason)
    counts.merged = importing.merge_links(default_client_id)
    counts.repeated += rows.count - sum(counts.merged) - (counts.rejected - rejected)


def _settle(total: Total, *, distinct: Decimal, loaded: Decimal, kept: Decimal) -> None:
    """Report the amounts of valid rows by outcome; of rows with the same id, one counts and the others are repeated."""
    total.repeated = total.read - total.rejected - distinct
    total.loaded, total.kept = loaded, kept
