"""Debian's nginx with the configuration that is shipped, on loopback ports of its own."""

import re
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.processes import DEADLINE_SECONDS, ROOT, free_port

SHIPPED = ROOT / "deploy" / "nginx"
# Where Debian keeps it is not on everybody's path.
_PLACES = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"

# Pairs of what stands in the configuration and what to put in its place.
Changes = Sequence[tuple[str, str]]


class Proxy:
    """A running nginx, in a directory that has its configuration and its logs."""

    def __init__(self, directory: Path, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.directory = directory
        self.port = port
        self.process = process

    @property
    def log(self) -> str:
        """The access log."""
        return (self.directory / "access.log").read_text()

    @property
    def errors(self) -> str:
        """The error log."""
        return (self.directory / "error.log").read_text(errors="backslashreplace")


def installed() -> str | None:
    """The path of nginx, if there is one."""
    return shutil.which("nginx", path=_PLACES) or shutil.which("nginx")


def program() -> str:
    """The path of nginx. Fails when there is none."""
    found = installed()
    assert found, "nginx is needed for this: install the Debian package nginx"
    return found


def configure(directory: Path, port: int, upstream: int, tls: int | None, changed: Changes) -> Path:
    """Write the shipped configuration with other ports and paths; with `tls`, its certificate is in the directory."""
    text = (SHIPPED / "nginx.conf").read_text()
    temporary = "".join(
        f"    {kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    replaced = [
        ("listen 8080 ", f"listen 127.0.0.1:{port} "),
        ("server 127.0.0.1:3000 ", f"server 127.0.0.1:{upstream} "),
        ("/var/log/nginx/", f"{directory}/"),
        ("http {\n", "http {\n" + temporary),
        ("user www-data;", f"pid {directory}/nginx.pid;\nuser www-data;"),
        *changed,
    ]
    path = directory / "nginx.conf"
    path.write_text(_substitute(text, replaced))
    if tls is not None:
        (directory / "tls").mkdir()
        text = (SHIPPED / "tls.conf").read_text()
        replaced = [("listen 443 ", f"listen 127.0.0.1:{tls} "), ("/etc/nginx/tls/", f"{directory}/")]
        (directory / "tls" / "tls.conf").write_text(_substitute(text, replaced))
    # nginx started by root works as another user.
    directory.chmod(0o711)
    return path


def _substitute(text: str, replaced: Changes) -> str:
    for old, new in replaced:
        assert old in text, old
        text = text.replace(old, new)
    return text


@contextmanager
def running(directory: Path, upstream: int, *, tls: int | None = None, changed: Changes = ()) -> Iterator[Proxy]:
    """The proxy in front of a port, for the length of the block."""
    port = free_port()
    path = configure(directory, port, upstream, tls, changed)
    command = [program(), "-p", str(directory), "-c", str(path), "-g", "daemon off;"]
    with (directory / "error.log").open("wb") as errors:
        process = subprocess.Popen(command, stdout=errors, stderr=errors, start_new_session=True)
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not _listens(port):
            written = (directory / "error.log").read_text(errors="backslashreplace")
            assert process.poll() is None, written
            assert time.monotonic() < deadline, written
            time.sleep(0.02)
        yield Proxy(directory, port, process)
    finally:
        process.terminate()
        process.wait(DEADLINE_SECONDS)


def _listens(port: int) -> bool:
    """Whether the port is listened on, by the kernel's own list: a probe would be a connection like others."""
    listening = re.compile(rf":{port:04X} [0-9A-F]{{8}}:0000 0A ")
    return listening.search(Path("/proc/net/tcp").read_text()) is not None
