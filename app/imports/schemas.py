"""Response schemas of runs of imports."""

import marshmallow as ma

from app.imports.models import MAX_FAILURE, ImportOutcome
from app.web import fields
from app.web.schemas import PageArguments, ReadSchema


def _count(description: str) -> ma.fields.Integer:
    return ma.fields.Integer(metadata={"description": description})


def _amount(description: str) -> ma.fields.Decimal:
    return ma.fields.Decimal(metadata={"description": description})


class ImportFile(ReadSchema):
    """A file that a run read."""

    name = fields.Text(metadata={"description": "Its name, without folders.", "example": "export-1.json"})
    size = _count("Its size in bytes.")


class ImportKind(ReadSchema):
    """The rows of one kind by outcome; every row read has one of the others."""

    kind = fields.Text(metadata={"description": "The list that they stand in.", "example": "time_oltp:client"})
    read = _count("Rows in the files.")
    created = _count("Rows that became new objects.")
    updated = _count("Rows that changed an object.")
    unchanged = _count("Rows that an object was equal to.")
    kept = _count("Rows that left an object as it was changed here since.")
    repeated = _count("Rows in place of which another one counts.")
    rejected = _count("Rows that were refused.")


class ImportTotal(ReadSchema):
    """The amounts of one kind by outcome; `difference` is what is unaccounted for, and fails the run unless 0."""

    kind = fields.Text(metadata={"description": "The list that the rows stand in."})
    name = fields.Text(metadata={"description": "What is added up.", "example": "budget"})
    read = _amount("Amounts in the files.")
    loaded = _amount("Amounts that were loaded.")
    kept = _amount("Amounts of rows whose object was left as it was.")
    repeated = _amount("Amounts of rows in place of which another one counts.")
    rejected = _amount("Amounts of rows that were refused.")
    difference = _amount("What is left of `read`.")


class ImportReason(ReadSchema):
    """Something that was said of rows of a kind, and of how many."""

    kind = fields.Text(metadata={"description": "The list that the rows stand in."})
    text = fields.Text(longest=MAX_FAILURE, metadata={"description": "What was said."})
    count = _count("Of how many rows.")


class ImportRun(ReadSchema):
    """A run of an import: when, by whom and of which files, what it changed, and how it ended."""

    id = fields.Id(metadata={"description": "Identifier of the run."})
    command = fields.Text(metadata={"description": "The command that ran.", "example": "import-legacy"})
    started_by = fields.Text(metadata={"description": "The account of the operating system that ran it."})
    started_at = fields.Moment(metadata={"description": "When it began."})
    finished_at = fields.Moment(
        allow_none=True, metadata={"description": "When it ended; `null` while it runs, and if it was killed."}
    )
    dry_run = ma.fields.Boolean(
        metadata={"description": "Whether the run changed nothing but only said what it would."}
    )
    outcome = fields.Choice(ImportOutcome, metadata={"description": "How it ended; a killed run stays `running`."})
    failure = fields.Text(longest=MAX_FAILURE, allow_none=True, metadata={"description": "Why it failed."})
    files = ma.fields.Nested(ImportFile, many=True, metadata={"description": "The files, in the order they were read."})
    kinds = ma.fields.Nested(ImportKind, many=True, metadata={"description": "Rows by kind."})
    totals = ma.fields.Nested(ImportTotal, many=True, metadata={"description": "Amounts by kind."})
    rejections = ma.fields.Nested(
        ImportReason, many=True, metadata={"description": "Why rows were rejected: the 100 most frequent reasons."}
    )
    notes = ma.fields.Nested(
        ImportReason, many=True, metadata={"description": "What was dropped or ignored: the 100 most frequent notes."}
    )


class ImportQuery(PageArguments):
    """Filters of the list of runs."""

    command = fields.Identifier(metadata={"description": "The command that ran."})
    outcome = fields.Choice(ImportOutcome, metadata={"description": "How the run ended."})
    dry_run = fields.Boolean(metadata={"description": "Whether the run changed nothing."})
