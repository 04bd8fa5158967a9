"""Who writes the tables of the ledgers: their packages, and no other module of the service or of its commands."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.processes import ROOT

# By the package that writes them: the tables, and the models by which Core and the ORM would.
WRITERS = {
    "app/billing_accounts/ledger": {
        "budgets": "Budget",
        "budget_lines": "BudgetLine",
        "budget_movements": "BudgetMovement",
        "released_lines": "ReleasedLine",
    },
    "app/credits/ledger": {
        "credit_balances": "CreditBalance",
        "credit_transactions": "CreditTransaction",
        "credit_lots": "CreditLot",
        "credit_holds": "CreditHold",
        "credit_caps": "CreditCap",
        "credit_daily_totals": "CreditDailyTotal",
    },
}
TABLE_OF = {model: table for tables in WRITERS.values() for table, model in tables.items()}
TABLES = "|".join(TABLE_OF.values())
WRITE = re.compile(
    rf"\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|TRUNCATE|MERGE\s+INTO|COPY)\s+(?:TABLE\s+)?(?:ONLY\s+)?"
    rf'(?:public\.)?"?({TABLES})\b',
    re.IGNORECASE,
)
# Of budgets, also the locks: whoever holds one is alone with its lines.
LOCK = re.compile(r"\bFROM\s+(budgets)\b[^;]*\bFOR\s+(?:NO\s+KEY\s+)?UPDATE\b(?!\s+OF\s+(?!budgets\b))", re.IGNORECASE)
CHANGES = {"insert", "update", "delete", "with_for_update", "merge"}


def constants(tree: ast.Module) -> dict[str, list[str]]:
    """The texts that the names of a module may stand for."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                pass
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                pass
            case (
                ast.For(target=ast.Name(id=name), iter=value) | ast.comprehension(target=ast.Name(id=name), iter=value)
            ):
                pass
            case _:
                continue
        texts = [
            each.value for each in ast.walk(value) if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        found.setdefault(name, []).extend(texts)
    return found


def parts(node: ast.AST, known: dict[str, list[str]]) -> list[list[str]]:
    """A text as it is put together: of each part, what it may be. What is computed may be what the names in it are."""
    match node:
        case ast.Constant(value=str() as text):
            return [[text]]
        case ast.JoinedStr(values=values):
            return [part for each in values for part in parts(each, known)]
        case ast.BinOp(left=left, right=right):
            return parts(left, known) + parts(right, known)
    names = [each.id for each in ast.walk(node) if isinstance(each, ast.Name)]
    return [[text for name in names for text in known.get(name, [])]]


def statements(node: ast.AST, known: dict[str, list[str]]) -> Iterator[str]:
    """What a text may be: as a whole, and up to each part that may be several things."""
    before = ""
    for part in parts(node, known):
        yield from (before + each for each in part)
        before += " ".join(part)
    yield before


def models(tree: ast.Module) -> dict[str, str]:
    """The names that a module has for the models, and the tables of those."""
    names = dict(TABLE_OF)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {each.asname: TABLE_OF[each.name] for each in node.names if each.asname and each.name in TABLE_OF}
    return names


def changes(call: ast.Call, named: dict[str, str], aliases: set[str]) -> Iterator[str]:
    """The tables that a call changes by Core or the ORM: it makes a row, or its function changes what it is given."""
    function = call.func
    own = (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )
    if own in named:
        yield named[own]
    if own in CHANGES | aliases or any(each.arg == "with_for_update" for each in call.keywords):
        for each in ast.walk(call):
            name = each.id if isinstance(each, ast.Name) else each.attr if isinstance(each, ast.Attribute) else ""
            if name in named:
                yield named[name]


def written(source: str) -> set[str]:
    """The tables of the ledgers that a module writes, or locks."""
    tree = ast.parse(source)
    known, named = constants(tree), models(tree)
    aliases = {
        each.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for each in node.names
        if each.asname and each.name in CHANGES
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
            for text in statements(node, known):
                found |= {table.lower() for pattern in (WRITE, LOCK) for table in pattern.findall(text)}
        elif isinstance(node, ast.Call):
            found |= set(changes(node, named, aliases))
    return found


@pytest.mark.parametrize(
    "source",
    [
        'S = text("UPDATE budgets SET amount = 1")',
        'S = text("WITH gone AS (DELETE FROM budgets AS b RETURNING *) SELECT 1")',
        'S = text("insert into\\n budgets VALUES (1)")',
        'S = text("TRUNCATE TABLE ONLY public.budgets")',
        'cursor.copy_expert("COPY budgets FROM STDIN", lines)',
        'T = "budgets"\nS = text(f"UPDATE {T} SET amount = 1")',
        'S = text("UPDATE " + "budgets" + " SET amount = 1")',
        'for table in ("clients", "budgets"):\n    f"DELETE FROM {table}"',
        'S = text("SELECT amount FROM budgets WHERE id = 1 FOR UPDATE")',
        'S = text("SELECT FROM budgets ORDER BY 1 FOR NO KEY UPDATE; SELECT 1")',
        "update(Budget).values(amount=1)",
        "insert(Budget.__table__)",
        "models.Budget.__table__.delete()",
        "from sqlalchemy.dialects.postgresql import insert as upsert\nupsert(Budget)",
        "from app.billing_accounts.models import Budget as B\nsession.add(B(amount=1))",
        "select(Budget).where(Budget.amount > 1).with_for_update()",
        "db.session.get(Budget, 1, with_for_update=True)",
    ],
)
def test_every_way_of_writing_is_found(source: str) -> None:
    assert written(source) == {"budgets"}


@pytest.mark.parametrize(
    "source",
    [
        'S = text("SELECT amount FROM budgets JOIN billing_accounts ON true")',
        'S = text("UPDATE billing_accounts SET name = b.name FROM budgets AS b")',
        'S = text("SELECT FROM work_periods w FOR NO KEY UPDATE OF w; SELECT * FROM budgets")',
        "select(Budget.amount).where(Budget.amount > 1)",
        "update(BillingAccount)",
    ],
)
def test_reading_is_no_writing(source: str) -> None:
    assert written(source) == set()


def test_only_the_ledgers_write_their_tables() -> None:
    by_module = {
        path.relative_to(ROOT): written(path.read_text())
        for room in ("app", "cli")
        for path in (ROOT / room).rglob("*.py")
    }
    for package, tables in WRITERS.items():
        inside = {path: each for path, each in by_module.items() if path.is_relative_to(package)}
        assert set().union(*inside.values()) == set(tables), "each is written, by its own ledger"
    outside = {
        str(path): each for path, each in by_module.items() if each and not any(map(path.is_relative_to, WRITERS))
    }
    assert outside == {}
