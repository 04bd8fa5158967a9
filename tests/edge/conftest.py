"""The service as it is shipped: gunicorn, and Debian's nginx in front of it, on the database of the tests."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from flask import Flask

from app.config import Settings
from tests import proxy
from tests.conftest import SECRET
from tests.edge.wire import Response, Target
from tests.processes import Service, finish, until

WORKERS = 2


@pytest.fixture(scope="package")
def service(_migrated_app: Flask, settings: Settings) -> Iterator[Service]:
    with tempfile.TemporaryDirectory(prefix="billing-") as directory:
        environ = {"DATABASE_URL": settings.database_url, "AUTH_SECRET": SECRET, "TRUSTED_PROXY_HOPS": "1"}
        running = Service(Path(directory), WEB_CONCURRENCY=str(WORKERS), **environ)
        children = psutil.Process(running.process.pid).children
        until(lambda: len(children()) == WORKERS, "the workers to be there")
        yield running
        # At once: what an attack left does not have to be waited for.
        code, _, err = finish(running.process, 2)
        assert code == 0
        assert "Traceback" not in err, err


@pytest.fixture(scope="package")
def direct(service: Service) -> Target:
    """gunicorn itself, as nobody but the proxy meets it."""
    return Target(service.port, service.token)


@pytest.fixture(scope="package")
def nginx(service: Service) -> Iterator[proxy.Proxy]:
    with (
        tempfile.TemporaryDirectory(prefix="billing-nginx-") as directory,
        proxy.running(Path(directory), service.port) as running,
    ):
        yield running


@pytest.fixture(scope="package")
def front(service: Service, nginx: proxy.Proxy) -> Target:
    """The service as callers meet it: through the proxy."""
    return Target(nginx.port, service.token)


@pytest.fixture
def workers(service: Service) -> Iterator[None]:
    """Sees that no worker ended during the test, and that the service answers after it."""
    parent = psutil.Process(service.process.pid)
    before = parent.children()
    yield
    assert service.get("/health/live") == {"status": "ok"}
    assert parent.children() == before


def envelope(response: Response) -> tuple[int, str]:
    """The status and reason of a refusal, which must be in the envelope and have a request id."""
    body = json.loads(response.body)
    assert response.headers["content-type"] == "application/json", response
    assert response.headers["x-request-id"], response
    assert body["success"] is False
    assert body["error"]["code"] == response.status
    assert body["error"]["message"]
    return response.status, body["error"]["reason"]
