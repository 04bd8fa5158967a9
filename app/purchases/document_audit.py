"""Checks of invoices and credit notes: their amounts are those of their lines, and their numbers have no gaps."""

from collections.abc import Iterator

from sqlalchemy import text

from app.db.audit import Difference
from app.db.base import db

_DOCUMENTS = """(
    SELECT 'invoice ' || invoice_number AS name, true AS is_invoice, lines, net_amount, tax_amount, total_amount
    FROM invoices
    UNION ALL
    SELECT 'credit note ' || credit_note_number, false, lines, net_amount, tax_amount, total_amount FROM credit_notes
)"""
_LINES = """jsonb_to_recordset(lines)
    AS line (quantity int, unit_price numeric, net numeric, tax_rate numeric, tax numeric)"""
_SUMS = text(f"""
    SELECT name, net_amount, tax_amount, sums.net, sums.tax
    FROM {_DOCUMENTS} AS document CROSS JOIN LATERAL (SELECT sum(net) AS net, sum(tax) AS tax FROM {_LINES}) AS sums
    WHERE (net_amount, tax_amount, total_amount) IS DISTINCT FROM (sums.net, sums.tax, sums.net + sums.tax)
    ORDER BY name
""")
# The tax of a credit note is a share of that of the invoice, which need not be the rate times its own net amount.
_RATES = text(f"""
    SELECT name, tax_rate, expected, found
    FROM {_DOCUMENTS} AS document CROSS JOIN LATERAL (
        SELECT tax_rate, round(tax_rate * sum(net), 2) AS expected, sum(tax) AS found,
            bool_and(net = round(quantity * unit_price, 2)) AS are_multiplied
        FROM {_LINES} GROUP BY tax_rate
    ) AS sums
    WHERE is_invoice AND (expected <> found OR NOT are_multiplied) ORDER BY name, tax_rate
""")
_CREDITED = text("""
    SELECT i.invoice_number, i.amount_credited, coalesce(sum(n.total_amount), 0) AS noted
    FROM invoices i LEFT JOIN credit_notes n
        ON n.account_id = i.account_id AND n.invoice_id = i.id AND n.voided_at IS NULL
    GROUP BY i.id, i.invoice_number, i.amount_credited
    HAVING i.amount_credited <> coalesce(sum(n.total_amount), 0) ORDER BY i.id
""")
_OVER_CREDITED = text("""
    SELECT i.invoice_number, invoiced.place
    FROM invoices i CROSS JOIN LATERAL jsonb_array_elements(i.lines) WITH ORDINALITY AS invoiced (line, place)
    JOIN (
        SELECT account_id, invoice_id, credited.place, sum(CAST(line ->> 'net' AS numeric)) AS net,
            sum(CAST(line ->> 'tax' AS numeric)) AS tax
        FROM credit_notes CROSS JOIN LATERAL jsonb_array_elements(lines) WITH ORDINALITY AS credited (line, place)
        WHERE voided_at IS NULL GROUP BY account_id, invoice_id, credited.place
    ) AS credited
        ON credited.account_id = i.account_id AND credited.invoice_id = i.id AND credited.place = invoiced.place
    WHERE credited.net > CAST(line ->> 'net' AS numeric) OR credited.tax > CAST(line ->> 'tax' AS numeric)
    ORDER BY i.id, invoiced.place
""")
_NUMBERS = text("""
    SELECT prefix, year, coalesce(series.last, 0) AS last, coalesce(made.documents, 0) AS documents
    FROM number_series AS series FULL JOIN (
        SELECT split_part(number, '-', 1) AS prefix, CAST(split_part(number, '-', 2) AS int) AS year,
            count(*) AS documents, max(CAST(split_part(number, '-', 3) AS int)) AS greatest
        FROM (
            SELECT invoice_number AS number FROM invoices UNION ALL SELECT credit_note_number FROM credit_notes
        ) AS numbers GROUP BY 1, 2
    ) AS made USING (prefix, year)
    WHERE series.last IS DISTINCT FROM made.documents OR series.last IS DISTINCT FROM made.greatest
    ORDER BY prefix, year
""")
_KINDS = {"INV": "invoices", "CN": "credit notes"}


def differences() -> Iterator[Difference]:
    """Every difference inside invoices and credit notes and between them, for the tenant of this transaction."""
    for row in db.session.execute(_SUMS):
        yield Difference(
            row.name, f"net is {row.net_amount} and tax {row.tax_amount}, its lines make {row.net} and {row.tax}"
        )
    for row in db.session.execute(_RATES):
        yield Difference(row.name, f"tax at {row.tax_rate} is {row.found}, its lines make {row.expected}")
    for row in db.session.execute(_CREDITED):
        yield Difference(
            f"invoice {row.invoice_number}",
            f"{row.amount_credited} is recorded as credited, its credit notes total {row.noted}",
        )
    for row in db.session.execute(_OVER_CREDITED):
        yield Difference(f"invoice {row.invoice_number}", f"more of line {row.place} is credited than was invoiced")
    for row in db.session.execute(_NUMBERS):
        kind = _KINDS[row.prefix]
        yield Difference(f"{kind} of {row.year}", f"{row.last} numbers were assigned, {row.documents} {kind} exist")
