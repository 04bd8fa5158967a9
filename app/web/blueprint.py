"""The blueprint of every feature: strict arguments, responses in the envelope, and the OpenAPI document of both."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any, Protocol

import marshmallow as ma
from flask import Response
from flask_smorest import Blueprint

from app.db.paging import EveryRow, Page
from app.web import exports, negotiation, paging, versions
from app.web.arguments import Inputs, StrictParser
from app.web.documentation import ServiceApi, describe_operation
from app.web.negotiation import Format
from app.web.schemas import ETag, Schema, envelope_of
from app.web.shown_once import shows_once


class Report(Protocol):
    """A report, in the forms in which it is returned."""

    def whole(self) -> dict[str, Any]:
        """The report as an object."""

    def every_row(self) -> EveryRow:
        """Its rows; of a statement, one for each end of the period included."""


class Statement(Report, Protocol):
    """A statement of an account, which there is on paper as well."""

    def for_paper(self) -> dict[str, Any]:
        """What is drawn of it. Raises Invalid if that is too much."""


class ApiBlueprint(Blueprint):  # type: ignore[misc] # flask-smorest is not typed
    """The routes of a feature."""

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, *args: Any, guide: str, **kwargs: Any) -> None:
        """`guide` is the page and heading of docs/ about the routes, such as `api.md#budgets`."""
        super().__init__(*args, **kwargs)
        self._guide = guide
        self._prepare_doc_cbks.append(describe_operation)

    def _store_endpoint_docs(self, endpoint: str, obj: Any, *args: Any, **options: Any) -> None:
        super()._store_endpoint_docs(endpoint, obj, *args, **options)
        for method, info in self._docs[endpoint].items():
            if method != "parameters":
                view = getattr(obj, method)
                info["view"] = view
                view.formats = getattr(view, "formats", negotiation.OF_ONE_OBJECT)
                view.is_archive = getattr(view, "is_archive", False)
                parameters = info.get("arguments", {}).get("parameters", ())
                info["schemas"] = {each["in"]: each["schema"] for each in parameters}
                info["guide"] = obj.guide or self._guide
                view.inputs = Inputs.declared(info)
                view.operation = info["manual_doc"]["operationId"]

    def register_views_in_doc(self, api: ServiceApi, *args: Any, **options: Any) -> None:
        """Have the operations described when the document is first read."""
        api.describe_later(partial(super().register_views_in_doc, api, *args, **options))

    def arguments(self, schema: Any, **options: Any) -> Any:
        """Declare what a view accepts. The document requires a body unless its schema says that it may be missing."""
        return super().arguments(schema, required=not getattr(schema, "body_may_be_missing", False), **options)

    def response(self, status_code: int, schema: Any = None, **options: Any) -> Any:
        """Declare the response of a view: lists have pages with their headers, and exports; single objects an ETag."""
        rows_of = getattr(schema, "rows_of", None)
        if rows_of is None:
            return self._response_of_one(status_code, schema, **options)
        decorate = super().response(
            status_code, schema, headers={name: name for name in paging.DOCUMENTATION}, **options
        )

        def with_headers(view: Callable[..., Page]) -> Any:
            @wraps(view)
            def listed(
                resource: Any, arguments: dict[str, Any], **values: Any
            ) -> Response | tuple[Page, dict[str, str]]:
                format_ = negotiation.current()
                if format_ != Format.JSON:
                    every_row = view(resource, exports.arguments_of_export(arguments), **values)
                    return exports.response_of(every_row, rows_of, format_)
                page = view(resource, arguments, **values)
                return page, paging.headers(page)

            listed.formats = negotiation.OF_LISTS  # type: ignore[attr-defined]
            return decorate(listed)

        return with_headers

    def statement(
        self, schema: type[ma.Schema], rows_of: type[Schema], render: Callable[[dict[str, Any]], bytes]
    ) -> Any:
        """Declare the response of a view that returns a `Statement`.

        It is a JSON object, CSV of which `rows_of` is the schema of the rows, or a PDF that `render` makes.
        """
        decorate = self.report(schema, rows_of)

        def with_paper(view: Callable[..., Statement]) -> Any:
            respond = decorate(view)

            @wraps(respond)
            def stated(*args: Any, **values: Any) -> Any:
                if negotiation.current() == Format.PDF:
                    return exports.paper_response(render(view(*args, **values).for_paper()))
                return respond(*args, **values)

            stated.formats = negotiation.OF_STATEMENTS  # type: ignore[attr-defined]
            return stated

        return with_paper

    def report(self, schema: type[ma.Schema], rows_of: type[Schema]) -> Any:
        """Declare the response of a view that returns a `Report`: a JSON object, or CSV with rows of `rows_of`."""
        decorate = self._response_of_one(200, schema)

        def with_files(view: Callable[..., Report]) -> Any:
            @wraps(view)
            def as_json(*args: Any, **values: Any) -> Any:
                return view(*args, **values).whole()

            respond = decorate(as_json)

            @wraps(respond)
            def reported(*args: Any, **values: Any) -> Any:
                format_ = negotiation.current()
                if format_ == Format.CSV:
                    return exports.response_of(view(*args, **values).every_row(), rows_of, format_)
                return respond(*args, **values)

            reported.formats = negotiation.OF_REPORTS  # type: ignore[attr-defined]
            return reported

        return with_files

    def archive(self, schema: type[Schema]) -> Any:
        """Declare the response of a view that returns an `EveryRow` for each field of `schema`, written as read."""
        decorate = super().response(200, schema)

        def with_stream(view: Callable[..., Mapping[str, EveryRow]]) -> Any:
            @wraps(view)
            def archived(*args: Any, **values: Any) -> Response:
                return exports.archive_response(view(*args, **values), schema())

            archived.is_archive = True  # type: ignore[attr-defined]
            return decorate(archived)

        return with_stream

    def _response_of_one(self, status_code: int, schema: Any, **options: Any) -> Any:
        etag = versions.of_one_object(schema)

        def decorate(view: Callable[..., Any]) -> Any:
            if etag == ETag.NEVER or (etag == ETag.OF_READS and view.__name__ != "get"):
                return super(ApiBlueprint, self).response(status_code, schema, **options)(view)
            respond = super(ApiBlueprint, self).response(status_code, schema, headers={"ETag": "ETag"}, **options)
            if schema.shown_once and view.__name__ != "get":
                respond = shows_once(schema.shown_once, respond)
            return versions.tagged(view, respond, etag)

        return decorate

    @staticmethod
    def _prepare_response_content(data: Any) -> Any:
        return {"success": True, "data": data}

    @staticmethod
    def _make_doc_response_schema(schema: ma.Schema | dict[str, Any] | None) -> ma.Schema | dict[str, Any] | None:
        # Responses described by hand, such as files, have no envelope.
        if not isinstance(schema, ma.Schema):
            return schema
        return envelope_of(type(schema), many=bool(schema.many))()
