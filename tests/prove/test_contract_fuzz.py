"""Requests made from the document, good ones and bad ones: every answer must be one that the document describes."""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from uuid import uuid4

import pytest
import schemathesis
from flask import Flask, Response
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from app.clients import service as clients
from app.credits import analytics, balances
from app.errors import PaymentRequired
from bench.findings import Finding
from tests.caller import TEN_YEARS, Caller
from tests.conftest import Scale
from tests.document import operations, served
from tests.prove.conftest import Record

SEED = 20250310
KEY = "HTTP_IDEMPOTENCY_KEY"
PHASES = ("examples", "coverage", "fuzzing", "stateful")
# Not asked for: what is good by its shape may still break a rule between fields or name what does not exist; OPTIONS of
# a word where ids stand also names the methods of the id; other tests show what becomes of calls without a token.
UNCHECKED = ("positive_data_acceptance", "allow_header_conformance", "ignored_auth")


class Run:
    """The answers to one run of requests."""

    def __init__(self) -> None:
        self.requests = 0
        self.statuses: Counter[int] = Counter()
        self.failures: list[tuple[str, str, str]] = []
        self.phases: set[str] = set()
        self.operations: set[str] = set()

    def read(self, event: Any) -> None:
        """Note what one event of the run tells."""
        assert not isinstance(event, events.NonFatalError | events.FatalError), event
        if not isinstance(event, events.ScenarioFinished):
            return
        self.phases.add(event.phase.value)
        for interaction in event.recorder.interactions.values():
            if interaction.response is not None:
                self.requests += 1
                self.statuses[interaction.response.status_code] += 1
        self.operations |= {node.value.operation.label for node in event.recorder.cases.values()}
        for case_id, checks in event.recorder.checks.items():
            for check in checks:
                if check.failure_info is not None:
                    operation = event.recorder.cases[case_id].value.operation.label
                    self.failures.append((check.name, operation, str(check.failure_info.failure)))


@pytest.fixture
def run(app: Flask, customer: Caller, token: Callable[..., str]) -> Callable[..., Run]:  # noqa: ARG001 - its account
    """Makes requests as an administrator who is also a customer: `run(examples=5)`."""
    bearer = token(user="owner", hours=TEN_YEARS)

    def with_new_keys(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # With the few keys that are made up, most answers would be that the key was used for another request.
        if re.fullmatch(r"[\x21-\x7e]{1,255}", environ.get(KEY, "")):
            environ[KEY] = str(uuid4())
        return app(environ, start_response)

    def make(examples: int, phases: tuple[str, ...] = PHASES, only: tuple[str, ...] = ()) -> Run:
        config = SchemathesisConfig.from_dict(
            {
                "seed": SEED,
                "headers": {"Authorization": f"Bearer {bearer}"},
                "generation": {"max-examples": examples, "deterministic": True, "no-shrink": True, "database": "none"},
                "phases": {phase: {"enabled": phase in phases} for phase in PHASES},
                "checks": {name: {"enabled": False} for name in UNCHECKED},
                # A bulk call with bad items is answered 200, and each item by itself.
                "operations": [
                    {"include-path-regex": "/bulk$", "checks": {"negative_data_rejection": {"enabled": False}}}
                ],
                "continue-on-failure": True,
                "warnings": False,
                "cache": {"enabled": False},
                # It would read the values to send from the source of the service.
                "analysis": {"constants": {"enabled": False}},
            }
        )
        schema = schemathesis.openapi.from_wsgi("/openapi.json", with_new_keys, config=config)
        done = Run()
        for event in from_schema(schema.include(operation_id=list(only)) if only else schema).execute():
            done.read(event)
        return done

    return make


def _crash(_: Any) -> None:
    raise RuntimeError("broken on purpose")


def _refuse(_: Any) -> None:
    raise PaymentRequired("broken on purpose")


@pytest.fixture
def reported(run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What is reported of views that crash, or answer a status, a type or a shape that the document does not know."""
    with monkeypatch.context() as patch:
        patch.setattr(clients, "search", _crash)
        patch.setattr(clients, "get", _refuse)
        patch.setattr(analytics, "usage", lambda *_: Response("{}", mimetype="text/plain"))
        patch.setattr(balances, "balance", lambda _: {})
        broken = ("listClients", "getClient", "getUsageAnalytics", "getCreditBalance")
        done = run(examples=1, phases=("fuzzing",), only=broken)
    return {name for name, _, _ in done.failures}


def test_every_answer_is_one_the_document_describes(
    app: Flask, run: Callable[..., Run], reported: set[str], scale: Scale, record: Record
) -> None:
    documented = {f"{method.upper()} {path}" for path, method, _ in operations(served(app))}
    phases = PHASES if scale(1, 0) else ("examples", "fuzzing", "stateful")
    done = run(examples=scale(75, 3), phases=phases)
    assert done.phases == set(phases)
    assert done.operations == documented
    # A run of refusals would prove little.
    assert done.statuses[200] + done.statuses[201] > done.requests / 20
    assert done.failures == []
    assert reported >= {
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
    }
    record(
        Finding(
            check="Answers are those the OpenAPI document describes",
            done=f"{done.requests} requests to {len(documented)} operations",
            wrong=len(done.failures),
            control=f"reported: {', '.join(sorted(reported))}",
            seed=SEED,
            also="answers by status: "
            + ", ".join(f"{status} {times}" for status, times in sorted(done.statuses.items())),
        )
    )
