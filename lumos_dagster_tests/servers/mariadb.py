"""A real MariaDB for the tests, from Debian's package: one per process of the tests, on a free port, gone after."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

from lumos_dagster_tests.servers.dagster_ui import free_port
from lumos_dagster_tests.servers.postgres import process_wait

PASSWORD_USER, PASSWORD = "careful", "hunter2-canary"


@dataclass(frozen=True)
class MariadbServer:
    """A running server; `root` needs no password from this machine, the user `careful` does."""

    port: int

    def url(self, database: str, user: str = "root") -> str:
        """As JDBC writes it."""
        return f"jdbc:mariadb://{user}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def connect(self, database: str | None = None) -> Iterator["pymysql.Connection[Any]"]:
        """A connection of the test's own, every statement committed at once."""
        options: dict[str, Any] = {"init_command": "SET time_zone = '+00:00'", "charset": "utf8mb4", "autocommit": True}
        with closing(
            pymysql.connect(host="127.0.0.1", port=self.port, user="root", database=database, **options)
        ) as raw:
            yield raw


@dataclass(frozen=True)
class MariadbDatabase:
    """A fresh database."""

    server: MariadbServer
    name: str

    @property
    def url(self) -> str:
        """Its URL."""
        return self.server.url(self.name)

    def rows(self, statements: str) -> list[tuple[Any, ...]]:
        """What the last of the statements, parted by `;;`, gives."""
        with self.server.connect(self.name) as raw, raw.cursor() as cursor:
            for statement in statements.split(";;"):
                cursor.execute(statement)
            return list(cursor.fetchall())


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariadbServer]:
    """The server of this process of the tests."""
    with (
        tempfile.TemporaryDirectory(prefix="lumos-mariadb-", ignore_cleanup_errors=True) as folder,
        served(Path(folder)) as server,
    ):
        yield server


@contextmanager
def served(folder: Path, *settings: str, port: int | None = None) -> Iterator[MariadbServer]:
    """A server over the data in a folder, which is made where it is missing."""
    assert shutil.which("mariadbd"), "mariadbd is missing; `make test` installs Debian's mariadb-server-core"
    data, port = folder / "data", port or free_port()
    own = f"--tmpdir={folder}"  # a server that starts clears its tmpdir of what it takes for its own leavings
    user = ["--user=nobody"] if os.getuid() == 0 else []
    if user:
        shutil.chown(folder, "nobody")
    if not data.exists():
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", f"--datadir={data}", own]
        command = ["mariadb-install-db", "--no-defaults", *user, *options]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        assert made.returncode == 0, f"mariadb-install-db failed: {made.stdout}{made.stderr}"
    places = [f"--datadir={data}", f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}", own]
    ours = ["--bind-address=127.0.0.1", f"--port={port}", "--character-set-server=utf8mb4", *(settings or _FAST)]
    command = ["mariadbd", "--no-defaults", *user, *places, *ours]
    with (folder / "log").open("ab") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        server = MariadbServer(port)
        try:
            _wait_until_it_is_ours(server, data, process)
            yield server
        finally:
            process.terminate()
            process.wait(60)


@pytest.fixture
def mariadb(mariadb_server: MariadbServer) -> Iterator[MariadbDatabase]:
    """A fresh database, dropped after the test."""
    database = MariadbDatabase(mariadb_server, f"test_{uuid.uuid4().hex[:12]}")
    with mariadb_server.connect() as raw, raw.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {database.name}")
        yield database
        cursor.execute(f"DROP DATABASE {database.name}")


_FAST = ("--innodb-flush-log-at-trx-commit=0", "--sync-binlog=0")


def _wait_until_it_is_ours(server: MariadbServer, data: Path, process: "subprocess.Popen[bytes]") -> None:
    """Another server may have taken the port: only the one with our data folder is ours."""
    for _ in range(600):
        assert process.poll() is None, "the MariaDB server ended at once"
        try:
            with server.connect() as raw, raw.cursor() as cursor:
                cursor.execute("SELECT @@datadir")
                found = Path(str((cursor.fetchone() or ("",))[0]))
                assert found == data, f"port {server.port} belongs to a server over {found}"
                cursor.execute(f"CREATE USER IF NOT EXISTS {PASSWORD_USER}@'%' IDENTIFIED BY '{PASSWORD}'")
                cursor.execute(f"GRANT ALL ON *.* TO {PASSWORD_USER}@'%'")
                return
        except pymysql.OperationalError:
            process_wait(process)
    raise AssertionError("the MariaDB server does not answer")
