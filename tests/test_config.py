import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url

from app.config import ROOT, ConfigurationError, Settings
from app.config.declaration import declarations
from tests.processes import finish, flask, start

SECRET = "x" * 32
DATABASE = "postgresql://billing@db/billing"
JWKS = {"AUTH_JWKS_URL": "https://auth.example.com/jwks.json", "VALID_ISSUERS": '["https://auth.example.com/"]'}


def connects_with(url: str) -> dict[str, Any]:
    """What the driver is called with for an address."""
    return dict(create_engine(url).dialect.create_connect_args(make_url(url))[1])


@pytest.fixture
def load(tmp_path: Path) -> Any:
    """Reads settings from variables, with a directory of its own."""
    return lambda **environ: Settings.load({"VAR_DIR": str(tmp_path / "var"), **environ})


class TestRefusals:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("APP_ENV", "prod"),
            ("APP_ENV", "staging"),
            ("HOST", "127.0.0.1:3000"),
            ("HOST", "http://127.0.0.1"),
            ("HOST", "two words"),
            ("HOST", "é.example"),
            ("HOST", "a..b"),
            ("PORT", "many"),
            ("PORT", "9" * 5000),
            ("PORT", "0"),
            ("PORT", "65536"),
            ("PORT", "-1"),
            ("PORT", "3000.0"),
            ("PORT", "\uff13000"),
            ("WEB_CONCURRENCY", "0"),
            ("WEB_CONCURRENCY", "two"),
            ("WEB_CONCURRENCY", "1025"),
            ("TRUSTED_PROXY_HOPS", "-1"),
            ("TRUSTED_PROXY_HOPS", "11"),
            ("KEEP_ALIVE_SECONDS", "0"),
            ("KEEP_ALIVE_SECONDS", "1.5"),
            ("WORKER_MAX_REQUESTS", "often"),
            ("LOG_LEVEL", "LOUD"),
            ("LOG_LEVEL", "TRACE"),
            ("SELLER_NAME", "Acme\nLtd"),
            ("SELLER_NAME", "x" * 256),
            ("SELLER_ADDRESS", "x" * 1001),
            ("SELLER_ADDRESS", "a\tb"),
            ("SELLER_TAX_ID", "a\nb"),
            ("SELLER_REGISTRATION", "x" * 256),
            ("SELLER_BANK", "a\x00b"),
            ("AUTH_AUDIENCE", "a\tb"),
            ("STRIPE_SECRET_KEY", "sk live"),
            ("STRIPE_SECRET_KEY", "sk_é"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_\x00"),
            ("STRIPE_API_BASE", "api.stripe.com"),
            ("STRIPE_API_BASE", "https://[::1"),
            ("STRIPE_API_BASE", "https://api.stripe.com:99999"),
            ("STRIPE_API_BASE", "https://api stripe.com"),
            *(
                ("RATE_LIMITS", text)
                for text in ("on", "caller", "caller=", "caller=5", "caller=0/second", "nobody=5/second", "=5/second")
            ),
            ("RATE_LIMIT_STORAGE_URL", "http://counts.example"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "collector"),
            ("OTEL_SDK_DISABLED", "maybe"),
            ("OTEL_TRACES_EXPORTER", "zipkin"),
            ("ACCOUNT_DATES", "on"),
            ("DATABASE_URL", "sqlite:///billing.db"),
            ("DATABASE_URL", "mysql://localhost/billing"),
            ("DATABASE_URL", "localhost/billing"),
            ("DATABASE_URL", "postgresql:billing"),
            ("DATABASE_URL", "postgresql://localhost:port/billing"),
            ("DATABASE_URL", "postgresql://one:5432,two:port/billing"),
            ("DATABASE_URL", "mysql://one,two/billing"),
            ("DATABASE_URL", "postgresql://localhost:99999/billing"),
            ("DATABASE_URL", "postgresql://localhost/billing?colour=red"),
            ("DATABASE_OWNER_URL", "mysql://localhost/billing"),
            ("DATABASE_REPLICA_URL", "mysql://localhost/billing"),
            ("DATABASE_REPLICA_URL", "postgresql://localhost:port/billing"),
            *(("DATABASE_REPLICA_MAX_LAG", text) for text in ("0", "0.0", "-1", "10.1", "soon", "1e1", "inf", ".")),
            ("MEMBER_DB_URL", "mysql://localhost/members"),
            ("MEMBER_DB_URL", "members"),
            ("AUTH_SECRET", "short"),
            ("AUTH_SECRET", "x" * 31),
            ("AUTH_SECRET", f"{'x' * 40},short"),
            ("AUTH_SECRET", f"{'x' * 40},"),
            ("AUTH_SECRET", f",{'x' * 40}"),
            ("EMAIL_VERIFIED_DEFAULT", "yes"),
            ("EMAIL_VERIFIED_DEFAULT", "1"),
            ("VALID_ISSUERS", "https://auth.example.com/"),
            ("VALID_ISSUERS", '"https://auth.example.com/"'),
            ("VALID_ISSUERS", '{"a": 1}'),
            ("VALID_ISSUERS", "[1]"),
            ("VALID_ISSUERS", '[""]'),
            ("VALID_ISSUERS", "null"),
            ("VALID_ISSUERS", "[" * 100_000),
        ],
    )
    def test_an_unusable_value_is_refused_by_name(self, load: Any, name: str, value: str) -> None:
        with pytest.raises(ConfigurationError, match=name) as refused:
            load(**{name: value})
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 300

    @pytest.mark.parametrize(
        "origin",
        [
            "https://*.a.example",
            "https://a.example, *",
            "*.a.example",
            "https://.*",
            "https://a.example/",
            "https://a.example/admin",
            "https://a.example?x=1",
            "https://user@a.example",
            "https://a.example:0",
            "https://a.example:99999",
            "https://a.example:443",
            "http://a.example:80",
            "https://a..example",
            "https://[::1",
            "https://[zz]",
            "https://",
            "//a.example",
            "a.example",
            "null",
            "https://ä.example",
        ],
    )
    def test_what_is_no_origin_is_refused(self, load: Any, origin: str) -> None:
        with pytest.raises(ConfigurationError, match="CORS_ORIGINS must be origins such as"):
            load(CORS_ORIGINS=f"https://b.example,{origin}")

    @pytest.mark.parametrize(
        ("given", "read"),
        [
            ("*", ("*",)),
            ("HTTPS://Admin.Example.com", ("https://admin.example.com",)),
            ("http://localhost:5173, http://[::1]:5173", ("http://localhost:5173", "http://[::1]:5173")),
            ("http://127.0.0.1:3000", ("http://127.0.0.1:3000",)),
            ("capacitor://localhost", ("capacitor://localhost",)),
            ("https://a.example:80", ("https://a.example:80",)),
        ],
    )
    def test_origins_are_read_as_browsers_send_them(self, load: Any, given: str, read: tuple[str, ...]) -> None:
        assert load(CORS_ORIGINS=given).cors_origins == read

    @pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_REPLICA_URL", "MEMBER_DB_URL"])
    def test_a_password_is_not_repeated(self, load: Any, name: str) -> None:
        with pytest.raises(ConfigurationError, match=name) as refused:
            load(**{name: "mysql://billing:hunter2@localhost/billing"})
        assert "hunter2" not in str(refused.value)

    def test_a_short_secret_is_not_repeated(self, load: Any) -> None:
        with pytest.raises(ConfigurationError, match="AUTH_SECRET") as refused:
            load(AUTH_SECRET="hunter2")
        assert "hunter2" not in str(refused.value)

    @pytest.mark.parametrize(
        "url", ["auth.example.com/jwks.json", "file:///etc/passwd", "ftp://auth.example.com/", "https://"]
    )
    def test_keys_come_over_http_only(self, load: Any, url: str) -> None:
        with pytest.raises(ConfigurationError, match="AUTH_JWKS_URL"):
            load(**JWKS | {"AUTH_JWKS_URL": url})

    @pytest.mark.parametrize("issuers", [{}, {"VALID_ISSUERS": ""}, {"VALID_ISSUERS": "[]"}])
    def test_keys_of_a_provider_need_its_name(self, load: Any, issuers: dict[str, str]) -> None:
        with pytest.raises(ConfigurationError, match="VALID_ISSUERS"):
            load(AUTH_JWKS_URL=JWKS["AUTH_JWKS_URL"], **issuers)

    @pytest.mark.parametrize("environment", ["production", "Production", " PRODUCTION "])
    @pytest.mark.parametrize("secret", [{}, {"AUTH_SECRET": ""}, {"AUTH_SECRET": "  "}])
    def test_production_makes_no_secret_of_its_own(
        self, load: Any, tmp_path: Path, environment: str, secret: dict[str, str]
    ) -> None:
        with pytest.raises(ConfigurationError, match=r"AUTH_SECRET.*AUTH_JWKS_URL"):
            load(APP_ENV=environment, DATABASE_URL=DATABASE, **secret)
        assert not (tmp_path / "var").exists()

    def test_production_does_not_use_a_secret_made_before(self, load: Any) -> None:
        load()
        with pytest.raises(ConfigurationError, match="AUTH_SECRET"):
            load(APP_ENV="production", DATABASE_URL=DATABASE)

    @pytest.mark.parametrize("url", [{}, {"DATABASE_URL": ""}])
    def test_production_has_no_embedded_server(self, load: Any, tmp_path: Path, url: dict[str, str]) -> None:
        with pytest.raises(ConfigurationError, match="DATABASE_URL"):
            load(APP_ENV="production", AUTH_SECRET=SECRET, **url)
        assert not (tmp_path / "var").exists()

    def test_production_names_everything_that_is_missing(self, load: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"DATABASE_URL.*AUTH_SECRET.*AUTH_JWKS_URL"):
            load(APP_ENV="production")

    def test_the_embedded_server_has_no_owner_of_its_own(self, load: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"DATABASE_OWNER_URL.*DATABASE_URL"):
            load(DATABASE_OWNER_URL=DATABASE)

    def test_a_directory_that_cannot_be_is_refused_by_name(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ConfigurationError, match="VAR_DIR"):
            Settings.load({"VAR_DIR": str(tmp_path / "file" / "var")})

    @pytest.mark.parametrize("content", ["", "\n", "short"])
    def test_a_damaged_secret_is_not_used(self, load: Any, tmp_path: Path, content: str) -> None:
        load()
        kept = tmp_path / "var" / "auth_secret"
        kept.write_text(content)
        with pytest.raises(ConfigurationError, match=str(kept)):
            load()


class TestValues:
    def test_nothing_set_is_a_service_for_development(self, load: Any, tmp_path: Path) -> None:
        settings = load()
        assert (settings.production, settings.host, settings.port) == (False, "127.0.0.1", 3000)
        assert (settings.log_level, settings.embedded_dir) == ("INFO", tmp_path / "var")
        assert settings.account_dates_enforced is False
        assert load(ACCOUNT_DATES="enforce").account_dates_enforced is True
        assert settings.web_concurrency >= 2
        assert settings.database_url.startswith("postgresql+psycopg2://")
        assert (settings.database_replica_url, settings.database_replica_max_lag) == (None, 0.1)
        nothing = (settings.auth_jwks_url, settings.auth_audience, settings.member_db_url)
        assert (nothing, settings.valid_issuers, settings.cors_origins) == ((None,) * 3, (), ())

    def test_blank_is_not_set(self, load: Any) -> None:
        names = {each.variable for each in declarations(Settings)} - {"VAR_DIR"}
        assert load(**dict.fromkeys(names, " ")) == load()

    def test_what_is_empty_is_unset_for_commands_too(self, empty_var_dir: Path) -> None:
        """gunicorn reads WEB_CONCURRENCY by itself, and OpenTelemetry its own variables."""
        names = {each.variable for each in declarations(Settings)} - {"VAR_DIR"}
        found = finish(
            flask("token", "--role", "administrator", VAR_DIR=str(empty_var_dir), **dict.fromkeys(names, ""))
        )
        assert (found[0], found[2]) == (0, "")

    def test_the_defaults_are_usable_values(self) -> None:
        for each in declarations(Settings):
            each.value({})

    @pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
    def test_a_database_is_used_by_its_usual_names(self, load: Any, scheme: str) -> None:
        settings = load(DATABASE_URL=f"{scheme}://u:p%40ss@db:5433/billing?sslmode=require")
        assert settings.database_url == "postgresql+psycopg2://u:p%40ss@db:5433/billing?sslmode=require"
        assert settings.embedded_dir is None

    @pytest.mark.parametrize(
        ("url", "hosts", "ports"),
        [
            ("postgresql://u:p%40ss@one:5432,two:5433/billing", "one,two", "5432,5433"),
            ("postgres://u:p%40ss@one,two:5433/billing", "one,two", ",5433"),
            ("postgresql://u:p%40ss@[::1]:5432,[::2]/billing", "::1,::2", "5432,"),
            ("postgresql://u:p%40ss@/billing?host=one:5432&host=two:5433", "one,two", "5432,5433"),
            ("postgresql+psycopg2://u:p%40ss@/billing?host=one,two&port=5432,5433", "one,two", "5432,5433"),
            ("postgresql://u:p%40ss@%2Frun%2Fone,%2Frun%2Ftwo/billing", "/run/one,/run/two", ","),
        ],
    )
    def test_a_database_may_be_on_several_hosts(self, load: Any, url: str, hosts: str, ports: str) -> None:
        found = connects_with(load(DATABASE_URL=url).database_url)
        password = {"user": "u", "password": "p@ss", "dbname": "billing"}
        assert found == {**password, "host": hosts, "port": ports, "target_session_attrs": "read-write"}

    def test_what_an_address_says_of_several_hosts_is_kept(self, load: Any) -> None:
        url = "postgresql://u@one,two/billing?target_session_attrs=prefer-standby&sslmode=require"
        for name in ("database_url", "database_replica_url"):
            found = connects_with(getattr(load(**{name.upper(): url}), name))
            assert (found["target_session_attrs"], found["sslmode"]) == ("prefer-standby", "require")
        several = load(DATABASE_REPLICA_URL="postgresql://u@one,two/billing").database_replica_url
        assert "target_session_attrs" not in connects_with(several), "any replica will do"

    def test_values_are_read_as_what_they_are(self, load: Any) -> None:
        settings = load(
            PORT=" 8080 ",
            WEB_CONCURRENCY="1",
            LOG_LEVEL="debug",
            CORS_ORIGINS="https://a.example.com, https://b.example.com,",
            AUTH_AUDIENCE="us",
            MEMBER_DB_URL="postgresql://reader@members/db",
            DATABASE_REPLICA_URL="postgresql://reader@replica/db",
            DATABASE_REPLICA_MAX_LAG="2.5",
            **JWKS,
        )
        assert (settings.port, settings.web_concurrency, settings.log_level) == (8080, 1, "DEBUG")
        assert settings.cors_origins == ("https://a.example.com", "https://b.example.com")
        assert (settings.auth_audience, settings.member_db_url) == ("us", "postgresql://reader@members/db")
        assert settings.database_replica_url == "postgresql+psycopg2://reader@replica/db"
        assert settings.database_replica_max_lag == 2.5
        assert settings.valid_issuers == ("https://auth.example.com/",)

    def test_a_relative_directory_is_below_the_project(self) -> None:
        assert Settings.load({"VAR_DIR": "elsewhere/var", "AUTH_SECRET": SECRET}).var_dir == ROOT / "elsewhere" / "var"

    @pytest.mark.parametrize("environ", [{"AUTH_SECRET": SECRET}, JWKS, {"AUTH_SECRET": SECRET, **JWKS}])
    def test_production_starts_with_a_secret_or_keys(self, load: Any, tmp_path: Path, environ: dict[str, str]) -> None:
        settings = load(APP_ENV="production", DATABASE_URL=DATABASE, **environ)
        assert settings.production
        assert settings.auth_secrets == ((SECRET,) if "AUTH_SECRET" in environ else ())
        assert not (tmp_path / "var").exists(), "no secret is made where none is needed"

    def test_a_secret_counts_in_bytes(self, load: Any) -> None:
        assert load(AUTH_SECRET="é" * 16).auth_secrets == ("é" * 16,)

    def test_several_secrets_are_a_comma_list(self, load: Any) -> None:
        new, old = "n" * 32, "o" * 32
        assert load(AUTH_SECRET=f"{new}, {old}").auth_secrets == (new, old)

    @pytest.mark.parametrize(
        ("text", "verified"), [("true", True), ("TRUE", True), ("false", False), ("", False), (None, False)]
    )
    def test_addresses_are_unverified_unless_the_setting_says_so(
        self, load: Any, text: str | None, verified: bool
    ) -> None:
        environ = {} if text is None else {"EMAIL_VERIFIED_DEFAULT": text}
        assert load(**environ).email_verified_default is verified


class TestKeptSecret:
    def test_it_is_long_and_for_the_owner_only(self, load: Any, tmp_path: Path) -> None:
        (secret,) = load().auth_secrets
        assert len(secret) >= 32
        assert [path.name for path in (tmp_path / "var").iterdir()] == ["auth_secret"]
        assert stat.S_IMODE((tmp_path / "var" / "auth_secret").stat().st_mode) == 0o600

    def test_it_stays_the_same(self, load: Any) -> None:
        assert load().auth_secrets == load().auth_secrets == load(PORT="8080").auth_secrets

    def test_every_directory_has_its_own(self, tmp_path: Path) -> None:
        one, two = (Settings.load({"VAR_DIR": str(tmp_path / name)}).auth_secrets for name in ("one", "two"))
        assert one != two

    def test_a_given_secret_is_used_in_its_place(self, load: Any) -> None:
        kept = load().auth_secrets
        assert load(AUTH_SECRET=SECRET).auth_secrets == (SECRET,)
        assert load().auth_secrets == kept

    def test_processes_that_start_together_agree(self, tmp_path: Path) -> None:
        """Forked from one, each waits at a gate until all are ready, then asks."""
        ask = """
import os, pathlib, sys
from app.config import Settings
gate, (ready, say_ready), children = pathlib.Path(sys.argv[1]), os.pipe(), []
for _ in range(4):
    if not (child := os.fork()):
        os.write(say_ready, b".")
        while not gate.exists():
            pass
        print(*Settings.load({"VAR_DIR": sys.argv[2]}).auth_secrets)
        sys.exit()
    children.append(child)
for _ in children:
    os.read(ready, 1)
gate.touch()
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
"""
        gate, var_dir = tmp_path / "gate", tmp_path / "var"
        code, out, err = finish(start(sys.executable, "-c", ask, str(gate), str(var_dir)))
        assert (code, err) == (0, "")
        first, *others = out.splitlines()
        assert others == [first] * 3
        assert [path.name for path in var_dir.iterdir()] == ["auth_secret"]


def test_a_dotenv_file_that_is_not_utf_8_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.config.settings.ROOT", tmp_path)
    (tmp_path / ".env").write_bytes(b"SELLER_NAME=M\xfcller GmbH\n")
    with pytest.raises(ConfigurationError, match="is not UTF-8 text: byte 14"):
        Settings.load()
