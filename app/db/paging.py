"""Lists: filters, a total order, one page and the exact count, in one statement."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Self

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    any_,
    bindparam,
    cast,
    func,
    select,
)
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.visitors import iterate

from app.db import streaming
from app.db.base import db
from app.db.columns import kind_of, list_of
from app.db.fast.prepared import AnyPrepared, Prepared

_PATTERN = "_pattern"
_ONE = "one_"


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list and how many rows match in all; for an export see `EveryRow`."""

    results: Sequence[Any]
    count: int
    page: int
    per_page: int

    def shown(self, show: Callable[[Any], Any]) -> Self:
        """The same page with each row as `show` makes it: for what a statement cannot do."""
        return replace(self, results=[show(row) for row in self.results])

    @property
    def total_pages(self) -> int:
        """How many pages of this size the matching rows fill."""
        return -(-self.count // self.per_page)


@dataclass(frozen=True, slots=True)
class EveryRow(Page):
    """All matching rows in place of a page: `parts` yields them as they are fetched, and `results` has none.

    `fields` are the columns of the rows, also when there are none; None if that is not known.
    """

    parts: Iterator[Sequence[Any]]
    fields: Sequence[str] | None

    @classmethod
    def of(cls, parts: Iterator[Sequence[Any]], fields: Sequence[str] | None = None) -> "EveryRow":
        """The rows of `parts`, in place of a page."""
        return cls((), 0, 1, 0, parts, fields)

    def shown(self, show: Callable[[Any], Any]) -> Self:
        """The same rows, each as `show` makes it when it is fetched."""
        return replace(self, parts=([show(row) for row in part] for part in self.parts))


def whole_list(results: Sequence[Any], arguments: Mapping[str, Any]) -> Page:
    """The page that `arguments` ask for of a list that is known as a whole."""
    if arguments["per_page"] is None:
        return EveryRow.of(iter([results]))
    page, per_page = arguments["page"], arguments["per_page"]
    return Page(results[(page - 1) * per_page : page * per_page], len(results), page, per_page)


def contains_pattern(value: str) -> str:
    """The LIKE pattern for "contains `value`", in which its wildcards stand for themselves."""
    escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def contains(column: InstrumentedAttribute[Any], name: str) -> ColumnElement[bool]:
    """The condition "`column` contains the value `name`, in any case", which the `search_index` of it serves."""
    return func.fold_text(column).like(func.fold_text(bindparam(f"{name}{_PATTERN}")))


def one_or_more(name: str, column: InstrumentedAttribute[Any]) -> dict[str, ColumnElement[bool]]:
    """The filter "`column` is one of the values of `name`".

    One value is asked for by equality: an index on the column and the sort then yields the page in order.
    """
    return {
        name: column == any_(list_of(name, column)),
        f"{_ONE}{name}": column == cast(bindparam(f"{_ONE}{name}"), kind_of(column)),
    }


@dataclass(frozen=True, eq=False)
class ListQuery:
    """A list of the contract, as expressions written once.

    `rows` selects what is shown of each row. `key` is the column that identifies one: its table yields the candidates.
    `filters` maps an argument's name to its condition, in which `bindparam(name)` is the argument's value, and that
    name with `_pattern` the LIKE pattern for "contains it"; a condition that also narrows `rows` stands there too.
    `sorts` maps a sort name to an expression; ties are broken by `key` in the direction of the sort, so that one index
    serves both directions; a sort that needs another source has it in `sort_sources`. `counts` maps the names of
    filters to a way of counting what they leave that does not look at each row.
    Each combination of filters and order becomes a statement once and is kept.
    """

    rows: Select[*tuple[Any, ...]]
    key: InstrumentedAttribute[Any]
    sorts: Mapping[str, ColumnElement[Any] | InstrumentedAttribute[Any]]
    default_sort: str
    default_order: str = "desc"
    filters: Mapping[str, ColumnElement[bool]] = field(default_factory=dict)
    sort_sources: Mapping[str, FromClause] = field(default_factory=dict)
    counts: Mapping[frozenset[str], Select[int]] = field(default_factory=dict)
    # Whether the rows of a page are only shown, with values as they are in JSON (`app.db.fast.wire`).
    only_shown: bool = False
    # Whether the rows are joined to the keys of their page; not where a key has no index, as in a view.
    joins_page: bool = True

    def page(self, arguments: Mapping[str, Any], **scope: Any) -> Page:
        """The page that `arguments` (filters, `page`, `per_page`, `sort_by`, `sort_order`) ask for.

        With None as `per_page`, which exports have, it is an `EveryRow`. `scope` holds filters that the caller does not
        choose, such as the account a list belongs to, and values that columns and joins name.
        """
        given = {name: value for name, value in {**arguments, **scope}.items() if self._narrows(name, value)}
        values = dict(self._alone(name, value) for name, value in given.items())
        default_order = "asc" if "sort_by" in arguments else self.default_order
        sort_by, order = arguments.get("sort_by", self.default_sort), arguments.get("sort_order", default_order)
        parameters = {**scope, **values}
        for name, value in values.items():
            if self._is_search(name):
                parameters[f"{name}{_PATTERN}"] = contains_pattern(value)
        page, per_page = arguments["page"], arguments["per_page"]
        if per_page is None:
            fields, parts = streaming.fetch(self._every_row(frozenset(values), sort_by, order), parameters)
            return EveryRow.of(parts, fields)
        is_narrowed = any(name in arguments for name in given)
        statement, count_statement = self.statements(
            frozenset(values), sort_by, order, per_page, (page - 1) * per_page, is_narrowed=is_narrowed
        )
        rows = db.session.execute(statement, parameters).all()
        if rows:
            count = rows[0].matching
        else:
            count = 0 if page == 1 else db.session.execute(count_statement, parameters).scalar_one()
        return Page(rows, count, page, per_page)

    @cached_property
    def _searches(self) -> frozenset[str]:
        """The filters that look for a part of a text."""
        return frozenset(
            name
            for name, condition in self.filters.items()
            if any(getattr(each, "key", None) == f"{name}{_PATTERN}" for each in iterate(condition))
        )

    def _alone(self, name: str, value: Any) -> tuple[str, Any]:
        """The filter and its value; for one of several possible values, that of just one."""
        is_alone = f"{_ONE}{name}" in self.filters and len(value) == 1
        return (f"{_ONE}{name}", value[0]) if is_alone else (name, value)

    def _is_search(self, name: str) -> bool:
        return name in self._searches

    def _narrows(self, name: str, value: Any) -> bool:
        """Whether the argument is a filter that leaves anything out: every text contains the empty one."""
        return name in self.filters and not (value == "" and self._is_search(name))

    @lru_cache(maxsize=1024)  # noqa: B019 - list queries are module constants: they live as long as the process
    def statements(
        self,
        filters: frozenset[str],
        sort_by: str,
        order: str,
        limit: int,
        offset: int = 0,
        *,
        is_narrowed: bool = False,
    ) -> tuple[AnyPrepared, AnyPrepared]:
        """The page and count statements for one combination of filters, order and place of the page.

        That place is part of the text: a plan for any place would expect to read a tenth of the list. A list that is
        narrowed by its caller is planned for that, since it may leave few rows or nearly all.
        """
        page, count = self._compiled(filters, sort_by, order)
        page = page.with_values(page_limit=limit, page_offset=offset)
        if self.only_shown:
            page = page.shown()
        return (page.unprepared(), count.unprepared()) if is_narrowed else (page, count)

    @lru_cache(maxsize=1024)  # noqa: B019 - as above
    def _every_row(self, filters: frozenset[str], sort_by: str, order: str) -> AnyPrepared:
        conditions = [self.filters[name] for name in sorted(filters)]
        return Prepared(self.rows.where(*conditions).order_by(*self._order_by(sort_by, order)))

    def _order_by(self, sort_by: str, order: str) -> list[ColumnElement[Any]]:
        sort = self.sorts[sort_by]
        by = (sort,) if sort is self.key else (sort, self.key)
        return [each.asc() if order == "asc" else each.desc() for each in by]

    @lru_cache(maxsize=1024)  # noqa: B019 - as above
    def _compiled(self, filters: frozenset[str], sort_by: str, order: str) -> tuple[AnyPrepared, Prepared[int]]:
        conditions = [self.filters[name] for name in sorted(filters)]
        order_by = self._order_by(sort_by, order)
        table = self.key.parent.local_table
        count = self.counts.get(filters, select(func.count()).select_from(table).where(*conditions))
        if not self.joins_page:
            rows = self.rows.add_columns(count.correlate(None).scalar_subquery().label("matching")).where(*conditions)
            return Prepared(rows.order_by(*order_by).limit(bindparam("page_limit")).offset(bindparam("page_offset"))), (
                Prepared(count)
            )
        page = (
            select(self.key.label("key"))
            .select_from(self.sort_sources.get(sort_by, table))
            .where(*conditions)
            .order_by(*order_by)
            .limit(bindparam("page_limit"))
            .offset(bindparam("page_offset"))
            .cte("page")
            .prefix_with("MATERIALIZED")
        )
        rows = (
            self.rows.join(page, page.c.key == self.key)
            .add_columns(count.correlate(None).scalar_subquery().label("matching"))
            .order_by(*order_by)
        )
        return Prepared(rows), Prepared(count)
