"""Request and response schemas of balances at an instant and of statements."""

from typing import Any

import marshmallow as ma

from app.credits.models import TransactionType
from app.web import fields
from app.web.schemas import ETag, Schema, SnakeReadSchema


class BalanceQuery(Schema, fields.QueryArguments):
    """The account whose balance is asked for, and the instant."""

    account_id = fields.Id(
        metadata={"description": "Account of the balance; required for machines. Defaults to the caller's account."}
    )
    as_of = fields.Moment(
        whole_day=True, metadata={"description": "Return the balance as it was at this instant. Defaults to now."}
    )


def _credits(description: str, *, signed: bool = False, **options: Any) -> fields.Integer:
    least = -fields.MAX_CREDITS if signed else 0
    return fields.Integer(least=least, most=fields.MAX_CREDITS, metadata={"description": description}, **options)


class CreditStatementBalance(SnakeReadSchema):
    """What the credits were at one end of a period."""

    credits = _credits("Credit balance.")


class CreditStatementTransaction(SnakeReadSchema):
    """A transaction of a period."""

    id = fields.Id(allow_none=True, metadata={"description": "Identifier; `null` until it is posted."})
    created_at = fields.Moment()
    transaction_type = fields.Choice(TransactionType)
    operation_type = fields.Text(
        allow_none=True, metadata={"description": "Operation of a deduction; otherwise `null`."}
    )
    description = fields.Text(longest=1000)
    amount = _credits("Credits added to the balance; negative if deducted.", signed=True)
    balance_after = _credits("Balance after this transaction.")


class CreditStatementRow(CreditStatementTransaction):
    """A row of a statement as CSV: a transaction, or what the balance was at one end of the period."""

    transaction_type = fields.Choice(("opening", "closing", *TransactionType))


class TransactionTypeSum(SnakeReadSchema):
    """The transactions of a type, counted and added up."""

    transaction_type = fields.Choice(TransactionType)
    total = _credits("Sum of the transactions.", signed=True)
    count = _credits("Number of transactions.")


class OperationSum(SnakeReadSchema):
    """The deductions for a type of operation, counted and added up."""

    operation_type = fields.Text(metadata={"description": "Type of the operation."})
    total = _credits("Sum of the deductions, which is negative.", signed=True)
    count = _credits("Number of deductions.")


class CreditStatement(SnakeReadSchema):
    """A statement of credits: `opening` plus `transactions` is `closing`."""

    etag = ETag.NEVER

    since = fields.Moment(data_key="from", metadata={"description": "The first instant of the period."})
    until = fields.Moment(data_key="to", metadata={"description": "The first instant after the period."})
    opening = ma.fields.Nested(CreditStatementBalance)
    transactions = ma.fields.Nested(
        CreditStatementTransaction,
        many=True,
        metadata={"description": "Every transaction of the period, oldest first."},
    )
    closing = ma.fields.Nested(CreditStatementBalance)
    by_type = ma.fields.Nested(TransactionTypeSum, many=True, metadata={"description": "The same by type."})
    by_operation_type = ma.fields.Nested(
        OperationSum, many=True, metadata={"description": "The deductions by operation."}
    )
