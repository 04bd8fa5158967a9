"""Lists: filters, a total order, one page and the exact count, in one statement."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from app.db.base import db
from app.db.fast.prepared import Prepared

_ONE = "one_"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list and how many rows match in all."""

    results: Sequence[Any]
    count: int
    page: int
    per_page: int

    @property
    def total_pages(self) -> int:
        """How many pages of this size the matching rows fill."""
        return -(-self.count // self.per_page)


def whole_list(results: Sequence[Any], arguments: Mapping[str, Any]) -> Page:
    """The page that `arguments` ask for of a list that is known as a whole."""
    page, per_page = arguments["page"], arguments["per_page"]
    return Page(results[(page - 1) * per_page : page * per_page], len(results), page, per_page)


def contains_pattern(value: str) -> str:
    """The LIKE pattern for "contains `value`", in which its wildcards stand for themselves."""
    escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def contains(column: str, name: str) -> str:
    """The condition "`column` contains `:name`, in any case", which the index of `{column}_search` serves."""
    return f"{column}_search @@ search_query(:{name}) AND fold_text({column}) LIKE fold_text(:{name}_pattern)"


def one_or_more(name: str, column: str, kind: str = "text") -> dict[str, str]:
    """The filter "`column` is one of the values of `name`", values of the SQL type `kind`.

    One value is asked for by equality: an index on the column and the sort then yields the page in order.
    """
    return {
        name: f"{column} = ANY(CAST(:{name} AS {kind}[]))",
        f"{_ONE}{name}": f"{column} = CAST(:{_ONE}{name} AS {kind})",
    }


@dataclass(frozen=True, eq=False)
class ListQuery:
    """A list of the contract, as SQL fragments written once.

    `source` yields the candidates and `key` their identity; `joins` finds each row of the finished page again by
    `page.key` (under the same alias, so that sorts hold there too) and adds what only shown rows need. `filters` maps
    an argument's name to its condition, in which `:name` is the argument's value and `:name_pattern` the LIKE pattern
    for "contains it". `sorts` maps a sort name to an expression; ties are broken by `key` in the direction of the
    sort, so that one index serves both directions; a sort that needs another source has it in `sort_sources`.
    `counts` maps the names of filters to a way of counting what they leave that does not look at each row.
    Each combination of filters and order becomes a statement once and is kept.
    """

    columns: str
    source: str
    key: str
    joins: str
    sorts: Mapping[str, str]
    default_sort: str
    default_order: str = "desc"
    filters: Mapping[str, str] = field(default_factory=dict)
    sort_sources: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[frozenset[str], str] = field(default_factory=dict)

    def page(self, arguments: Mapping[str, Any], **scope: Any) -> Page:
        """The page that `arguments` (filters, `page`, `per_page`, `sort_by`, `sort_order`) ask for.

        `scope` holds filters that the caller does not choose, such as the account a list belongs to, and values that
        columns and joins name.
        """
        given = {name: value for name, value in {**arguments, **scope}.items() if self._narrows(name, value)}
        values = dict(self._alone(name, value) for name, value in given.items())
        default_order = "asc" if "sort_by" in arguments else self.default_order
        page, per_page = arguments["page"], arguments["per_page"]
        statement, count_statement = self.statements(
            frozenset(values),
            arguments.get("sort_by", self.default_sort),
            arguments.get("sort_order", default_order),
            per_page,
            (page - 1) * per_page,
        )
        parameters = {**scope, **values}
        for name, value in values.items():
            if self._is_search(name):
                parameters[f"{name}_pattern"] = contains_pattern(value)
        rows = db.session.execute(statement, parameters).all()
        if rows:
            count = rows[0].matching
        else:
            count = 0 if page == 1 else db.session.execute(count_statement, parameters).scalar_one()
        return Page(rows, count, page, per_page)

    def _alone(self, name: str, value: Any) -> tuple[str, Any]:
        """The filter and its value; for one of several possible values, that of just one."""
        is_alone = f"{_ONE}{name}" in self.filters and len(value) == 1
        return (f"{_ONE}{name}", value[0]) if is_alone else (name, value)

    def _is_search(self, name: str) -> bool:
        return f":{name}_pattern" in self.filters[name]

    def _narrows(self, name: str, value: Any) -> bool:
        """Whether the argument is a filter that leaves anything out: every text contains the empty one."""
        return name in self.filters and not (value == "" and self._is_search(name))

    @lru_cache(maxsize=1024)  # noqa: B019 - list queries are module constants: they live as long as the process
    def statements(
        self, filters: frozenset[str], sort_by: str, order: str, limit: int, offset: int = 0
    ) -> tuple[Prepared, Prepared]:
        """The page and count statements for one combination of filters, order and place of the page.

        That place is part of the text: a plan for any place would expect to read a tenth of the list.
        """
        where = " AND ".join(f"({self.filters[name]})" for name in sorted(filters)) or "true"
        sort = self.sorts[sort_by]
        order_by = f"{sort} {order}" if sort == self.key else f"{sort} {order}, {self.key} {order}"
        count = self.counts.get(filters, f"SELECT count(*) FROM {self.source} WHERE {where}")
        page = f"""
            WITH page AS MATERIALIZED (
                SELECT {self.key} AS key FROM {self.sort_sources.get(sort_by, self.source)} WHERE {where}
                ORDER BY {order_by} LIMIT {limit} OFFSET {offset}
            )
            SELECT {self.columns}, ({count}) AS matching FROM page {self.joins} ORDER BY {order_by}
        """
        return Prepared(page), Prepared(count)
